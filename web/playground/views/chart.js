// Line chart as SVG: axes, ticks, legend, and a table of values.

import { element, formatNumber } from "../../shared/words.js";

const SVG = "http://www.w3.org/2000/svg";
/** Width of a chart before its layout, and its height as a fraction of the width. */
const [WIDTH, HIGH] = [340, 0.56];
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 8, 8, 22];
/** Maximum number of points of a line, as many as a screen shows. */
const MOST = 300;

/** Create an SVG element with attributes and children. */
export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Create an empty chart; `show({ x, lines, isLog, across })` draws `lines`, each `{ name, kind, y
 * }`.
 *
 * `kind` is the CSS class of a line, `across` the label of the horizontal axis.
 */
export function chart() {
  const lines = svgElement("g", { class: "lines" });
  const axes = svgElement("g", { class: "axes" });
  const svg = svgElement("svg", { role: "img", class: "chart" });
  svg.append(axes, lines);
  let seen = "";
  let size = [0, 0];
  let last = null;
  const fit = (width) => {
    size = [width, Math.floor(width * HIGH)];
    svg.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    if (last) made.show(last);
  };
  // redrawn on resize, so that letters keep their size
  new ResizeObserver(() => {
    const { clientWidth: width } = svg;
    if (width && width !== size[0]) fit(width);
  }).observe(svg);
  const made = {
    svg,
    show(shown) {
      last = shown;
      const { x, lines: given, isLog, across } = shown;
      const [width, height] = size;
      const [y0, y1] = limits(given, isLog);
      const [x0, x1] = [x[0] ?? 0, Math.max(x.at(-1) ?? 1, (x[0] ?? 0) + 1)];
      const toX = (value) => LEFT + ((value - x0) / (x1 - x0)) * (width - LEFT - RIGHT);
      const level = (value) => (isLog ? Math.log10(value) : value);
      const [low, high] = [level(y0), level(y1)];
      const toY = (value) =>
        TOP + (1 - (level(value) - low) / (high - low)) * (height - TOP - BOTTOM);
      while (lines.childNodes.length < given.length)
        lines.append(svgElement("path", { "vector-effect": "non-scaling-stroke" }));
      while (lines.childNodes.length > given.length) lines.lastChild.remove();
      given.forEach(({ kind, y, colour }, i) => {
        const path = lines.childNodes[i];
        path.setAttribute("class", kind);
        if (colour) path.style.stroke = colour;
        path.setAttribute("d", pathOf(x, y, toX, toY, isLog));
      });
      const key = [x0, x1, y0, y1, isLog, across, width].join();
      if (key !== seen) drawAxes(axes, { x0, x1, y0, y1, isLog, across, toX, toY, size });
      seen = key;
    },
  };
  fit(WIDTH);
  return made;
}

/** Path of a line, with gaps at NaN, thinned to the screen's resolution. */
function pathOf(x, y, toX, toY, isLog) {
  const every = Math.max(1, Math.floor(y.length / MOST));
  const parts = [];
  let isOpen = false;
  for (let i = 0; i < y.length; i += i + every < y.length ? every : Math.max(1, y.length - 1 - i)) {
    const isThere = Number.isFinite(y[i]) && (!isLog || y[i] > 0);
    if (isThere) parts.push(`${isOpen ? "L" : "M"}${toX(x[i]).toFixed(1)} ${toY(y[i]).toFixed(1)}`);
    isOpen = isThere;
  }
  return parts.join("");
}

/** Round limits of the vertical axis. */
function limits(lines, isLog) {
  let [low, high] = [Infinity, -Infinity];
  for (const { y } of lines) {
    for (const value of y) {
      if (!Number.isFinite(value) || (isLog && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return isLog ? [0.1, 1] : [0, 1];
  if (isLog) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    return [10 ** from, 10 ** Math.max(to, from + 1)];
  }
  const step = roundStep((high - Math.min(0, low)) / 4 || 1);
  return [step * Math.floor(Math.min(0, low) / step), step * Math.ceil(high / step || 1)];
}

/** Smallest round step, 1, 2 or 5 times a power of ten, not below `rough`. */
export function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
}

/** Ticks of an axis: round numbers, or powers of ten. */
function ticks(low, high, isLog) {
  const found = [];
  if (isLog) {
    const [from, to] = [Math.log10(low), Math.log10(high)].map((power) => Math.floor(power + 0.5));
    const every = Math.ceil((to - from) / 4);
    for (let power = from; power <= to; power += every) found.push(10 ** power);
    return found;
  }
  const step = roundStep((high - low) / 4);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++)
    found.push(k * step + 0); // no -0
  return found;
}

function drawAxes(group, { x0, x1, y0, y1, isLog, across, toX, toY, size }) {
  const [floor, end] = [size[1] - BOTTOM, size[0] - RIGHT];
  const made = [];
  for (const y of ticks(y0, y1, isLog)) {
    made.push(svgElement("path", { class: "grid", d: `M${LEFT} ${toY(y).toFixed(1)}H${end}` }));
    const at = { x: LEFT - 6, y: toY(y) + 3.5, "text-anchor": "end" };
    made.push(svgElement("text", at, formatNumber(y, 3)));
  }
  const marks = ticks(x0, x1, false).filter((x) => x0 === 0 || Number.isInteger(x));
  for (const x of marks) {
    const anchor = toX(x) > end - 20 ? "end" : "middle";
    const at = { x: toX(x), y: floor + 14, "text-anchor": anchor };
    if (toX(x) < end - 90 || !across) made.push(svgElement("text", at, formatNumber(x, 4)));
  }
  made.push(svgElement("path", { class: "axis", d: `M${LEFT} ${TOP}V${floor}H${end}` }));
  if (across)
    made.push(svgElement("text", { x: end, y: floor + 14, "text-anchor": "end" }, across));
  group.replaceChildren(...made);
}

/** Create the legend of a chart. */
export function legend(entries) {
  const made = entries.map(({ kind, name, colour }) => {
    const path = svgElement("path", { class: kind, d: "M1 5H23" });
    if (colour) path.style.stroke = colour;
    const piece = svgElement(
      "svg",
      { viewBox: "0 0 24 10", class: "piece", "aria-hidden": "true" },
      path,
    );
    return element("span", { class: "entry" }, piece, name);
  });
  return element("div", { class: "legend" }, ...made);
}

/** Create a table of texts: `head` names the columns; the first cell of a row is its header. */
export function table(caption, head, rows) {
  const cells = (row) =>
    row.map((text, i) => element(i ? "td" : "th", i ? {} : { scope: "row" }, text));
  const names = head.map((text) => element("th", { scope: "col" }, text));
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...names)),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells(row)))),
  );
}
