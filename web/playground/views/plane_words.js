// Captions of the output map: axes, legend, readout, description for screen readers.

import { element, formatNumber, formatPercent, translate } from "../../shared/words.js";
import { CLASS_COLOURS, css, diverging, shapeOf } from "./colours.js";
import { rangeOf } from "./heatmap.js";
import { displayOutputs } from "./display_outputs.js";
import { listed, sentences } from "./view.js";

/** Label of an axis: its limits, and the name of its column. */
export function axisLabel(axis, name, range) {
  const ends = range.map((value) => element("span", {}, formatNumber(value, 3)));
  axis.replaceChildren(ends[0], element("b", {}, name), ends[1]);
}

/** Create the legend of colours and markers: each class, or the range of numbers. */
export function legendOf(place, rows, map, palette) {
  if (rows.classes && map.kind !== "numbers") {
    const entries = rows.classes.slice(0, CLASS_COLOURS.length).map((name, k) => {
      const sign = mark(k, CLASS_COLOURS[k]);
      return element("span", { class: "entry" }, sign, name);
    });
    if (rows.classes.length > entries.length) entries.push("…");
    place.replaceChildren(...entries);
    return;
  }
  const bar = element("span", { class: "scale", "aria-hidden": "true" });
  const stops = [-1, -0.5, 0, 0.5, 1].map((t) => css(diverging(t, palette.paper)));
  bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const [low, high] = map.range.map((value) => formatNumber(value, 3));
  place.replaceChildren(element("span", {}, low), bar, element("span", {}, high));
}

/** Create the marker of a class, beside its name. */
function mark(k, colour) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "-1.4 -1.4 2.8 2.8");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("mark");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", shapeOf(k));
  path.setAttribute("fill", css(colour));
  svg.append(path);
  return svg;
}

/** Readout under the pointer: position and outputs. */
export function readout(parts, { rows }, map, x, outputs) {
  if (!map) {
    parts.readout.replaceChildren(translate("plane_point"));
    return;
  }
  const [i, j] = parts.shownColumns;
  const where = [i, j].map((k) => `${rows.names[k]} = ${formatNumber(x[k], 3)}`).join(", ");
  parts.readout.replaceChildren(`${where} → `, element("b", {}, answer(rows, map, outputs)));
}

/** Outputs at a position, converted for display. */
export const outputsShown = (outputs, { kind }, { loss }) =>
  kind === "classes"
    ? [
        ...displayOutputs({ values: outputs, outputs: outputs.length }, { loss, hasClasses: true })
          .values,
      ]
    : outputs;

function answer(rows, map, outputs) {
  if (!outputs.every(Number.isFinite)) return translate("no_number");
  if (map.kind !== "classes") {
    const names = map.kind === "scores" ? rows.classes : null;
    const said = outputs.map((value, k) => (names ? `${names[k]} ` : "") + formatNumber(value, 4));
    return said.join(" · ");
  }
  const shares = outputs.length === 1 ? [1 - outputs[0], outputs[0]] : outputs;
  const best = shares.indexOf(Math.max(...shares));
  return translate("plane_class", {
    name: rows.classes[best],
    percent: formatPercent(shares[best]),
  });
}

/** Description for screen readers, and the values at which the other columns are held. */
export function describe(parts, frame, { rows, picked }, map) {
  if (!map) return;
  const { columns, ranges, held } = frame.plane;
  const [across, up] = columns.map((k) => rows.names[k]);
  const train = rows.trains.reduce((sum, one) => sum + one, 0);
  const counts = translate("plane_counts", { train, test: rows.n - train });
  const subject = picked ? parts.picked : translate("plane_output");
  const [a, b, c, d] = ranges.flat().map((value) => formatNumber(value, 3));
  const where = translate("plane_said", { subject, across, up, a, b, c, d });
  parts.said.textContent = sentences(where, shares(rows, map), counts, translate("plane_keys"));
  const others = rows.names.map((name, k) => [name, k]).filter(([, k]) => !columns.includes(k));
  const fixed = others.slice(0, 8).map(([name, k]) => `${name} = ${formatNumber(held[k], 3)}`);
  if (others.length > fixed.length) fixed.push("…");
  parts.held.hidden = !others.length;
  parts.held.textContent = translate("plane_held", { held: listed(fixed) });
}

function shares(rows, { kind, values, outputs, range }) {
  if (kind === "numbers") {
    const [low, high] = (rangeOf(values) ?? range).map((value) => formatNumber(value, 3));
    return translate("plane_range", { low, high });
  }
  const n = values.length / outputs;
  const wins = new Array(Math.max(2, outputs)).fill(0);
  for (let i = 0; i < n; i++) {
    let best = 0;
    if (outputs === 1) best = values[i] > 0.5 ? 1 : 0;
    for (let k = 1; k < outputs; k++)
      if (values[i * outputs + k] > values[i * outputs + best]) best = k;
    wins[best] += 1;
  }
  const said = wins.map((won, k) =>
    translate("plane_share", { name: rows.classes[k] ?? k, percent: formatPercent(won / n) }),
  );
  return translate("plane_shares", { shares: listed(said) });
}
