// Simplification passes: dead code, common subexpressions, constants; as in
// `graph/passes/simplify.py`.

import { keyOf, Ref, rewritten, usedBy } from "./graph.js";
import { ELEMENTWISE } from "./shapes.js";
import { sameShape } from "./symbolic_sizes.js";

/** Dead-code elimination; random draws stay, since they advance a stream. */
export function withoutDeadCode(graph) {
  const needed = new Set(Object.values(graph.leaves));
  const draws = graph.nodes.flatMap((node, i) => (node.op === "random" ? [i] : []));
  const waiting = [...Object.values(graph.outputs), ...draws];
  while (waiting.length) {
    const i = waiting.pop();
    if (needed.has(i)) continue;
    needed.add(i);
    waiting.push(...usedBy(graph.nodes[i]));
  }
  return rewritten(graph, (builder, node) => builder.keep(node), needed);
}

/** Common subexpression elimination. */
export function withSharedSubexpressions(graph) {
  const seen = new Map();
  return rewritten(graph, (builder, node) => {
    if (node.op === "random") return builder.keep(node);
    const key = keyOf(node.op, node.args, node.options, node.kind);
    if (!seen.has(key)) seen.set(key, builder.keep(node));
    return seen.get(key);
  });
}

const NEUTRAL = { add: 0, subtract: 0, multiply: 1, divide: 1 };
// Operations that constant folding evaluates.
const COMPUTED = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  negative: (a) => -a,
};

/** Constant folding, and removal of x + 0, x * 1, x / 1. */
export const withFoldedConstants = (graph) => rewritten(graph, folded);

function folded(builder, node) {
  if (!ELEMENTWISE.has(node.op)) return builder.keep(node);
  const numbers = node.args.map((value) => numberOf(builder, value));
  if (numbers.every((number) => number !== null) && node.op in COMPUTED) {
    const value = COMPUTED[node.op](...numbers);
    return builder.filled(node, node.kind === "f" ? Math.fround(value) : value);
  }
  const sides = node.args.map((value, i) => [value, numbers[i]]);
  if (["add", "multiply"].includes(node.op) && numbers[0] !== null) sides.reverse();
  const [x] = sides[0];
  if (node.op in NEUTRAL && x instanceof Ref && sides[1][1] === NEUTRAL[node.op]) {
    const own = builder.of(x);
    if (own.kind === node.kind && sameShape(own.shape, node.shape)) return x;
  }
  return builder.keep(node);
}

function numberOf(builder, value) {
  if (typeof value === "number") return value;
  if (!builder.is(value, "fill")) return null;
  const { args, kind } = builder.of(value);
  if (typeof args[0] !== "number") return null;
  return kind === "f" ? Math.fround(args[0]) : args[0];
}
