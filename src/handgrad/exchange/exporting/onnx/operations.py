"""ONNX nodes for each operation of a traced graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from handgrad.exchange.exporting.onnx.writer import Writer
from handgrad.graph.nodes import Node
from handgrad.graph.operations import COMPARISONS, Op
from handgrad.graph.passes.builder import REQUIRED, arguments_of
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.errors import CannotLowerError

Write = Callable[[Writer, Node], str]

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


def _of_numbers(w: Writer, node: Node) -> str:
    if node.dtype == np.bool_:
        raise node.refused("truth values")
    inputs = [w.value(argument, node.dtype) for argument in node.arguments]
    return w.put(OF_NUMBERS[node.operation], *inputs)


def _compared(w: Writer, node: Node) -> str:
    kind = common_type(w, node.arguments)
    inputs = [w.value(argument, kind) for argument in node.arguments]
    result = w.put(COMPARED[node.operation], *inputs)
    return w.put("Not", result) if node.operation is Op.NOT_EQUAL else result


def common_type(w: Writer, arguments: Sequence[object]) -> np.dtype[np.generic]:
    """Type in which NumPy compares; Python numbers take that of the arrays."""
    known: list[Any] = [w[a].dtype if isinstance(a, Ref) else at(a, 1) for a in arguments]
    return np.result_type(*known)


def _of_truth(w: Writer, node: Node) -> str:
    if node.dtype != np.bool_:
        raise node.refused("whole numbers")
    inputs = [w.value(argument, np.bool_) for argument in node.arguments]
    return w.put(OF_TRUTH[node.operation], *inputs)


def _where(w: Writer, node: Node) -> str:
    condition, a, b = arguments_of(node, condition=REQUIRED, x=REQUIRED, y=REQUIRED)
    chosen = w.value(a, node.dtype), w.value(b, node.dtype)
    return w.put("Where", w.value(condition, np.bool_), *chosen)


def _is_finite(w: Writer, node: Node) -> str:
    x = w.value(node.arguments[0], w[node.arguments[0]].dtype)
    return w.put("Not", w.put("Or", w.put("IsNaN", x), w.put("IsInf", x)))


def _is_nan(w: Writer, node: Node) -> str:
    return w.put("IsNaN", w.value(node.arguments[0], w[node.arguments[0]].dtype))


def _cast(w: Writer, node: Node) -> str:
    return w.value(node.arguments[0], node.dtype)


def _function(w: Writer, node: Node) -> str:
    """Function of the domain `handgrad`, if runtimes have none for the dtype."""
    x, name = w.value(node.arguments[0], node.dtype), node.operation.value.capitalize()
    if name in OF_RUNTIMES and node.dtype == np.float32:
        return w.put(name, x)
    return w.model.call(function(name), x)


def _reduced(w: Writer, node: Node) -> str:
    x, axis, keepdims = arguments_of(node, a=REQUIRED, axis=None, keepdims=False)
    value, keep = w.value(x, node.dtype), int(keepdims is True)
    axes = [axis] if isinstance(axis, int) else axis
    name = REDUCED[node.operation]
    if axes is None:
        return w.put(name, value, keepdims=keep)
    if node.operation is Op.SUM:
        return w.put(name, value, w.whole([*axes], "axes"), keepdims=keep)
    return w.put(name, value, axes=[*axes], keepdims=keep)


def _argmax(w: Writer, node: Node) -> str:
    x, axis = arguments_of(node, a=REQUIRED, axis=None)
    value, shape = w.value(x, w[x].dtype), w[x].shape
    if axis is None:
        value, axis = w.put("Reshape", value, w.whole([-1], "shape")), 0
    return w.put("ArgMax", value, axis=axis % max(len(shape), 1), keepdims=0)


def _einsum(w: Writer, node: Node) -> str:
    spec, *operands = node.arguments
    if not isinstance(spec, str) or set(node.options) - {"optimize"}:
        raise node.refused("such arguments")
    values = [w.value(operand, node.dtype) for operand in operands]
    return w.put("Einsum", *values, equation=spec.replace(" ", ""))


def _dot(w: Writer, node: Node) -> str:
    a, b = arguments_of(node, a=REQUIRED, b=REQUIRED)
    if not all(isinstance(x, Ref) and 1 <= len(w[x].shape) <= 2 for x in (a, b)):
        raise node.refused("arrays of more than two axes, or constants")
    return w.put("MatMul", w.value(a, node.dtype), w.value(b, node.dtype))


def _filled(w: Writer, node: Node) -> str:
    shape, number, _ = node.arguments
    return w.put("Expand", w.value(number, node.dtype), w.shape(shape))


def _reshaped(w: Writer, node: Node) -> str:
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


def written(w: Writer, node: Node) -> str:
    """Append a node of a graph; return the name of its result."""
    write = WRITTEN.get(node.operation)
    if write is None:
        raise CannotLowerError(f"{node.operation}, at {node.origin}")
    return write(w, node)
