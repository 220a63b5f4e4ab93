// Lowering to a few operations, as in `graph/passes/lower.py`. Besides elementwise operations these
// remain: fill(value), sum, max, min, prod (x, axes), product(a, b), einsum({ letters }, a, b),
// view(x, { offset, strides }), getitem(x, index), setitem and add_at (x, index, values),
// concatenate(parts, axis), random(path).

import { linear } from "./constants.js";
import { einsum } from "./einsum.js";
import { Ref, rewritten, Slice } from "./graph.js";
import { ELEMENTWISE, reducedAxes, REDUCTIONS } from "./shapes.js";
import { countOf, followsRows, sizeAt } from "./symbolic_sizes.js";
import { VIEWS, viewBy } from "./views.js";

/** Lower all nodes of a graph. */
export const lowered = (graph) => rewritten(graph, lowerOne);

/** Lower one node. */
export function lowerOne(builder, node) {
  const { op, args } = node;
  if (op in FORMS) return FORMS[op](builder, node);
  if (op === "power" && [2, 3, 0.5].includes(args[1])) {
    if (args[1] === 0.5) return builder.alike(node, "sqrt", args[0]);
    const square = builder.alike(node, "multiply", args[0], args[0]);
    return args[1] === 2 ? square : builder.alike(node, "multiply", square, args[0]);
  }
  if (op === "astype") {
    return builder.of(args[0]).kind === node.kind
      ? args[0]
      : builder.alike(node, "astype", args[0]);
  }
  if (node.kind === "b" && op in OF_TRUTH) return builder.alike(node, OF_TRUTH[op], ...args);
  if (ELEMENTWISE.has(op)) return builder.alike(node, op, ...args);
  if (VIEWS.has(op)) return viewBy(builder, node);
  throw new Error(`the operation ${op}`);
}

const OF_TRUTH = { and: "logical_and", or: "logical_or", xor: "not_equal", invert: "logical_not" };

function reduction(builder, node) {
  const [x] = node.args;
  const [axes, keepdims] = reducedAxes(builder.of(x).shape.length, node.args, node.options);
  return builder.add(node.op, [x, axes], node.shape, node.kind, { keepdims });
}

function mean(builder, node) {
  const [x] = node.args;
  return averaged(
    builder,
    node,
    x,
    ...reducedAxes(builder.of(x).shape.length, node.args, node.options),
  );
}

function variance(builder, node) {
  const [x] = node.args;
  const { shape } = builder.of(x);
  const [axes, keepdims] = reducedAxes(shape.length, node.args, node.options);
  const off = builder.add(
    "subtract",
    [x, averaged(builder, node, x, axes, true)],
    shape,
    node.kind,
  );
  const square = builder.alike(builder.of(off), "multiply", off, off);
  const found = averaged(builder, node, square, axes, keepdims, node.options.ddof ?? 0);
  return node.op === "var" ? found : builder.alike(node, "sqrt", found);
}

/** Sum over axes divided by the number of summands minus `less`. */
function averaged(builder, node, x, axes, keepdims, less = 0) {
  const { shape } = builder.of(x);
  const sizes = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const kept = keepdims ? sizes : sizes.filter((_, i) => !axes.includes(i));
  const total = builder.add("sum", [x, axes], kept, node.kind, { keepdims });
  return builder.alike(builder.of(total), "divide", total, countAlong(shape, axes, less));
}

function countAlong(shape, axes, less) {
  const along = axes.map((i) => shape[i]);
  const fixed = countOf(along.filter((size) => !followsRows(size)));
  const rows = along.filter(followsRows);
  if (!rows.length) return fixed - less;
  if (rows.length > 1) throw new Error("a mean over the rows twice");
  const [zero, one] = [sizeAt(rows[0], 0), sizeAt(rows[0], 1)];
  return linear(fixed * (one - zero), fixed * zero - less);
}

function clip(builder, node) {
  const [x, low, high] = node.args;
  return builder.alike(node, "minimum", builder.alike(node, "maximum", x, low), high);
}

function getitem(builder, node) {
  const [x, index] = node.args;
  const parts = Array.isArray(index) ? index : [index];
  const slices = parts.filter((part) => part === null || part?.dots || part instanceof Slice);
  const numbers = parts.filter((part) => typeof part === "number");
  if (slices.length + numbers.length === parts.length) return viewBy(builder, node);
  if (slices.length) throw new Error("arrays and slices in one index");
  return builder.alike(node, "getitem", x, parts);
}

function written(builder, node) {
  const [x, index, values] = node.args;
  const parts = Array.isArray(index) ? index : [index];
  if (!parts.some((part) => part instanceof Ref)) throw new Error("a part that is written");
  return builder.alike(node, node.op, x, parts, values);
}

function concatenated(builder, node) {
  const axis = node.options.axis ?? node.args[1] ?? 0;
  const rank = node.shape.length;
  return builder.alike(node, "concatenate", node.args[0], (axis + rank) % rank);
}

const filled = (number) => (builder, node) => builder.filled(node, number);

const FORMS = {
  zeros_like: filled(0),
  empty_like: filled(0),
  ones_like: filled(1),
  full_like: (builder, node) => builder.filled(node, node.args[1]),
  copy: (builder, node) => node.args[0],
  clip,
  square: (builder, node) => builder.alike(node, "multiply", node.args[0], node.args[0]),
  reciprocal: (builder, node) => builder.alike(node, "divide", 1, node.args[0]),
  ...Object.fromEntries([...REDUCTIONS].map((op) => [op, reduction])),
  mean,
  var: variance,
  std: variance,
  matmul: (builder, node) => builder.alike(node, "product", ...node.args),
  einsum,
  getitem,
  setitem: written,
  add_at: written,
  concatenate: concatenated,
  random: (builder, node) => builder.keep(node),
};
