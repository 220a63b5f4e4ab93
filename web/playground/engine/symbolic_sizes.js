// Sizes of arrays while a graph is made: numbers, in which N stands for the number of rows.
// N is so large that no width meets it: what is equal for it is equal for any number of rows.

export const N = 2 ** 30;

/** A size for `n` rows. */
export function sizeAt(size, n) {
  const slope = Math.round(size / N);
  return slope * n + (size - slope * N);
}

/** Whether a size follows the number of rows. */
export const followsRows = (size) => size >= N / 2;

/** How many numbers an array of that shape has. */
export const countOf = (shape) => shape.reduce((count, size) => count * size, 1);

/** Whether two shapes are one. */
export const sameShape = (a, b) => a.length === b.length && a.every((size, i) => size === b[i]);

/** The steps from number to number along each axis of an array that lies row after row. */
export function stridesOf(shape) {
  const strides = [];
  let step = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(step);
    step *= size;
  }
  return strides;
}

/** The shape that arrays of these shapes are broadcast to. */
export function broadcast(shapes) {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1);
    const size = sizes.find((one) => one !== 1) ?? 1;
    if (sizes.some((one) => one !== 1 && one !== size)) {
      throw new Error(`shapes ${shapes.map((shape) => `(${shape})`).join(" and ")} do not fit`);
    }
    return size;
  });
}

/** Offsets of all elements of a shape, in order, by the strides of each axis. */
export function offsetsOf(sizes, steps) {
  const found = new Int32Array(countOf(sizes));
  const rows = stridesOf(sizes);
  for (let i = 0; i < found.length; i++) {
    sizes.forEach((size, axis) => (found[i] += (Math.floor(i / rows[axis]) % size) * steps[axis]));
  }
  return found;
}
