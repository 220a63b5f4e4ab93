"""Lowered graphs as JSON, for the interpreter of the playground's page.

All passes run here: the page links fragments and runs them. A fragment has

    given       [name, shape, kind] of its leaves, which are the first nodes
    nodes       of the forward and of the backward pass, [operation, arguments, shape, kind] each;
                kind is "f" (float32) if there is none, "d" a float64 scalar, "i" integers or "b"
                booleans
    outputs     nodes by name: `prediction`, `loss`, `dx`, `d W`, `new running_mean`
    watched     nodes that can be read, but are not kept alive
    lines       the same graph without optimization, for explanations: `nodes`, and `lines` in the
                layer's operations: [operation, arguments, node, source line, label, kind, options,
                place]; `outputs` are numbers of lines here
    file        the source file

An argument "#3" is a node (in `lines` a line), a number a number. A size or a constant may also be
a setting's name, "n", the number of rows, "k", the width of the input, or {operation: arguments}.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import EllipsisType
from typing import Any, cast

import numpy as np

from handgrad.engines.loops.element_access import ElementReader
from handgrad.engines.loops.ir import whole
from handgrad.engines.loops.memory_planning import Storage, stored_nodes
from handgrad.engines.portable.scalarize import EVERYWHERE
from handgrad.graph import Graph
from handgrad.graph.graph import Outputs
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.passes import optimized
from handgrad.graph.passes.lower import lower
from handgrad.graph.printing import labels_of
from handgrad.graph.symbolic import (
    Arange,
    Dim,
    Formula,
    N,
    NoRuleError,
    Ratio,
    Ref,
    Scaled,
    Scaling,
    solve,
)
from handgrad.textbook.errors import RecordingError

Json = dict[str, Any]
Sizes = Mapping[str, int]
SINGLE = np.dtype(np.float32)
# The memory of a stored node: only whether there is one counts here.
STORED = Storage("scratch", whole(0), "float")
BACKWARD = ("backward", "gradient")  # methods of layers and losses, of penalties
NAMES = {math.inf: "inf", -math.inf: {"negative": ["inf"]}}


def fragment(graphs: Sequence[Graph], sizes: Sequence[Sizes], *, lines: bool = True) -> Json:
    """The fragment of a module that was traced with several `sizes`, as formulas of these."""
    return unified([written(graph, lines=lines) for graph in graphs], sizes)


def written(graph: Graph, *, lines: bool = True) -> Json:
    """The fragment of a graph with constant sizes, except for the number of rows."""
    leaves = sorted(graph.leaves.named(), key=lambda pair: pair[1])
    if [i for _, i in leaves] != [*range(len(leaves))]:
        raise RecordingError(graph.title, "leaves before all other nodes", "inputs given at once")
    best = optimized(graph)
    page = {
        "file": next((Path(node.origin.file).name for node in graph.nodes if node.origin), ""),
        "given": [_leaf(name, graph.nodes[i]) for name, i in leaves],
        "nodes": _nodes(best, len(leaves)),
        "outputs": best.outputs.named(),
        "watched": dict(best.watched),
    }
    return page | {"lines": _lines(graph, len(leaves))} if lines else page


def _leaf(name: str, node: Node) -> list[Any]:
    return [name, constant(node.shape), *_kind(node)]


def _kind(node: Node) -> list[str]:
    kind = "d" if node.dtype == np.float64 and node.shape == () else node.dtype.kind
    return [] if kind == "f" else ["i" if kind == "u" else kind]


def _passes(nodes: Sequence[Node], parts: Sequence[object], n_leaves: int) -> list[Any]:
    """Split what belongs to nodes beyond the leaves by their passes, forward and backward."""
    back = (i for i, n in enumerate(nodes) if n.origin and n.origin.method in BACKWARD)
    turn = next(back, len(nodes)) - n_leaves
    return [parts[:turn], parts[turn:]]


def _nodes(graph: Graph, n_leaves: int) -> list[Any]:
    """The nodes of a lowered graph."""
    places = dict.fromkeys(stored_nodes(graph, graph.outputs.all()), STORED)
    places |= {i: STORED for _, i in graph.leaves.named()}
    elements = ElementReader(graph, EVERYWHERE, places=places)
    nodes = [
        [n.operation.value, _arguments(n, elements), constant(n.shape), *_kind(n)]
        for n in graph.nodes[n_leaves:]
    ]
    return _passes(graph.nodes, nodes, n_leaves)


def _arguments(node: Node, elements: ElementReader) -> list[Any]:
    """The arguments of a lowered node."""
    operation, a = node.operation, node.arguments
    match operation:
        case Op.FILL:
            return [constant(a[1])]
        case Op.VIEW:
            return constant(a[:3])
        case Op.EINSUM:
            return constant((*a, *node.options.values()))
        case Op.RANDOM if node.dtype == SINGLE:
            return [a[0]]
        case Op.CONCATENATE:
            return constant(a)
        case Op.ASTYPE:
            return constant(a[:1])
        case Op.GETITEM | Op.SETITEM | Op.ADD_AT if len(a[1]) == 2:
            return constant(a)
    if operation in REDUCTIONS:
        shape = elements.graph.nodes[a[0].node].shape
        flat = len(a[1]) == len(shape) and elements.flattened(a[0].node, shape) != shape
        return [*constant(a), *([1] if flat else [])]
    if operation in ELEMENTWISE:
        return constant(a)
    raise node.refused("such arguments")


def constant(value: object, n: str = "n") -> Any:
    """An argument as JSON; `n` is the variable of sizes."""
    match value:
        case Ref(node):
            return f"#{node}"
        case tuple() | list():
            return [constant(part, n) for part in value]
        case np.generic():
            return constant(value.item())
        case float():
            return NAMES.get(value, value)
        case int() | str():
            return value
        case Dim(slope, offset):
            size = Formula("setting", (n,), 2.0)
            many = size if slope == 1 else slope * size
            return constant(many + offset if offset else many)
        case Scaled(Scaling.K_TIMES_LOG_N, k):
            return {"multiply": [k, {"log": [n]}]}
        case Scaled(scaling, k):
            return constant(scaling.compute(k, Formula("setting", (n,), 2.0)))  # type: ignore[arg-type]
        case Ratio(numerator, denominator):
            return {"divide": [constant(numerator), constant(denominator)]}
        case Formula("setting", (name,)):
            return name
        case Formula("power", (base, 0.5)):
            return {"sqrt": [constant(base)]}
        case Formula(operation, parts):
            return {operation: constant(parts)}
        case Arange(length, _, 1) if length == N:
            return "rows"
    raise RecordingError(
        f"the argument {value!r} of a layer", "numbers, arrays and indices", "another layer"
    )


def _lines(graph: Graph, n_leaves: int) -> Json:
    """The lines of a graph, and the nodes that compute them."""
    every = {str(i): i for i in range(len(graph.nodes))}
    plain = lower(replace(graph, outputs=Outputs(new_state=every), watched={}))
    labels = labels_of(graph.nodes, graph.outputs.named())
    lines = [
        _line(node, plain.outputs.new_state[str(i)], labels.get(i))
        for i, node in enumerate(graph.nodes)
        if i >= n_leaves
    ]
    return {
        "nodes": _nodes(plain, n_leaves),
        "lines": _passes(graph.nodes, lines, n_leaves),
        "outputs": graph.outputs.named(),
    }


def _line(node: Node, at: int, label: str | None) -> list[Any]:
    arguments = [None, *node.arguments[2:]] if node.operation is Op.RANDOM else node.arguments
    line = node.origin.line if node.origin else 0
    options = {name: _line_argument(part) for name, part in node.options.items()}
    kind = (_kind(node) or ["f"])[0]
    return [node.operation.value, _line_argument(arguments), at, line, label, kind, options]


def _line_argument(value: object) -> Any:
    """An argument of a line as JSON."""
    match value:
        case None | Ref() | bool():
            return constant(value) if isinstance(value, Ref) else value
        case str():
            return {"letters": value}
        case tuple() | list():
            return [_line_argument(part) for part in value]
        case slice():
            return {"slice": [_line_argument(end) for end in (value.start, value.stop, value.step)]}
        case EllipsisType():
            return {"dots": 1}
        case np.dtype():
            return {"type": value.kind}
        case Dim(slope, offset):
            return {"n": ["{}n+{}", slope, offset], "value": constant(value)}
        case Scaled(scaling, k):
            return {"n": [scaling.replace("{k}", "{}"), k], "value": constant(value)}
        case Arange():
            return {"n": [constant(value)], "value": 0}
    return constant(value)


def unified(values: Sequence[object], sizes: Sequence[Sizes]) -> Any:
    """The structure common to all `values`, with a formula for each number that follows a size.

    >>> unified([["sum", 3, 12], ["sum", 5, 14], ["sum", 8, 17]], [{"k": 4}, {"k": 6}, {"k": 9}])
    ['sum', {'add': ['k', -1]}, {'add': ['k', 8]}]
    """
    first, parts = values[0], cast(Sequence[Any], values)
    if all(type(value) is type(first) for value in values):
        if isinstance(first, list) and len({*map(len, parts)}) == 1:
            return [unified(some, sizes) for some in zip(*parts, strict=True)]
        if isinstance(first, dict) and all(part.keys() == first.keys() for part in parts):
            return {name: unified([part[name] for part in parts], sizes) for name in first}
        if all(value == first for value in values):
            return first
        for name in sizes[0]:
            with suppress(NoRuleError):
                return constant(solve(values, [run[name] for run in sizes]), name)
    raise RecordingError(
        f"{', '.join(map(repr, values))} with three settings and sizes",
        "constants, settings, and sizes that follow one of them",
        "arithmetic on settings alone: self.a / 2 instead of math.sqrt(self.a)",
    )
