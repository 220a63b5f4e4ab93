// Shape inference by NumPy's rules.

import { Following, valueAt } from "./constants.js";
import { lettersOf, sizesOf } from "./einsum.js";
import { Ref, Slice } from "./graph.js";
import { broadcast, countOf, N } from "./symbolic_sizes.js";

export const COMPARISONS = new Set([
  "less",
  "less_equal",
  "greater",
  "greater_equal",
  "equal",
  "not_equal",
]);

export const ELEMENTWISE = new Set([
  ...COMPARISONS,
  ...["add", "subtract", "multiply", "divide", "power", "negative", "abs", "sign", "maximum"],
  ...["minimum", "floor", "ceil", "sqrt", "tanh", "sin", "cos", "exp", "expm1", "log", "log1p"],
  ...["erf", "logical_and", "logical_or", "logical_not", "isnan", "isfinite", "where", "astype"],
]);

export const REDUCTIONS = new Set(["sum", "max", "min", "prod"]);

const LIKE_FIRST = new Set(["zeros_like", "ones_like", "empty_like", "full_like", "copy", "clip"]);
const ALSO_ELEMENTWISE = new Set(["square", "reciprocal", "log2", "and", "or", "xor", "invert"]);

/** Axes of a reduction, and `keepdims`. */
export function reducedAxes(rank, args, options) {
  const axis = options.axis ?? args[1] ?? null;
  const axes = axis === null ? Array.from({ length: rank }, (_, i) => i) : [axis].flat();
  return [axes.map((i) => (i + rank) % rank), options.keepdims ?? false];
}

/** Axis order of a transpose; reversed if none is given. */
export function axesOf(rank, args, options) {
  const asked = [options.axes ?? args.slice(1)].flat(2).filter((axis) => axis !== null);
  const axes = asked.length ? asked : Array.from({ length: rank }, (_, i) => rank - 1 - i);
  return axes.map((axis) => (axis + rank) % rank);
}

/** Complete an index: an entry for each axis, slices, Refs, rows and numbers; new axes are null. */
export function wholeIndex(index, rank) {
  const parts = Array.isArray(index) ? [...index] : [index];
  const dots = parts.findIndex((part) => part?.dots);
  const missing = rank - parts.filter((part) => part !== null && !part?.dots).length;
  const slices = Array.from({ length: missing }, () => new Slice(null, null, null));
  parts.splice(dots < 0 ? parts.length : dots, dots < 0 ? 0 : 1, ...slices);
  return parts;
}

/** Start, count and step of a slice of an axis of a size. */
export function sliced(slice, size) {
  const at = (end, usual) => {
    const place = end === null ? usual : valueAt(end, N);
    return place < 0 ? Math.max(place + size, 0) : Math.min(place, size);
  };
  const step = slice.step ?? 1;
  if (step < 0) throw new Error("a slice that goes backward");
  const start = at(slice.start, 0);
  return [start, Math.max(Math.ceil((at(slice.stop, size) - start) / step), 0), step];
}

function indexed(shape, index, shapeOf) {
  const parts = wholeIndex(index, shape.length);
  const found = [];
  let axis = 0;
  let arrays = null;
  let place = 0;
  for (const part of parts) {
    if (part === null) found.push(1);
    else if (part instanceof Slice) found.push(sliced(part, shape[axis++])[1]);
    else {
      const own = part instanceof Ref ? shapeOf(part) : part instanceof Following ? [N] : [];
      if (arrays === null) place = found.length;
      arrays = broadcast([arrays ?? [], own]);
      axis++;
    }
  }
  return [...found.slice(0, place), ...(arrays ?? []), ...found.slice(place)];
}

function reshaped(shape, sizes) {
  const asked = sizes.flat().map((size) => valueAt(size, N));
  const known = countOf(asked.filter((size) => size !== -1));
  return asked.map((size) => (size === -1 ? countOf(shape) / known : size));
}

function product(a, b) {
  if (a.length !== 2 || b.length !== 2) throw new Error("a product of other than two matrices");
  return [a[0], b[1]];
}

/** Shape of an operation's result; `shapeOf` returns that of a reference. */
export function shapeOf(op, args, options, shape) {
  const first = args[0] instanceof Ref ? shape(args[0]) : [];
  if (ELEMENTWISE.has(op) || ALSO_ELEMENTWISE.has(op)) {
    const taken = op === "astype" ? args.slice(0, 1) : args;
    return broadcast(taken.map((arg) => (arg instanceof Ref ? shape(arg) : [])));
  }
  if (LIKE_FIRST.has(op)) return first;
  if (REDUCTIONS.has(op) || ["mean", "var", "std"].includes(op)) {
    const [axes, keepdims] = reducedAxes(first.length, args, options);
    const sizes = first.map((size, i) => (axes.includes(i) ? 1 : size));
    return keepdims ? sizes : sizes.filter((_, i) => !axes.includes(i));
  }
  if (op === "matmul") return product(first, shape(args[1]));
  if (op === "einsum") {
    const { operands, output } = lettersOf(args[0]);
    const sizes = sizesOf(operands, args.slice(1).map(shape));
    return [...output].map((letter) => sizes.get(letter));
  }
  if (op === "transpose") return axesOf(first.length, args, options).map((axis) => first[axis]);
  if (op === "reshape") return reshaped(first, args.slice(1));
  if (op === "ravel") return [countOf(first)];
  if (op === "getitem") return indexed(first, args[1], shape);
  if (op === "setitem" || op === "add_at") return first;
  if (op === "random") return args[0].map((size) => valueAt(size, N));
  if (op === "concatenate") {
    const parts = args[0].map(shape);
    const axis = (options.axis ?? args[1] ?? 0) + parts[0].length;
    const along = axis % parts[0].length;
    const size = parts.reduce((total, part) => total + part[along], 0);
    return parts[0].map((own, i) => (i === along ? size : own));
  }
  throw new Error(`the operation ${op}`);
}
