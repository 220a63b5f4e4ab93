"""Simplification: dead code elimination, common subexpressions, constant folding."""

from collections.abc import Hashable
from typing import Any

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, key
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.symbolic import Ref

NEUTRAL = {Op.ADD: 0, Op.SUBTRACT: 0, Op.MULTIPLY: 1, Op.DIVIDE: 1}


def remove_dead_code(graph: Graph) -> Graph:
    """Dead code elimination: drop unused nodes, except random draws, which advance a stream."""
    draws = [i for i, node in enumerate(graph.nodes) if node.operation is Op.RANDOM]
    needed, waiting = {i for _, i in graph.leaves.named()}, [*graph.outputs.all(), *draws]
    while waiting:
        i = waiting.pop()
        if i not in needed:
            needed.add(i)
            waiting += graph.nodes[i].used()
    return rewritten(graph, Builder.keep, only=needed)


def share_common_subexpressions(graph: Graph) -> Graph:
    """Common subexpression elimination: compute equal nodes once."""
    seen: dict[Hashable, Ref] = {}

    def shared(new: Builder, node: Node) -> Ref:
        if node.operation is Op.RANDOM:
            return new.keep(node)
        same = key(node.operation, node.arguments, *node.options.items(), node.dtype)
        if same not in seen:
            seen[same] = new.keep(node)
        return seen[same]

    return rewritten(graph, shared)


def fold_constants(graph: Graph) -> Graph:
    """Constant folding: evaluate constant nodes, and drop `x + 0`, `x * 1`, `x / 1`."""
    return rewritten(graph, _folded)


def _folded(new: Builder, node: Node) -> Ref:
    if node.operation not in ELEMENTWISE:
        return new.keep(node)
    numbers = [_number(new, argument) for argument in node.arguments]
    if node.arguments and all(number is not None for number in numbers):
        with np.errstate(all="ignore"):
            value = np.asarray(node.operation.compute(*numbers)).astype(node.dtype)
        return new.filled(node, value.item())
    sides = [*zip(node.arguments, numbers, strict=True)]
    if node.operation in (Op.ADD, Op.MULTIPLY) and numbers[0] is not None:
        sides.reverse()
    x = sides[0][0]
    if node.operation in NEUTRAL and isinstance(x, Ref):
        same = (new[x].shape, new[x].dtype) == (node.shape, node.dtype)
        if same and sides[1][1] == NEUTRAL[node.operation]:
            return x
    return new.keep(node)


def _number(new: Builder, argument: object) -> Any:
    """The value of a constant argument, as a NumPy or Python scalar; None for others."""
    if isinstance(argument, Ref):
        node = new[argument]
        if node.operation is Op.FILL and isinstance(node.arguments[1], int | float):
            return node.dtype.type(node.arguments[1])
        return None
    return argument if isinstance(argument, int | float | np.generic) else None
