"""Traced graphs in ONNX, node by node, with the names that `hg.trace` prints."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.exchange.exporting.onnx.functions import OF_RUNTIMES, function
from handgrad.exchange.exporting.onnx.gather_indices import (
    broadcast,
    concatenated,
    moved,
    overwritten,
    padded,
    part,
    repeated,
    stacked,
    taken,
    turned,
)
from handgrad.exchange.exporting.onnx.model import GraphTranslator, ModelBuilder, NodeOrigin
from handgrad.graph import Graph
from handgrad.graph.nodes import Node, Origin, users_of
from handgrad.graph.operations import COMPARISONS, Op
from handgrad.graph.passes.builder import REQUIRED, Builder, arguments_of, rewritten
from handgrad.graph.passes.lower import FORMS, as_einsum
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.printing import names_of
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.layers import Array

Write = Callable[[GraphTranslator, Node], str]

# Operations on numbers of the type of the result.
OF_NUMBERS = {
    Op.ADD: "Add",
    Op.SUBTRACT: "Sub",
    Op.MULTIPLY: "Mul",
    Op.DIVIDE: "Div",
    Op.POWER: "Pow",
    Op.MATMUL: "MatMul",
    Op.NEGATIVE: "Neg",
    Op.ABS: "Abs",
    Op.EXP: "Exp",
    Op.LOG: "Log",
    Op.SQRT: "Sqrt",
    Op.SIGN: "Sign",
    Op.SIN: "Sin",
    Op.TANH: "Tanh",
    Op.FLOOR: "Floor",
    Op.CEIL: "Ceil",
    Op.MAXIMUM: "Max",
    Op.MINIMUM: "Min",
}
COMPARED = {
    Op.LESS: "Less",
    Op.LESS_EQUAL: "LessOrEqual",
    Op.GREATER: "Greater",
    Op.GREATER_EQUAL: "GreaterOrEqual",
    Op.EQUAL: "Equal",
    Op.NOT_EQUAL: "Equal",
}
OF_TRUTH = {
    Op.AND: "And",
    Op.OR: "Or",
    Op.XOR: "Xor",
    Op.INVERT: "Not",
    Op.LOGICAL_AND: "And",
    Op.LOGICAL_OR: "Or",
    Op.LOGICAL_NOT: "Not",
}
REDUCED = {
    Op.SUM: "ReduceSum",
    Op.MEAN: "ReduceMean",
    Op.MAX: "ReduceMax",
    Op.MIN: "ReduceMin",
    Op.PROD: "ReduceProd",
}


def _of_numbers(w: GraphTranslator, node: Node) -> str:
    if node.dtype == np.bool_:
        raise node.refused("truth values")
    inputs = [w.value(argument, node.dtype) for argument in node.arguments]
    return w.put(OF_NUMBERS[node.operation], *inputs)


def _compared(w: GraphTranslator, node: Node) -> str:
    kind = common_type(w, node.arguments)
    inputs = [w.value(argument, kind) for argument in node.arguments]
    result = w.put(COMPARED[node.operation], *inputs)
    return w.put("Not", result) if node.operation is Op.NOT_EQUAL else result


def common_type(w: GraphTranslator, arguments: Sequence[object]) -> np.dtype[np.generic]:
    """Type in which NumPy compares; Python numbers take that of the arrays."""
    known: list[Any] = [w[a].dtype if isinstance(a, Ref) else at(a, 1) for a in arguments]
    return np.result_type(*known)


def _of_truth(w: GraphTranslator, node: Node) -> str:
    if node.dtype != np.bool_:
        raise node.refused("whole numbers")
    inputs = [w.value(argument, np.bool_) for argument in node.arguments]
    return w.put(OF_TRUTH[node.operation], *inputs)


def _where(w: GraphTranslator, node: Node) -> str:
    condition, a, b = arguments_of(node, condition=REQUIRED, x=REQUIRED, y=REQUIRED)
    chosen = w.value(a, node.dtype), w.value(b, node.dtype)
    return w.put("Where", w.value(condition, np.bool_), *chosen)


def _is_finite(w: GraphTranslator, node: Node) -> str:
    x = w.value(node.arguments[0], w[node.arguments[0]].dtype)
    return w.put("Not", w.put("Or", w.put("IsNaN", x), w.put("IsInf", x)))


def _is_nan(w: GraphTranslator, node: Node) -> str:
    return w.put("IsNaN", w.value(node.arguments[0], w[node.arguments[0]].dtype))


def _cast(w: GraphTranslator, node: Node) -> str:
    return w.value(node.arguments[0], node.dtype)


def _function(w: GraphTranslator, node: Node) -> str:
    """Function of the domain `handgrad`, if runtimes have none for the dtype."""
    x, name = w.value(node.arguments[0], node.dtype), node.operation.value.capitalize()
    if name in OF_RUNTIMES and node.dtype == np.float32:
        return w.put(name, x)
    return w.model.call(function(name), x)


def _reduced(w: GraphTranslator, node: Node) -> str:
    x, axis, keepdims = arguments_of(node, a=REQUIRED, axis=None, keepdims=False)
    value, keep = w.value(x, node.dtype), int(keepdims is True)
    axes = [axis] if isinstance(axis, int) else axis
    name = REDUCED[node.operation]
    if axes is None:
        return w.put(name, value, keepdims=keep)
    if node.operation is Op.SUM:
        return w.put(name, value, w.whole([*axes], "axes"), keepdims=keep)
    return w.put(name, value, axes=[*axes], keepdims=keep)


def _argmax(w: GraphTranslator, node: Node) -> str:
    x, axis = arguments_of(node, a=REQUIRED, axis=None)
    value, shape = w.value(x, w[x].dtype), w[x].shape
    if axis is None:
        value, axis = w.put("Reshape", value, w.whole([-1], "shape")), 0
    return w.put("ArgMax", value, axis=axis % max(len(shape), 1), keepdims=0)


def _einsum(w: GraphTranslator, node: Node) -> str:
    spec, *operands = node.arguments
    if not isinstance(spec, str) or set(node.options) - {"optimize"}:
        raise node.refused("such arguments")
    values = [w.value(operand, node.dtype) for operand in operands]
    return w.put("Einsum", *values, equation=spec.replace(" ", ""))


def _dot(w: GraphTranslator, node: Node) -> str:
    a, b = arguments_of(node, a=REQUIRED, b=REQUIRED)
    if not all(isinstance(x, Ref) and 1 <= len(w[x].shape) <= 2 for x in (a, b)):
        raise node.refused("arrays of more than two axes, or constants")
    return w.put("MatMul", w.value(a, node.dtype), w.value(b, node.dtype))


def _filled(w: GraphTranslator, node: Node) -> str:
    shape, number, _ = node.arguments
    return w.put("Expand", w.value(number, node.dtype), w.shape(shape))


def _reshaped(w: GraphTranslator, node: Node) -> str:
    if node.options.get("order", "C") != "C":
        raise node.refused("another order than row after row")
    x = node.arguments[0]
    return w.reshaped(w.value(x, node.dtype), node.shape, w[x].shape)


WRITTEN: dict[Op, Write] = {
    **dict.fromkeys(OF_NUMBERS, _of_numbers),
    **dict.fromkeys(COMPARISONS, _compared),
    **dict.fromkeys(OF_TRUTH, _of_truth),
    **dict.fromkeys((Op.EXPM1, Op.LOG1P, Op.ERF, Op.COS), _function),
    **dict.fromkeys(REDUCED, _reduced),
    **dict.fromkeys((Op.ASTYPE, Op.COPY), _cast),
    **dict.fromkeys((Op.RESHAPE, Op.RAVEL, Op.SQUEEZE, Op.EXPAND_DIMS), _reshaped),
    **dict.fromkeys((Op.TRANSPOSE, Op.SWAPAXES, Op.MOVEAXIS), turned),
    **dict.fromkeys((Op.FLIP, Op.TILE, Op.SLIDING_WINDOW_VIEW), moved),
    Op.WHERE: _where,
    Op.ISFINITE: _is_finite,
    Op.ISNAN: _is_nan,
    Op.ARGMAX: _argmax,
    Op.EINSUM: _einsum,
    Op.DOT: _dot,
    Op.FILL: _filled,
    Op.BROADCAST_TO: broadcast,
    Op.REPEAT: repeated,
    Op.GETITEM: part,
    Op.SETITEM: overwritten,
    Op.TAKE: taken,
    Op.CONCATENATE: concatenated,
    Op.STACK: stacked,
    Op.PAD: padded,
}


def written(w: GraphTranslator, node: Node) -> str:
    """Append a node of a graph; return the name of its result."""
    write = WRITTEN.get(node.operation)
    if write is None:
        raise CannotLowerError(f"{node.operation}, at {node.origin}")
    return write(w, node)


PACKAGE = Path(__file__).parents[3]
# Operations that are decomposed first.
COMPOSED = {
    *(Op.CLIP, Op.SQUARE, Op.RECIPROCAL, Op.LOG2, Op.VAR, Op.STD, Op.ARGMIN),
    *(Op.SINH, Op.COSH, Op.LOGADDEXP),
    *(Op.ZEROS_LIKE, Op.EMPTY_LIKE, Op.ONES_LIKE, Op.FULL_LIKE),
}


def write_graph(
    model: ModelBuilder, graph: Graph, weights: Mapping[str, tuple[str, Array]], x: str
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
    writer, places = GraphTranslator(model, graph, values), _places(graph)
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
    if node.operation in (Op.OUTER, Op.TENSORDOT):
        return as_einsum(new, node)
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


def _places(graph: Graph) -> list[NodeOrigin]:
    """Name, as `hg.trace` prints it, layer and source line of each node."""
    names = names_of(graph.nodes, graph.leaves.named(), graph.outputs.named())
    users, places = users_of(graph.nodes), dict[int, NodeOrigin]()
    for i in reversed(range(len(graph.nodes))):
        node, name = graph.nodes[i], names.get(i)
        if name is None:  # a part of the line that its only user ends
            inner = node.operation.value
            name = f"{places[users[i][0]].name.partition('.')[0]}.{inner}" if users[i] else inner
        origin = node.origin or Origin("", 0)
        page = graph.pages.get(origin.layer, "")
        owner = ".".join(part for part in (origin.layer, page.partition("(")[0]) if part)
        places[i] = NodeOrigin(name, owner, f"{page}, {origin.method}\n{_line(origin)}")
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

    def put(self, w: GraphTranslator) -> str:
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
