"""Cost of the layers of a net: operations and kept bytes for each row, counted from its graph."""

import math
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, first_of_backward
from handgrad.graph.operations import COMPARISONS, ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.passes.lower import lower
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.symbolic import Ref, Shape, at
from handgrad.graph.trace import trace
from handgrad.textbook.layers import Layer
from handgrad.textbook.net.predictor import LayerCost

# Elementwise operations that compute no new number.
UNCOUNTED = COMPARISONS | {
    *(Op.LOGICAL_AND, Op.LOGICAL_OR, Op.LOGICAL_NOT, Op.ISNAN, Op.ISFINITE, Op.WHERE, Op.ASTYPE)
}
N = 64  # rows: the cost of one more row is the cost of N + 1 rows less that of N


def layer_costs(net: Layer, x: object = None) -> dict[str, LayerCost]:
    """The cost of the layers of a net for each row, by path, with that of the layers within them.

    What the net itself computes, as it joins branches, has the path "".

    A product of matrices counts two operations for each multiplication and addition, any other
    operation or function one for each number.

    Parameters
    ----------
    net : Net
        The net.
    x : array or tuple of arrays, optional
        A few rows, if the net does not declare its input shape.
    """
    graph = remove_dead_code(lower(remove_dead_code(trace(net, x=x))))
    more, fewer = _costs(graph, N + 1), _costs(graph, N)
    return {
        path: LayerCost(*(a - b for a, b in zip(cost, fewer[path], strict=True)))
        for path, cost in more.items()
    }


def _costs(graph: Graph, n: int) -> Mapping[str, list[int]]:
    """Forward and backward operations and kept bytes of n rows, by path."""
    costs: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    kept: set[int] = set()
    first = first_of_backward(graph.nodes)
    for i, node in enumerate(graph.nodes):
        if node.origin is None or node.operation is Op.LEAF:
            continue
        costs[node.origin.layer.partition(".")[0]][i >= first] += _operations(graph, node, n)
        if i >= first:
            kept |= {_stored(graph, read) for read in node.used()}
    for i in kept:
        node = graph.nodes[i]
        if i < first and node.origin is not None and node.operation is not Op.LEAF:
            costs[node.origin.layer.partition(".")[0]][2] += (
                _size(node.shape, n) * node.dtype.itemsize
            )
    return costs


def _stored(graph: Graph, i: int) -> int:
    """The node whose array another is a view of."""
    while graph.nodes[i].operation is Op.VIEW:
        i = graph.nodes[i].used()[0]
    return i


def _operations(graph: Graph, node: Node, n: int) -> int:
    if node.dtype.kind != "f":
        return 0
    shapes = [
        graph.nodes[part.node].shape if isinstance(part, Ref) else np.shape(at(part, n))
        for part in node.arguments
        if node.operation is not Op.CONCATENATE
    ]
    if node.operation is Op.EINSUM:
        return _operations_of_product(node, shapes, n)
    if node.operation in REDUCTIONS:
        return _size(shapes[0], n)
    if node.operation is Op.ADD_AT:
        return _size(shapes[2], n)
    return _size(node.shape, n) if node.operation in ELEMENTWISE - UNCOUNTED else 0


def _operations_of_product(node: Node, shapes: list[Shape], n: int) -> int:
    """A multiplication for each operand after the first, and an addition where it sums."""
    spec, *operands = node.arguments
    letters, _, result = spec.partition("->")
    sizes: dict[str, int] = {}
    for names, shape in zip(letters.split(","), shapes[1:], strict=True):
        sizes |= {name: at(size, n) for name, size in zip(names, shape, strict=True)}
    return math.prod(sizes.values()) * (len(operands) - 1 + (len(sizes) > len({*result})))


def _size(shape: Shape, n: int) -> int:
    return math.prod(at(size, n) for size in shape)
