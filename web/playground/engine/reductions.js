// Reductions of arrays with more than two axes, in the loop order of `engines/loops/loop_nests.py`.

import { countOf, offsetsOf, stridesOf } from "./symbolic_sizes.js";

/**
 * Create a step that reduces an array over axes, for each index of the others in order, by a
 * function of `reductions`; `isWhole` is false if all numbers are read, but not contiguously.
 */
export function reducing(x, axes, isWhole, way, data) {
  const { shape, strides, offset } = x;
  const rank = shape.length;
  const isRow = stridesOf(shape).every((step, axis) => step === strides[axis]);
  if (axes.length === rank && isWhole && isRow) {
    const count = countOf(shape);
    return () => (data[0] = way(x.data, offset, 1, 0, count, 1));
  }
  if (axes.length > 2) throw new Error(`a sum over ${axes.length} of ${rank} axes`);
  const [column, row] = [...axes].sort((one, other) => other - one);
  const [rows, step] = row === undefined ? [1, 0] : [shape[row], strides[row]];
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const of = (list) => kept.map((axis) => list[axis]);
  const places = offsetsOf(of(shape), of(strides));
  return () => {
    for (let i = 0; i < places.length; i++) {
      data[i] = way(x.data, offset + places[i], rows, step, shape[column], strides[column]);
    }
  };
}
