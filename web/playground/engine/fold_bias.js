// Bias folding: the accumulator of a matmul starts at the bias, as in `graph/passes/fold_bias.py`.

import { lettersOf } from "./einsum.js";
import { Ref, rewritten, usersOf } from "./graph.js";
import { sameShape } from "./symbolic_sizes.js";

/** Fold bias adds into matmuls whose product has no other users. */
export function withFoldedBiases(graph) {
  const users = usersOf(graph.nodes);
  const outputs = new Set(Object.values(graph.outputs));
  return rewritten(graph, (builder, node) => {
    if (node.op !== "add") return builder.keep(node);
    for (const [product, bias] of [node.args, [...node.args].reverse()]) {
      if (!(product instanceof Ref) || !(bias instanceof Ref)) continue;
      const alone = users[product.node].length === 1 && !outputs.has(product.node);
      if (!alone || !canBeginAt(builder, node, product, bias)) continue;
      const { op, args } = builder.of(product);
      return builder.add(op, args, node.shape, node.kind, { start: bias });
    }
    return builder.keep(node);
  });
}

/** Test if the bias has a number for each column of the product, the same for all rows. */
function canBeginAt(builder, node, product, bias) {
  const a = builder.of(product);
  const b = builder.of(bias);
  const isProduct = a.op === "product" || (a.op === "einsum" && a.args.length === 3);
  if (!isProduct || a.options.start) return false;
  if (b.op === "view" && b.args[1].strides.at(-1) !== 1) return false;
  if (!sameShape(a.shape, node.shape) || a.kind !== node.kind || b.kind !== node.kind) return false;
  const beside = a.op === "einsum" ? axesBeside(a.args[0]) : node.shape.map(() => false);
  if (!beside || beside.at(-1)) return false;
  const own = b.shape.slice(-node.shape.length).reverse();
  const [full, isBeside] = [[...node.shape].reverse(), [...beside].reverse()];
  return (
    own[0] === full[0] &&
    own.every((size, i) => !i || size === 1 || (size === full[i] && isBeside[i]))
  );
}

/** Axes of an einsum that all operands share; null if nothing is summed. */
function axesBeside(text) {
  const { operands, output } = lettersOf(text);
  if (operands.every((own) => [...own].every((letter) => output.includes(letter)))) return null;
  return [...output].map((letter) => operands.every((own) => own.includes(letter)));
}
