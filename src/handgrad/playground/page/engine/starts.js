// A product to which a bias is added begins its sums at the bias, as `graph/passes/starts.py` does.

import { Ref, rewritten, usersOf } from "./graph.js";
import { sameShape } from "./sizes.js";

/** Let the sums of a @ b + bias begin at the bias, where nothing else needs the product. */
export function withProductsBegunAtBiases(graph) {
  const users = usersOf(graph.nodes);
  const outputs = new Set(Object.values(graph.outputs));
  return rewritten(graph, (builder, node) => {
    if (node.op !== "add") return builder.keep(node);
    for (const [product, bias] of [node.args, [...node.args].reverse()]) {
      if (!(product instanceof Ref) || !(bias instanceof Ref)) continue;
      const alone = users[product.node].length === 1 && !outputs.has(product.node);
      if (!alone || !canBeginAt(builder, node, product, bias)) continue;
      const { args } = builder.of(product);
      return builder.add("product", args, node.shape, node.kind, { start: bias });
    }
    return builder.keep(node);
  });
}

/** Whether the bias has a number for each column of the product, alike for all its rows. */
function canBeginAt(builder, node, product, bias) {
  const a = builder.of(product);
  const b = builder.of(bias);
  if (a.op !== "product" || a.options.start) return false;
  if (b.op === "view" && b.args[1].strides.at(-1) !== 1) return false;
  if (!sameShape(a.shape, node.shape) || a.kind !== node.kind || b.kind !== node.kind) return false;
  const own = b.shape.slice(-node.shape.length).reverse();
  return own[0] === node.shape.at(-1) && own.slice(1).every((size) => size === 1);
}
