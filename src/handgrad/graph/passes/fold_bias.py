"""Bias folding: the sums of a product begin at the bias that is added to it."""

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.symbolic import Ref


def fold_biases(graph: Graph) -> Graph:
    """Begin the sums of `a @ b + bias` at the bias, if nothing else needs the product.

    The decision depends on the graph alone, so the bits are the same for all sizes and engines.
    """
    users, outputs = users_of(graph.nodes), {*graph.outputs.all()}

    def folded(new: Builder, node: Node) -> Ref:  # each node becomes one: numbers stay as they are
        if node.operation is Op.ADD:
            for product, bias in (node.arguments, node.arguments[::-1]):
                if not (isinstance(product, Ref) and isinstance(bias, Ref)):
                    continue
                alone = len(users[product.node]) == 1 and product.node not in outputs
                if alone and _can_fold(new, node, product, bias):
                    return new.add(
                        Op.EINSUM, new[product].arguments, node.shape, node.dtype, start=bias
                    )
        return new.keep(node)

    return rewritten(graph, folded)


def _can_fold(new: Builder, node: Node, product: Ref, bias: Ref) -> bool:
    """Return True if the bias has a number for each column, the same for all rows."""
    a, b = new[product], new[bias]
    if a.operation is not Op.EINSUM or a.options or len(a.arguments) != 3:
        return False
    if b.operation is Op.VIEW and b.arguments[2][-1:] != (1,):
        return False
    inputs, output = a.arguments[0].split("->")
    summed = {*inputs} - {*output, ","}
    if not summed or a.shape != node.shape or not a.dtype == b.dtype == node.dtype:
        return False
    beside = [all(letter in own for own in inputs.split(",")) for letter in output]
    along = list(zip(b.shape[::-1], node.shape[::-1], beside[::-1], strict=False))
    return (
        bool(along)
        and along[0][0] == node.shape[-1]
        and not beside[-1]
        and all(size == 1 or (size == full and is_beside) for size, full, is_beside in along[1:])
    )
