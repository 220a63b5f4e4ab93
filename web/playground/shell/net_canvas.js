// Network drawing on a canvas: links by width and colour, neurons with their output maps and
// biases.

import { ABOVE, BELOW, between, css, diverging, paletteOf, softColour } from "../views/colours.js";
import { endsOf, middleOf } from "./net_geometry.js";

const STEPS = 128;
const VIOLET = { light: [122, 79, 181], dark: [183, 155, 230] };

/** Palette and scales for drawing: `table(k)` has the colours of class k, or of numbers. */
export function brush(element) {
  const palette = paletteOf(element);
  const isDark = palette.paper[0] < 128;
  const numbers = tableOf((t) => diverging(t, palette.paper));
  const classes = new Map();
  const ofClass = (k) => {
    const colour = softColour(k, palette.paper);
    return tableOf((t) => between(palette.paper, colour, Math.max(0, t)));
  };
  const table = (k = null) => {
    if (k === null) return numbers;
    if (!classes.has(k)) classes.set(k, ofClass(k));
    return classes.get(k);
  };
  return { palette, table, gradient: isDark ? VIOLET.dark : VIOLET.light };
}

/** Lookup table of colours for numbers from −1 to 1, as the bytes of an image. */
const tableOf = (colourAt) =>
  Uint32Array.from({ length: 2 * STEPS + 1 }, (_, i) => {
    const [r, g, b] = colourAt(i / STEPS - 1);
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });

/** Width and opacity of a link by its weight. */
export function lookOf(weight, thick) {
  const size = Math.abs(weight);
  return {
    width: thick * Math.min(9, 0.6 + 2.4 * size),
    opacity: Math.min(0.95, 0.22 + 0.55 * size),
  };
}

/** Scale of link widths: thinner where columns are full. */
export const thicknessOf = (geometry, links) =>
  Math.max(
    0.18,
    Math.min(1, Math.min(...geometry.columns.map(({ size }) => size)) / 30, 260 / links),
  );

/** Draw all links of a net with these parameters. */
export function drawLinks(pen, geometry, links, parameters, { pointed, colours }) {
  const thick = thicknessOf(geometry, links.length);
  for (const link of links) {
    const weight = parameters[link[3]];
    if (weight !== weight) continue;
    const { width, opacity } = lookOf(weight, thick);
    const away = pointed && !touches(link, pointed);
    pen.globalAlpha = away ? opacity * 0.25 : opacity;
    pen.strokeStyle = css(weight < 0 ? BELOW : ABOVE);
    pen.lineWidth = width;
    pen.setLineDash(weight < 0 ? [3 + 2 * width, 2 + width] : []);
    pen.beginPath();
    curveOf(pen, endsOf(geometry, link));
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  if (pointed?.from !== undefined) {
    pen.strokeStyle = css(colours.palette.ink);
    pen.lineWidth = 2;
    pen.beginPath();
    curveOf(pen, endsOf(geometry, [pointed.column, pointed.unit, pointed.from]));
    pen.stroke();
  }
}

/** Test if a link is hovered, or leads to or from the hovered neuron. */
function touches([column, unit, from], pointed) {
  if (pointed.from !== undefined) {
    return column === pointed.column && unit === pointed.unit && from === pointed.from;
  }
  return (
    (column === pointed.column && unit === pointed.unit) ||
    (column - 1 === pointed.column && from === pointed.unit)
  );
}

/**
 * Draw the current phase of a layer-by-layer step: a band behind the column, forward or backward.
 */
export function drawPhase(pen, geometry, { way, column }, { palette, gradient }) {
  const { x, size } = geometry.columns[column];
  pen.fillStyle = css(way === "forward" ? palette.soft : gradient);
  pen.globalAlpha = 0.22;
  pen.fillRect(x - size / 2 - 8, 0, size + 16, geometry.height);
  pen.globalAlpha = 1;
}

/** Draw gradients as dashes flowing backward along the links; `time` in seconds moves them. */
export function drawGradients(pen, geometry, links, gradients, { colours, time }) {
  let most = 0;
  for (const link of links) most = Math.max(most, Math.abs(gradients[link[3]]) || 0);
  if (!most) return;
  const thick = thicknessOf(geometry, links.length);
  pen.strokeStyle = css(colours.gradient);
  pen.lineCap = "round";
  for (const link of links) {
    const share = Math.abs(gradients[link[3]]) / most;
    if (!(share > 0.02)) continue;
    pen.globalAlpha = 0.35 + 0.6 * share;
    pen.lineWidth = Math.max(1, thick * (1 + 4 * share));
    pen.setLineDash([0.1, 9 + pen.lineWidth]);
    pen.lineDashOffset = time * (8 + 30 * share);
    pen.beginPath();
    curveOf(pen, endsOf(geometry, link));
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.lineCap = "butt";
  pen.globalAlpha = 1;
}

function curveOf(pen, [x0, y0, x1, y1]) {
  const half = (x0 + x1) / 2;
  pen.moveTo(x0, y0);
  pen.bezierCurveTo(half, y0, half, y1, x1, y1);
}

/**
 * Draw an output map: `values` from `at` on, side · side numbers, the first row on top. The largest
 * absolute value, or 1 with `most`, has the strongest colour; `middle` has none.
 */
export function mapImage(canvas, { side, values, at, middle = 0, most = 0 }, table) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  let largest = most;
  for (let i = 0; i < side * side && !most; i++) {
    const size = Math.abs(values[at + i] - middle);
    if (size > largest && size < Infinity) largest = size;
  }
  const scale = largest ? STEPS / largest : 0;
  for (let i = 0; i < side * side; i++) {
    const value = Math.floor((values[at + i] - middle) * scale);
    // NaN has a colour outside the scale
    pixels[i] = value - value === 0 ? table[STEPS + value] : 0xff8080ff;
  }
  pen.putImageData(image, 0, 0);
}

/** Draw the neurons: output map, border, and bias at the lower corner. */
export function drawNeurons(pen, geometry, columns, { maps, biases, pointed, colours, column }) {
  const { size } = geometry.columns[column];
  for (let unit = 0; unit < columns[column].units; unit++) {
    const [x, y] = middleOf(geometry, column, unit);
    const isOn = pointed && pointed.column === column && pointed.unit === unit;
    const map = maps?.(column, unit);
    const round = Math.min(6, size / 5);
    pen.save();
    pen.beginPath();
    pen.roundRect(x - size / 2, y - size / 2, size, size, round);
    pen.fillStyle = css(colours.palette.paper);
    pen.fill();
    pen.clip();
    pen.imageSmoothingEnabled = size > 14;
    if (map) pen.drawImage(map, x - size / 2, y - size / 2, size, size);
    pen.restore();
    pen.beginPath();
    pen.roundRect(x - size / 2, y - size / 2, size, size, round);
    pen.lineWidth = isOn ? 2.5 : size > 14 ? 1.2 : 0.5;
    pen.strokeStyle = css(isOn ? colours.palette.ink : colours.palette.soft);
    pen.stroke();
    const bias = biases(column, unit);
    if (bias !== null && size > 20) drawBias(pen, x - size / 2, y + size / 2, bias, colours);
  }
}

/** Draw a bias: a small coloured square at a neuron's corner. */
function drawBias(pen, x, y, bias, colours) {
  pen.beginPath();
  pen.roundRect(x - 4, y - 5, 9, 9, 2);
  pen.fillStyle = css(diverging(Math.max(-1, Math.min(1, bias)), colours.palette.paper));
  pen.fill();
  pen.lineWidth = 1;
  pen.strokeStyle = css(colours.palette.soft);
  pen.stroke();
}
