"""Traced graphs in ONNX, node by node, with the names that `hg.trace` prints."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handgrad.exchange.exporting.onnx.model import Model, Place
from handgrad.exchange.exporting.onnx.operations import written
from handgrad.exchange.exporting.onnx.writer import Writer
from handgrad.graph import Graph
from handgrad.graph.nodes import Node, Origin, users_of
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.passes.lower import FORMS
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.printing import names_of
from handgrad.graph.symbolic import Ref
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.layers import Array

PACKAGE = Path(__file__).parents[3]
# Operations that are decomposed first.
COMPOSED = {
    *(Op.CLIP, Op.SQUARE, Op.RECIPROCAL, Op.LOG2, Op.VAR, Op.STD, Op.ARGMIN),
    *(Op.ZEROS_LIKE, Op.EMPTY_LIKE, Op.ONES_LIKE, Op.FULL_LIKE, Op.OUTER, Op.TENSORDOT),
}


def write_graph(
    model: Model, graph: Graph, weights: Mapping[str, tuple[str, Array]], x: str
) -> str:
    """Append a traced prediction of the rows `x`; return the name of its output.

    `weights` map names in the graph to names in files and arrays. Raises a SettingError with the
    layer and line of an operation that ONNX does not support.
    """
    graph = remove_dead_code(rewritten(graph, _composed))
    values, users = dict.fromkeys(graph.leaves.inputs.values(), x), users_of(graph.nodes)
    for kind in (graph.leaves.parameters, graph.leaves.state):
        used = (pair for pair in kind.items() if users[pair[1]])
        values |= {i: model.weight(*weights[name]) for name, i in used}
    writer, places = Writer(model, graph, values), _places(graph)
    linear = _linear(graph)
    within = {ref.node for gemm in linear.values() for ref in gemm.within}
    for i, node in enumerate(graph.nodes):
        if node.operation is Op.LEAF or i in within:
            continue
        model.place = places[i]
        try:
            name = linear[i].put(writer) if i in linear else written(writer, node)
        except CannotLowerError as error:
            raise _refused(graph, node, error) from None
        writer.values[i] = model.named(name)
    return writer.values[graph.outputs.all()[0]]


def _composed(new: Builder, node: Node) -> Ref:
    return FORMS[node.operation](new, node) if node.operation in COMPOSED else new.keep(node)


def _refused(graph: Graph, node: Node, error: CannotLowerError) -> SettingError:
    origin = node.origin or Origin("", 0)
    layer = f"layer {origin.layer}, {graph.pages.get(origin.layer, '')}"
    return SettingError(
        f"{_line(origin)}: {str(error).rpartition(', at ')[0] or error}",
        "operations that ONNX supports",
        "write it with other operations, or export to .py, which supports all of them",
        layer if origin.layer else "",
    )


def _places(graph: Graph) -> list[Place]:
    """Name, as `hg.trace` prints it, layer and source line of each node."""
    names = names_of(graph.nodes, graph.leaves.named(), graph.outputs.named())
    users, places = users_of(graph.nodes), dict[int, Place]()
    for i in reversed(range(len(graph.nodes))):
        node, name = graph.nodes[i], names.get(i)
        if name is None:  # a part of the line that its only user ends
            inner = node.operation.value
            name = f"{places[users[i][0]].name.partition('.')[0]}.{inner}" if users[i] else inner
        origin = node.origin or Origin("", 0)
        page = graph.pages.get(origin.layer, "")
        owner = ".".join(part for part in (origin.layer, page.partition("(")[0]) if part)
        places[i] = Place(name, owner, f"{page}, {origin.method}\n{_line(origin)}")
    return [places[i] for i in range(len(graph.nodes))]


def _line(origin: Origin) -> str:
    """File, number and text of a source line."""
    file = Path(origin.file)
    shown = file.relative_to(PACKAGE.parent) if file.is_relative_to(PACKAGE) else Path(file.name)
    code = linecache.getline(origin.file, origin.line).strip()
    return f"{shown.as_posix()}:{origin.line}: {code}" if code else f"{shown}:{origin.line}"


@dataclass(frozen=True)
class _Gemm:
    """Matrix product x @ W.T + b as ONNX's Gemm."""

    x: Ref
    W: Ref
    b: Ref
    within: tuple[Ref, ...]

    def put(self, w: Writer) -> str:
        """Append the operation."""
        names = (w.value(ref, w[ref].dtype) for ref in (self.x, self.W, self.b))
        return w.put("Gemm", *names, transB=1)


def _linear(graph: Graph) -> dict[int, _Gemm]:
    """Additions of b to x @ W.T whose intermediate results have no other users."""
    nodes, users = graph.nodes, users_of(graph.nodes)
    products = {}
    for i, node in enumerate(nodes):
        if node.operation is not Op.ADD or not all(isinstance(a, Ref) for a in node.arguments):
            continue
        product, b = node.arguments
        if nodes[product.node].operation is not Op.MATMUL or len(nodes[b.node].shape) != 1:
            continue
        x, turned = nodes[product.node].arguments
        between = [ref for ref in (product, turned) if isinstance(ref, Ref)]
        if len(between) < 2 or not isinstance(x, Ref) or len(nodes[x.node].shape) != 2:
            continue
        transpose = nodes[turned.node]
        alone = all(len(users[ref.node]) == 1 for ref in between)
        plain = transpose.operation is Op.TRANSPOSE and len(transpose.used()) == 1
        alike = {nodes[ref.node].dtype for ref in (x, turned, b)} == {node.dtype}
        if alone and plain and alike and len(transpose.shape) == 2 and not transpose.options:
            products[i] = _Gemm(x, transpose.arguments[0], b, (product, turned))
    return products
