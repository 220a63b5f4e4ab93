"""Lowered graphs as JSON, for the interpreter of the playground's page.

All passes run here: the page links fragments and runs them. A fragment has

    given       [name, shape, kind] of its leaves, which are the first nodes
    nodes       of the forward and of the backward pass, [operation, arguments, shape, kind] each;
                kind is "f" (float32) if there is none, "d" a float64 scalar, "i" integers or "b"
                booleans
    outputs     nodes by name: `prediction`, `loss`, `dx`, `d W`, `new running_mean`
    watched     nodes that can be read, but are not kept alive
    lines       the same graph without optimization, for explanations: `nodes`, and `lines` in the
                layer's operations, [node, label, kind, formula, term, place] (see `line_texts`);
                `outputs` are numbers of lines here

An argument "#3" is a node, a number a number. A size or a constant may also be a setting's name,
"n", the number of rows, "k", the width of the input, or {operation: arguments}.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

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
from handgrad.graph.symbolic import SIZES
from handgrad.learn.playground.constants import Json, Sizes, constant, kind_of, unified
from handgrad.learn.playground.line_texts import texts_of
from handgrad.textbook.errors import RecordingError

SINGLE = np.dtype(np.float32)
# The memory of a stored node: only whether there is one counts here.
STORED = Storage("scratch", whole(0), "float")
BACKWARD = ("backward", "gradient")  # methods of layers and losses, of penalties


def fragment(graphs: Sequence[Graph], sizes: Sequence[Sizes], *, lines: bool = True) -> Json:
    """The fragment of a module that was traced with several `sizes`, as formulas of these."""
    page: Json = unified([_written(graph) for graph in graphs], sizes)
    if lines:
        runs = [*zip(cycle(zip(graphs, sizes, strict=True)), SIZES, strict=False)]
        texts = [_lines(graph, n) for (graph, _), n in runs]
        page["lines"] = unified(texts, [{**own, "n": n} for (_, own), n in runs])
    return page


def _written(graph: Graph) -> Json:
    """The fragment of a graph with constant sizes, except for the number of rows."""
    leaves = sorted(graph.leaves.named(), key=lambda pair: pair[1])
    if [i for _, i in leaves] != [*range(len(leaves))]:
        raise RecordingError(graph.title, "leaves before all other nodes", "inputs given at once")
    best = optimized(graph)
    return {
        "given": [_leaf(name, graph.nodes[i]) for name, i in leaves],
        "nodes": _nodes(best, len(leaves)),
        "outputs": best.outputs.named(),
        "watched": dict(best.watched),
    }


def _leaf(name: str, node: Node) -> list[Any]:
    return [name, constant(node.shape), *kind_of(node)]


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
        [n.operation.value, _arguments(n, elements), constant(n.shape), *kind_of(n)]
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


def _lines(graph: Graph, n: int) -> Json:
    """The lines of a graph with their texts, for `n` rows, and the nodes that compute them."""
    n_leaves = len(graph.leaves.named())
    every = {str(i): i for i in range(len(graph.nodes))}
    plain = lower(replace(graph, outputs=Outputs(new_state=every), watched={}))
    texts = texts_of(graph, n)
    lines = [
        [plain.outputs.new_state[str(i)], *texts.get(i, ())]
        for i in range(n_leaves, len(graph.nodes))
    ]
    return {
        "nodes": _nodes(plain, n_leaves),
        "lines": _passes(graph.nodes, lines, n_leaves),
        "outputs": graph.outputs.named(),
    }
