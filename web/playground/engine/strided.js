// Strided arrays { data, offset, strides, shape }, and loops over them.

/** Number of elements of a shape. */
export const countOf = (shape) => shape.reduce((count, size) => count * size, 1);

/** Strides of a contiguous array. */
export function stridesOf(shape) {
  const strides = [];
  let step = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(step);
    step *= size;
  }
  return strides;
}

/** Index of the k-th element of a shape, row-major. */
export const indexOf = (shape, k) =>
  stridesOf(shape).map((stride, axis) => Math.floor(k / stride) % shape[axis]);

/** Offsets of all elements of a shape, in order, by strides. */
export function offsetsOf(sizes, steps) {
  const found = new Int32Array(countOf(sizes));
  const rows = stridesOf(sizes);
  for (let i = 0; i < found.length; i++) {
    sizes.forEach((size, axis) => (found[i] += (Math.floor(i / rows[axis]) % size) * steps[axis]));
  }
  return found;
}

/** Contiguous array, row-major. */
export const inRows = (data, shape) => ({ data, offset: 0, strides: stridesOf(shape), shape });

/** One number broadcast to a shape. */
export const everywhere = (number, shape) => ({
  data: Float32Array.of(number),
  offset: 0,
  strides: shape.map(() => 0),
  shape,
});

/** Strides of an array broadcast to a shape. */
export function spread({ shape, strides }, to) {
  return to.map((_, i) => {
    const own = i - to.length + shape.length;
    return own < 0 || shape[own] === 1 ? 0 : strides[own];
  });
}

/**
 * Rows and columns for a loop over all elements of a shape; the strides of each array in both, and
 * the `outer` axes.
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

/** Offsets of arrays at each index of the outer axes. */
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

/** Arguments of a loop over arrays, after the rows and columns. */
export function argumentsOf({ rows, columns }, arrays) {
  return arrays.flatMap(({ data, offset }, k) => [data, offset, rows.steps[k], columns.steps[k]]);
}

/** Create a step that calls a loop; V8 calls a function with named arguments fastest. */
export function calling(loop, o, rows, columns, given) {
  const [a, a0, ar, ac, b, b0, br, bc, ...more] = given;
  if (given.length === 4) return () => loop(o, rows, columns, a, a0, ar, ac);
  if (given.length === 8) return () => loop(o, rows, columns, a, a0, ar, ac, b, b0, br, bc);
  return () => loop(o, rows, columns, a, a0, ar, ac, b, b0, br, bc, ...more);
}
