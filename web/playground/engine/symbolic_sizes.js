// Symbolic sizes: numbers, in which N stands for the number of rows. N exceeds any width, so sizes
// equal for N are equal for any number of rows.

export const N = 2 ** 30;

/** Evaluate a size for `n` rows. */
export function sizeAt(size, n) {
  const slope = Math.round(size / N);
  return slope * n + (size - slope * N);
}

/** Test if a size depends on the number of rows. */
export const followsRows = (size) => size >= N / 2;

/** Number of elements of a shape. */
export const countOf = (shape) => shape.reduce((count, size) => count * size, 1);

/** Test if two shapes are equal. */
export const sameShape = (a, b) => a.length === b.length && a.every((size, i) => size === b[i]);

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

/** Broadcast shape of several shapes. */
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

/** Offsets of all elements of a shape, in order, by strides. */
export function offsetsOf(sizes, steps) {
  const found = new Int32Array(countOf(sizes));
  const rows = stridesOf(sizes);
  for (let i = 0; i < found.length; i++) {
    sizes.forEach((size, axis) => (found[i] += (Math.floor(i / rows[axis]) % size) * steps[axis]));
  }
  return found;
}
