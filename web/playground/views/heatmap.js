// Heat map: a grid of outputs as an image; classes blended by probability, numbers by a scale.

import { between, diverging, softColour } from "./colours.js";

const STEPS = 256;
/** Pack an opaque colour into a number of a Uint32Array, in its byte order. */
const packed = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/**
 * Colour function of a heat map: `(values, at) → packed colour` of the outputs at an index.
 *
 * `kind` is "classes" (probabilities), "scores" (the largest wins) or "numbers" (with `range`).
 */
export function painterOf({ kind, outputs, range, paper, isDiscrete }) {
  if (kind === "numbers") return ofNumbers(range, paper, isDiscrete);
  const colours = Array.from({ length: outputs }, (_, k) => softColour(k, paper));
  if (outputs <= 2 && kind === "classes") return ofTwo(outputs, paper, isDiscrete);
  const flat = colours.map(packed);
  const largest = (values, at) => {
    let best = 0;
    for (let k = 1; k < outputs; k++) if (values[at + k] > values[at + best]) best = k;
    return flat[best];
  };
  if (isDiscrete || kind === "scores") return largest;
  return (values, at) => {
    let [r, g, b] = [0, 0, 0];
    for (let k = 0; k < outputs; k++) {
      const p = values[at + k];
      r += p * colours[k][0];
      g += p * colours[k][1];
      b += p * colours[k][2];
    }
    return packed([r, g, b]);
  };
}

/**
 * Colour function of two classes: the only output, or the last of two, is the second's probability.
 */
function ofTwo(outputs, paper, isDiscrete) {
  const ends = [softColour(0, paper), softColour(1, paper)];
  const table = Uint32Array.from({ length: STEPS + 1 }, (_, i) => {
    const share = i / STEPS;
    if (isDiscrete) return packed(ends[share > 0.5 ? 1 : 0]);
    // pale near the decision boundary, so that it is visible without colours
    const clear = Math.abs(2 * share - 1);
    return packed(between(paper, ends[share > 0.5 ? 1 : 0], 0.15 + 0.85 * clear));
  });
  const last = outputs - 1;
  return (values, at) => table[Math.floor(values[at + last] * STEPS + 0.5)] ?? table[0];
}

function ofNumbers([low, high], paper, isDiscrete) {
  const table = Uint32Array.from({ length: STEPS + 1 }, (_, i) => {
    const t = (2 * i) / STEPS - 1;
    return packed(diverging(isDiscrete ? (t < 0 ? -1 : 1) : t, paper));
  });
  const scale = high > low ? STEPS / (high - low) : 0;
  return (values, at) => {
    const i = Math.floor((values[at] - low) * scale + 0.5);
    return table[i < 0 ? 0 : i > STEPS ? STEPS : i];
  };
}

/** Paint `grid` (side · side · outputs) onto a canvas of `size` pixels, interpolated. */
export function paint(canvas, { side, outputs, values }, colour, size, ink) {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const [below, share] = places(side, size);
  const row = new Float32Array(side * outputs);
  const here = new Float32Array(outputs);
  const dark = packed(ink);
  for (let y = 0; y < size; y++) {
    const [top, under, part] = [below[y], Math.min(below[y] + 1, side - 1), share[y]];
    for (let i = 0, n = side * outputs; i < n; i++) {
      const first = values[top * n + i];
      row[i] = first + part * (values[under * n + i] - first);
    }
    for (let x = 0; x < size; x++) {
      const left = below[x] * outputs;
      const right = Math.min(below[x] + 1, side - 1) * outputs;
      let sum = 0;
      for (let k = 0; k < outputs; k++) {
        here[k] = row[left + k] + share[x] * (row[right + k] - row[left + k]);
        sum += here[k];
      }
      // NaN is striped
      pixels[y * size + x] =
        sum - sum === 0 ? colour(here, 0) : (x + y) % 8 < 2 ? dark : 0x80808080;
    }
  }
  pen.putImageData(image, 0, 0);
}

/** Grid cell before each pixel, and the interpolation fraction. */
function places(side, size) {
  const below = new Int32Array(size);
  const share = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = Math.max(0, Math.min(side - 1, ((i + 0.5) * side) / size - 0.5));
    below[i] = Math.floor(at);
    share[i] = at - below[i];
  }
  return [below, share];
}

/**
 * Interpolate the outputs at a position from 0 to 1 (rightwards, downwards), as they are painted.
 */
export function valuesAt({ side, outputs, values }, across, down) {
  const x = Math.max(0, Math.min(side - 1, across * side - 0.5));
  const y = Math.max(0, Math.min(side - 1, down * side - 0.5));
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, under] = [Math.min(left + 1, side - 1), Math.min(top + 1, side - 1)];
  const at = (row, column, k) => values[(row * side + column) * outputs + k];
  return Array.from({ length: outputs }, (_, k) => {
    const upper = at(top, left, k) + (x - left) * (at(top, right, k) - at(top, left, k));
    const lower = at(under, left, k) + (x - left) * (at(under, right, k) - at(under, left, k));
    return upper + (y - top) * (lower - upper);
  });
}

/** Smallest and largest finite number; null if there is none. */
export function rangeOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low && value > -Infinity) low = value;
    if (value > high && value < Infinity) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** Range symmetric about 0, if it contains numbers of both signs. */
export function balanced(range) {
  const [low, high] = range ?? [-1, 1];
  if (low < 0 && high > 0) {
    const most = Math.max(-low, high);
    return [-most, most];
  }
  return low === high ? [low - 1, high + 1] : [low, high];
}
