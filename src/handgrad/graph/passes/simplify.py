"""Small passes that make a graph shorter and leave what it says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.graph.encoding import key
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import OPERATIONS, Op
from handgrad.graph.passes.builder import Builder, renumbered, rewritten, used_nodes
from handgrad.graph.passes.core import ELEMENTWISE
from handgrad.graph.references import Ref, substitute


def remove_dead_code(graph: Graph) -> Graph:
    """Drop every node that no output depends on."""
    needed = used_nodes(graph)
    new: dict[int, int] = {}
    nodes: list[Node] = []
    for i, node in enumerate(graph.nodes):
        if i in needed:
            new[i] = len(nodes)
            nodes.append(_renumbered(node, new))
    return renumbered(graph, nodes, lambda i: new[i])


def _renumbered(node: Node, new: Mapping[int, int]) -> Node:
    def renew(leaf: object) -> Any:
        return Ref(new[leaf.node]) if isinstance(leaf, Ref) else leaf

    arguments, options = substitute((node.arguments, dict(node.options)), renew)
    return replace(node, arguments=arguments, options=options)


def share_common_subexpressions(graph: Graph) -> Graph:
    """Compute once what is computed twice from the same arguments."""
    seen: dict[str, Ref] = {}

    def shared(new: Builder, node: Node) -> Ref:
        if node.operation is Op.RANDOM:
            return new.keep(node)
        same = key(node.operation, node.arguments, *node.options.items(), node.dtype)
        if same not in seen:
            seen[same] = new.keep(node)
        return seen[same]

    return rewritten(graph, shared)


def fold_constants(graph: Graph) -> Graph:
    """Compute beforehand what depends on constants alone, and drop `x + 0`, `x * 1`, `x / 1`."""
    return rewritten(graph, _folded)


def _folded(new: Builder, node: Node) -> Ref:
    if node.operation not in ELEMENTWISE:
        return new.keep(node)
    a = [_number(new, argument) for argument in node.arguments]
    if node.arguments and all(part is not None for part in a):
        with np.errstate(all="ignore"):
            value = np.asarray(OPERATIONS[node.operation].compute(*a)).astype(node.dtype)
        number = value.item()
        return new.add(Op.FILL, (node.shape, number, node.dtype), node.shape, node.dtype)
    if node.operation in (Op.ADD, Op.MULTIPLY) and a[0] is not None:
        node_arguments, a = node.arguments[::-1], a[::-1]
    else:
        node_arguments = node.arguments
    neutral = {Op.ADD: 0, Op.SUBTRACT: 0, Op.MULTIPLY: 1, Op.DIVIDE: 1}.get(node.operation)
    x = node_arguments[0]
    if neutral is not None and isinstance(x, Ref) and a[1] == neutral:
        same = new[x]
        if same.shape == node.shape and same.dtype == node.dtype:
            return x
    return new.keep(node)


def _number(new: Builder, argument: object) -> Any:
    """The constant that an argument is, as a NumPy or Python scalar; None where it is none."""
    if isinstance(argument, Ref):
        node = new[argument]
        if node.operation is Op.FILL and isinstance(node.arguments[1], int | float):
            return node.dtype.type(node.arguments[1])
        return None
    return argument if isinstance(argument, int | float | np.generic) else None
