"""Small passes that make a graph shorter and leave what it says."""

from typing import Any

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, Ref, substitute
from handgrad.graph.operations import OPERATIONS
from handgrad.graph.passes.builder import Builder, rewritten, used_nodes
from handgrad.graph.passes.core import ELEMENTWISE


def remove_dead_code(graph: Graph) -> Graph:
    """Drop every node that no output depends on."""
    needed = used_nodes(graph)
    new: dict[int, int] = {}
    nodes: list[Node] = []
    for i, node in enumerate(graph.nodes):
        if i in needed:
            new[i] = len(nodes)
            nodes.append(_renumbered(node, new))
    return Graph(
        graph.title,
        tuple(nodes),
        {name: new[i] for name, i in graph.leaves.items()},
        {name: new[i] for name, i in graph.outputs.items()},
        graph.pages,
    )


def _renumbered(node: Node, new: dict[int, int]) -> Node:
    def renew(leaf: Any) -> Any:
        return Ref(new[leaf.node]) if isinstance(leaf, Ref) else leaf

    arguments = substitute(node.arguments, renew)
    return Node(
        node.operation,
        arguments,
        substitute(node.options, renew),
        node.shape,
        node.dtype,
        node.origin,
    )


def share_common_subexpressions(graph: Graph) -> Graph:
    """Compute once what is computed twice from the same arguments."""
    seen: dict[Any, Ref] = {}

    def shared(new: Builder, node: Node) -> Ref:
        if node.operation == "random":
            return new.keep(node)
        key = (node.operation, _key(node.arguments), _key(node.options), node.dtype)
        if key not in seen:
            seen[key] = new.keep(node)
        return seen[key]

    return rewritten(graph, shared)


def _key(value: Any) -> Any:
    """What tells an argument apart: by value where it has one, arrays by their bytes."""
    if isinstance(value, tuple | list):
        return (type(value).__name__, *map(_key, value))
    if isinstance(value, dict):
        return tuple((name, _key(part)) for name, part in value.items())
    if isinstance(value, slice):
        return ("slice", _key(value.start), _key(value.stop), _key(value.step))
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    return (type(value).__name__, value)


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
        return new.add("fill", (node.shape, number, node.dtype), node.shape, node.dtype)
    if node.operation in ("add", "multiply") and a[0] is not None:
        node_arguments, a = node.arguments[::-1], a[::-1]
    else:
        node_arguments = node.arguments
    neutral = {"add": 0, "subtract": 0, "multiply": 1, "divide": 1}.get(node.operation)
    x = node_arguments[0]
    if neutral is not None and isinstance(x, Ref) and a[1] == neutral:
        same = new[x]
        if same.shape == node.shape and same.dtype == node.dtype:
            return x
    return new.keep(node)


def _number(new: Builder, argument: Any) -> Any:
    """The constant that an argument is, as a NumPy or Python scalar; None where it is none."""
    if isinstance(argument, Ref):
        node = new[argument]
        if node.operation == "fill" and isinstance(node.arguments[1], int | float):
            return node.dtype.type(node.arguments[1])
        return None
    return argument if isinstance(argument, int | float | np.generic) else None
