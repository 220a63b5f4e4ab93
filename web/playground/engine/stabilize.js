// Numerically stable softmax with cross-entropy, by four identities, as in
// `graph/passes/stabilize.py`: on operations alone, whatever layer they came from.

import { Following, ratio, ROWS } from "./constants.js";
import { keyOf, Ref, rewritten } from "./graph.js";
import { sameShape } from "./symbolic_sizes.js";

/** Apply the identities that avoid overflow. */
export function stabilized(graph) {
  return rewritten(
    graph,
    (builder, node) =>
      logOfAQuotient(builder, node) ??
      timesAScatter(builder, node) ??
      cancelled(builder, node) ??
      sumOfAScatter(builder, node) ??
      builder.keep(node),
  );
}

/** Rewrite log((exp(u) / s)[i]), s one number a row, to u[i] - log s[i]. */
function logOfAQuotient(builder, node) {
  if (node.op !== "log" || !builder.is(node.args[0], "getitem")) return null;
  const [p, index] = builder.of(node.args[0]).args;
  if (!builder.is(p, "divide") || index.length !== 2) return null;
  const [e, s] = builder.of(p).args;
  if (!builder.is(e, "exp") || !(s instanceof Ref)) return null;
  if (!sameShape(builder.of(s).shape, [builder.of(e).shape[0], 1])) return null;
  const u = builder.alike(node, "getitem", builder.of(e).args[0], index);
  const ofRow = builder.alike(node, "getitem", s, [index[0], 0]);
  return builder.alike(node, "subtract", u, builder.alike(node, "log", ofRow));
}

/** Rewrite p * (0 with [i] = v) to 0 with [i] = p[i] * v. */
function timesAScatter(builder, node) {
  if (node.op !== "multiply") return null;
  for (const [p, d] of [node.args, [...node.args].reverse()]) {
    if (!(p instanceof Ref) || !isScatter(builder, d)) continue;
    if (!sameShape(builder.of(p).shape, node.shape)) continue;
    const [zeros, index, v] = builder.of(d).args;
    const shape = builder.of(v).shape;
    if (!sameShape(shape, node.shape.slice(0, 1))) continue;
    const made = { options: {}, shape, kind: node.kind, origin: node.origin };
    const ofIndex = same(builder, { ...made, op: "getitem", args: [p, index] });
    const product = { ...made, op: "multiply", args: [ofIndex, v] };
    const value = cancelled(builder, product) ?? builder.keep(product);
    return builder.alike(node, "setitem", zeros, index, value);
  }
  return null;
}

/** Rewrite a * (c / a) to c, and with numbers c and k, a * (c / (k * a)) to c / k. */
function cancelled(builder, node) {
  if (node.op !== "multiply") return null;
  for (const [a, quotient] of [node.args, [...node.args].reverse()]) {
    if (!(a instanceof Ref) || !builder.is(quotient, "divide")) continue;
    const [c, divisor] = builder.of(quotient).args;
    const whole = isSame(divisor, a);
    if (c instanceof Ref) {
      if (whole && sameShape(builder.of(c).shape, node.shape)) return c;
    } else if (whole) {
      return builder.filled(node, c);
    } else if (builder.is(divisor, "multiply")) {
      const { args } = builder.of(divisor);
      for (const [k, other] of [args, [...args].reverse()]) {
        const known = typeof k === "number" || k instanceof Following;
        if (isSame(other, a) && known) return builder.filled(node, ratio(c, k));
      }
    }
  }
  return null;
}

/** Rewrite the sum over the classes of 0 with [n, y[n]] = v to v. */
function sumOfAScatter(builder, node) {
  if (node.op !== "sum" || node.args[1].join() !== "1") return null;
  const [x] = node.args;
  if (!isScatter(builder, x)) return null;
  const [, index, v] = builder.of(x).args;
  if (index.length !== 2 || index[0] !== ROWS) return null;
  if (!sameShape(builder.of(v).shape, builder.of(x).shape.slice(0, 1))) return null;
  if (!node.options.keepdims) return v;
  return builder.alike(node, "view", v, { offset: 0, strides: [1, 1] });
}

const isSame = (value, a) => value instanceof Ref && value.node === a.node;

/** Test if a value is zeros with some entries set to an array of values. */
function isScatter(builder, value) {
  if (!builder.is(value, "setitem")) return false;
  const [zeros, , v] = builder.of(value).args;
  return builder.is(zeros, "fill") && builder.of(zeros).args[0] === 0 && v instanceof Ref;
}

/** Find an earlier equal node, or return this one. */
function same(builder, node) {
  const key = keyOf(node.op, node.args);
  const i = builder.nodes.findIndex((other) => keyOf(other.op, other.args) === key);
  return i < 0 ? builder.keep(node) : new Ref(i);
}
