// Materialization: nodes of a portable program that are stored, and those recomputed where used.
// Full sums read an array contiguously only if their operands are contiguous.

import { Ref, usersOf } from "./graph.js";
import { ELEMENTWISE, REDUCTIONS } from "./shapes.js";
import { sameShape } from "./symbolic_sizes.js";

const SHORT_ROW = 16; // ALIGNMENT of `engines/loops/memory_planning.py`
const OF_FILLS = new Set(["setitem", "add_at", "write"]);
const TRANSCENDENTAL = new Set([
  "exp",
  "expm1",
  "log",
  "log1p",
  "erf",
  "tanh",
  "sin",
  "cos",
  "power",
]);

/** Nodes that are materialized, and the leaves, as in `stored_nodes`. */
export function materializedNodes(graph) {
  const { nodes } = graph;
  const users = usersOf(nodes);
  const kept = new Set(Object.values(graph.outputs));
  return new Set(
    nodes.flatMap((node, i) => {
      if (node.op === "leaf") return [i];
      if (node.op === "view") return [];
      return kept.has(i) ||
        !isFused(
          nodes,
          node,
          users[i].map((user) => nodes[user]),
        )
        ? [i]
        : [];
    }),
  );
}

function isFused(nodes, node, users) {
  if (node.op === "fill") {
    return users.every((user) => ELEMENTWISE.has(user.op) || OF_FILLS.has(user.op));
  }
  if (!ELEMENTWISE.has(node.op) || users.length !== 1) return false;
  const [user] = users;
  if (!ELEMENTWISE.has(user.op)) return REDUCTIONS.has(user.op);
  if (!sameShape(user.shape, node.shape)) return false;
  return !(TRANSCENDENTAL.has(user.op) && isSpreadOverShortRows(nodes, node));
}

function isSpreadOverShortRows(nodes, node) {
  const { shape } = node;
  const width = shape.at(-1) ?? 1;
  if (shape.length < 2 || width >= SHORT_ROW) return false;
  return node.args.some((value) => {
    if (!(value instanceof Ref)) return false;
    const own = nodes[value.node].shape;
    return own.length > 0 && !sameShape(own, shape);
  });
}

/** Test if node `i`, broadcast to a shape, is read contiguously. */
export function isContiguousAs({ nodes }, materialized, i, shape) {
  const node = nodes[i];
  if (node.shape.length === 0) return true;
  if (!sameShape(node.shape, shape)) return false;
  if (materialized.has(i) || node.op === "fill") return true;
  return (
    ELEMENTWISE.has(node.op) &&
    node.args.every(
      (value) =>
        !(value instanceof Ref) || isContiguousAs({ nodes }, materialized, value.node, shape),
    )
  );
}
