// Scaling of pictures to the input of a model, by the integers of Pillow's bilinear filter, so that
// the pixels are those of handgrad.tables.data.pictures; those of pictures more than twice as tall as
// wide may differ by 1/255, as recent versions of Pillow scale their height first.

/** Bits of the fraction of a filter's weight. */
const BITS = 22;

/**
 * Scale a picture, ImageData without transparency, to fit `shape` (channels, height, width), keeping
 * its aspect ratio, centred; returns the row of a model: values from 0 to 1, channel by channel.
 */
export function rowOf({ data, width, height }, [channels, rows, columns], inverted = false) {
  const scale = Math.min(rows / height, columns / width);
  const [inner, across] = [height, width].map((size) => Math.max(1, roundHalfEven(size * scale)));
  const wide = scaled(rgbOf(data, inverted), [height, width, 3], across);
  const pixels = scaled(wide, [1, height, across * 3], inner);
  const [top, left] = [(rows - inner) >> 1, (columns - across) >> 1];
  const row = new Array(channels * rows * columns).fill(0);
  for (let i = 0; i < inner * across; i += 1) {
    const at = (top + Math.floor(i / across)) * columns + left + (i % across);
    const [red, green, blue] = pixels.subarray(3 * i, 3 * i + 3);
    const grey = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
    const values = channels === 1 ? [grey] : [red, green, blue];
    values.forEach((value, k) => (row[k * rows * columns + at] = Math.fround(value / 255)));
  }
  return row;
}

/** Round to the nearest integer, halves to the even one, as Python does. */
function roundHalfEven(value) {
  const rounded = Math.round(value);
  return rounded - (rounded - value === 0.5 && rounded % 2 === 1);
}

function rgbOf(data, inverted) {
  const flip = inverted ? 255 : 0;
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let i = 0; i < rgb.length; i += 1) rgb[i] = data[i + Math.floor(i / 3)] ^ flip;
  return rgb;
}

/** Scale the middle axis of values (outer, size, inner). */
function scaled(values, [outer, size, inner], newSize) {
  if (size === newSize) return values;
  const made = new Uint8Array(outer * newSize * inner);
  filterOf(size, newSize).forEach(({ first, weights }, i) => {
    for (let j = 0; j < outer * inner; j += 1) {
      const [row, column] = [Math.floor(j / inner), j % inner];
      const from = (row * size + first) * inner + column;
      let sum = 1 << (BITS - 1);
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * values[from + k * inner];
      made[(row * newSize + i) * inner + column] = sum >> BITS;
    }
  });
  return made;
}

/** For each new pixel of an axis, the first old one that counts, and the weights from there on. */
function filterOf(size, newSize) {
  const scale = size / newSize;
  const support = Math.max(scale, 1);
  return Array.from({ length: newSize }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), size);
    const heights = Array.from({ length: end - first }, (_, k) =>
      Math.max(1 - Math.abs((k + first - center + 0.5) * (1 / support)), 0),
    );
    const sum = heights.reduce((total, height) => total + height, 0);
    const weights = heights.map((height) => Math.trunc(0.5 + (height / sum) * 2 ** BITS));
    return { first, weights: Int32Array.from(weights) };
  });
}
