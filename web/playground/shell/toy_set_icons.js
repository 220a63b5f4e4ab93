// Thumbnails of the toy datasets: dots in the colours of their classes or numbers.

import { ABOVE, BELOW, between, css } from "../views/colours.js";

const SPACE = "http://www.w3.org/2000/svg";
const GOLDEN = 2.399963;
const N = 90;

/** Disc of evenly spread dots. */
const disc = Array.from({ length: N }, (_, i) => {
  const [r, turn] = [Math.sqrt((i + 0.5) / N), i * GOLDEN];
  return [r * Math.cos(turn), r * Math.sin(turn)];
});
const square = disc.map(([x, y]) => [1.25 * x, 1.25 * y].map((v) => Math.max(-1, Math.min(1, v))));
const path = (n, place) => Array.from({ length: n }, (_, i) => place(i / (n - 1), i));
const side = (x) => (x > 0 ? 1 : -1);

const spiralArm = (sign) =>
  path(22, (t) => {
    const turn = 1.75 * t * 2 * Math.PI;
    return [sign * t * Math.sin(turn), sign * t * Math.cos(turn), sign];
  });
const moon = (sign) =>
  path(24, (t, i) => {
    const wide = 1 + 0.08 * ((i % 3) - 1);
    const turn = t * Math.PI;
    return [
      (wide * Math.cos(turn) - 0.5 * -sign * -1) * 0.62,
      sign * (wide * Math.sin(turn) - 0.3) * 0.8,
      sign,
    ];
  });
const hill = ([x, y], [a, b]) => Math.max(0, 1 - 1.6 * Math.sqrt((x - a) ** 2 + (y - b) ** 2));

/** Dots of each dataset: x, y, and the target from −1 to 1. */
const DOTS = {
  circle: () =>
    disc.flatMap(([x, y]) => {
      const r = Math.sqrt(x * x + y * y);
      return r < 0.5 ? [[x, y, 1]] : r > 0.7 ? [[x, y, -1]] : [];
    }),
  xor: () =>
    square
      .filter(([x, y]) => Math.abs(x) > 0.12 && Math.abs(y) > 0.12)
      .map(([x, y]) => [x, y, side(x * y)]),
  gauss: () =>
    disc.flatMap(([x, y], i) =>
      i % 2 ? [[0.45 * x + 0.45, 0.45 * y + 0.45, 1]] : [[0.45 * x - 0.45, 0.45 * y - 0.45, -1]],
    ),
  spiral: () => [...spiralArm(1), ...spiralArm(-1)],
  moons: () => [...moon(1), ...moon(-1)],
  diagonal: () => square.map(([x, y], i) => [x, y, i % 11 === 5 ? -side(x + y) : side(x + y)]),
  above: () => square.map(([x, y]) => [x, y, side(y - 0.5 * Math.sin(3 * x))]),
  plane: () => square.map(([x, y]) => [x, y, (x + y) / 2]),
  "multi-gauss": () =>
    square.map((at) => {
      const up = hill(at, [-0.6, 0.6]) + hill(at, [0.6, -0.6]) + hill(at, [0, 0]);
      return [...at, up - hill(at, [0.6, 0.6]) - hill(at, [-0.6, -0.6])];
    }),
  formula: () => square.map(([x, y]) => [x, y, Math.sin(3 * x)]),
  rows: () =>
    path(35, (t, i) => [
      ((i % 5) - 2) / 2.4,
      (Math.floor(i / 5) - 3) / 3.6,
      i % 5 === 4 ? side((i % 3) - 1.5) : 0,
    ]),
};

/** Create the decorative thumbnail of a dataset. */
export function toySetIcon(name) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "-1.15 -1.15 2.3 2.3");
  svg.setAttribute("aria-hidden", "true");
  for (const [x, y, value] of DOTS[name]()) {
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
