// Where the numbers of arrays lie: { data, offset, strides, shape }, and how loops go through them.

import { stridesOf } from "./sizes.js";

/** An array that lies row after row. */
export const inRows = (data, shape) => ({ data, offset: 0, strides: stridesOf(shape), shape });

/** One number for all places of a shape. */
export const everywhere = (number, shape) => ({
  data: Float32Array.of(number),
  offset: 0,
  strides: shape.map(() => 0),
  shape,
});

/** The steps of an array along the axes of a shape that it is broadcast to. */
function spread({ shape, strides }, to) {
  return to.map((_, i) => {
    const own = i - to.length + shape.length;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/** Rows and columns that take arrays through all places of a shape; the steps of each in both. */
export function asRows(shape, arrays) {
  const steps = arrays.map((array) => spread(array, shape));
  const axes = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const own = steps.map((one) => one[i]);
    const last = axes.at(-1);
    if (last && own.every((step, k) => last.steps[k] === step * size)) {
      last.size *= size;
      last.steps = own;
    } else {
      axes.push({ size, steps: own });
    }
  });
  if (axes.length > 2) throw new Error(`an array of shape (${shape}) in loops of rows and columns`);
  const none = { size: 1, steps: arrays.map(() => 0) };
  const [rows, columns] = axes.length === 2 ? axes : [none, axes[0] ?? none];
  return { rows, columns };
}

/** What a loop over arrays is called with, after the rows and columns. */
export function argumentsOf({ rows, columns }, arrays) {
  return arrays.flatMap(({ data, offset }, k) => [data, offset, rows.steps[k], columns.steps[k]]);
}
