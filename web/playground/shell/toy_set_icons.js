// Thumbnails of the toy datasets: dots in the colours of their classes or numbers.

import { stateOf } from "../training/state.js";
import { toyRows } from "../training/toy_sets.js";
import { ABOVE, BELOW, between, css } from "../views/colours.js";

const SPACE = "http://www.w3.org/2000/svg";
const N = 90;
/** Largest coordinate of a toy dataset. */
const RANGE = 6;

/** Dots of a dataset: x, y, and the target from −1 to 1. */
function dotsOf(kind) {
  const { data } = stateOf({ data: { kind, n: N } }).state;
  const { x, y } = toyRows(data);
  const targetOf = data.problem === "regression" ? (target) => target : (label) => 2 * label - 1;
  return Array.from(y, (target, i) => [x[2 * i] / RANGE, x[2 * i + 1] / RANGE, targetOf(target)]);
}

/** Dots of a table, the target in its last column. */
const TABLE = Array.from({ length: 35 }, (_, i) => [
  ((i % 5) - 2) / 2.4,
  (Math.floor(i / 5) - 3) / 3.6,
  i % 5 === 4 ? (i % 3 ? 1 : -1) : 0,
]);

/** Create the decorative thumbnail of a dataset. */
export function toySetIcon(name) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "-1.15 -1.15 2.3 2.3");
  svg.setAttribute("aria-hidden", "true");
  for (const [x, y, value] of name === "rows" ? TABLE : dotsOf(name)) {
    const dot = document.createElementNS(SPACE, "circle");
    dot.setAttribute("cx", x.toFixed(2));
    dot.setAttribute("cy", (-y).toFixed(2));
    dot.setAttribute("r", "0.07");
    dot.setAttribute("fill", css(colourOf(value)));
    svg.append(dot);
  }
  return svg;
}

/** Colour of a target; those near 0 are grey, visible in both colour schemes. */
const colourOf = (value) =>
  between([150, 152, 156], value < 0 ? BELOW : ABOVE, Math.min(1, Math.abs(value)));
