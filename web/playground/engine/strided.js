// Where the numbers of arrays lie: { data, offset, strides, shape }, and how loops go through them.

import { offsetsOf, stridesOf } from "./symbolic_sizes.js";

/** An array that lies row after row. */
export const inRows = (data, shape) => ({ data, offset: 0, strides: stridesOf(shape), shape });

/** One number broadcast to a shape. */
export const everywhere = (number, shape) => ({
  data: Float32Array.of(number),
  offset: 0,
  strides: shape.map(() => 0),
  shape,
});

/** The steps of an array along the axes of a shape that it is broadcast to. */
export function spread({ shape, strides }, to) {
  return to.map((_, i) => {
    const own = i - to.length + shape.length;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/**
 * Rows and columns for a loop over all elements of a shape; the strides of each array in both, and
 * the axes that are `outer` to them.
 */
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
  const none = { size: 1, steps: arrays.map(() => 0) };
  const outer = axes.splice(0, axes.length - 2);
  const [rows, columns] = axes.length === 2 ? axes : [none, axes[0] ?? none];
  return { rows, columns, outer };
}

/** Offsets of arrays at each index of the axes that are outer to their rows and columns. */
export function begins({ outer }, arrays) {
  const sizes = outer.map(({ size }) => size);
  const each = arrays.map((_, k) =>
    offsetsOf(
      sizes,
      outer.map(({ steps }) => steps[k]),
    ),
  );
  return Array.from(each[0] ?? [0], (_, i) =>
    arrays.map((array, k) => ({ ...array, offset: array.offset + each[k][i] })),
  );
}

/** What a loop over arrays is called with, after the rows and columns. */
export function argumentsOf({ rows, columns }, arrays) {
  return arrays.flatMap(({ data, offset }, k) => [data, offset, rows.steps[k], columns.steps[k]]);
}

/** A step that calls a loop: V8 calls a function with its arguments named best. */
export function calling(loop, o, rows, columns, given) {
  const [a, a0, ar, ac, b, b0, br, bc, ...more] = given;
  if (given.length === 4) return () => loop(o, rows, columns, a, a0, ar, ac);
  if (given.length === 8) return () => loop(o, rows, columns, a, a0, ar, ac, b, b0, br, bc);
  return () => loop(o, rows, columns, a, a0, ar, ac, b, b0, br, bc, ...more);
}
