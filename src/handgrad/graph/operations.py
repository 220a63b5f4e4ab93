"""The operations a graph is made of: each a NumPy function and how it reads.

A page may spell an operation as operator, function, method or ufunc; it is recorded under one
name. What is not in these tables cannot be recorded.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.layers import Array


@dataclass(frozen=True)
class Operation:
    """What an operation computes, and how it prints; `view`: its result shares memory."""

    compute: Callable[..., Any]
    text: str = ""
    view: bool = False


def setitem(array: Array, index: Any, values: Any) -> Array:
    """A copy of `array` in which the entries at `index` are `values`."""
    array = array.copy()
    array[index] = values
    return array


def add_at(array: Array, index: Any, values: Any) -> Array:
    """A copy of `array` with `values` added at `index`, repeated indices adding up."""
    array = array.copy()
    np.add.at(array, index, values)
    return array


BINARY: dict[str, tuple[Callable[..., Any], str]] = {
    "add": (operator.add, "+"),
    "subtract": (operator.sub, "-"),
    "multiply": (operator.mul, "*"),
    "divide": (operator.truediv, "/"),
    "floor_divide": (operator.floordiv, "//"),
    "remainder": (operator.mod, "%"),
    "power": (operator.pow, "**"),
    "matmul": (operator.matmul, "@"),
    "less": (operator.lt, "<"),
    "less_equal": (operator.le, "<="),
    "greater": (operator.gt, ">"),
    "greater_equal": (operator.ge, ">="),
    "equal": (operator.eq, "=="),
    "not_equal": (operator.ne, "!="),
    "and": (operator.and_, "&"),
    "or": (operator.or_, "|"),
    "xor": (operator.xor, "^"),
}

UNARY: dict[str, tuple[Callable[..., Any], str]] = {
    "negative": (operator.neg, "-"),
    "invert": (operator.invert, "~"),
}

UFUNCS: dict[Any, str] = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.divide: "divide",
    np.floor_divide: "floor_divide",
    np.remainder: "remainder",
    np.power: "power",
    np.matmul: "matmul",
    np.less: "less",
    np.less_equal: "less_equal",
    np.greater: "greater",
    np.greater_equal: "greater_equal",
    np.equal: "equal",
    np.not_equal: "not_equal",
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.bitwise_xor: "xor",
    np.logical_and: "logical_and",
    np.logical_or: "logical_or",
    np.logical_not: "logical_not",
    np.negative: "negative",
    np.invert: "invert",
    np.absolute: "abs",
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log1p: "log1p",
    np.log2: "log2",
    np.sqrt: "sqrt",
    np.square: "square",
    np.reciprocal: "reciprocal",
    np.sign: "sign",
    np.sin: "sin",
    np.cos: "cos",
    np.tanh: "tanh",
    np.arctan: "arctan",
    np.floor: "floor",
    np.ceil: "ceil",
    np.maximum: "maximum",
    np.minimum: "minimum",
    np.isfinite: "isfinite",
    np.isnan: "isnan",
}

REDUCTIONS: dict[Any, str] = {
    np.add: "sum",
    np.maximum: "max",
    np.minimum: "min",
    np.multiply: "prod",
}

FUNCTIONS: dict[Callable[..., Any], str] = {
    np.sum: "sum",
    np.mean: "mean",
    np.var: "var",
    np.std: "std",
    np.max: "max",
    np.min: "min",
    np.prod: "prod",
    np.argmax: "argmax",
    np.argmin: "argmin",
    np.cumsum: "cumsum",
    np.where: "where",
    np.clip: "clip",
    np.zeros_like: "zeros_like",
    np.ones_like: "ones_like",
    np.full_like: "full_like",
    np.empty_like: "empty_like",
    np.copy: "copy",
    np.astype: "astype",
    np.reshape: "reshape",
    np.ravel: "ravel",
    np.transpose: "transpose",
    np.swapaxes: "swapaxes",
    np.moveaxis: "moveaxis",
    np.squeeze: "squeeze",
    np.expand_dims: "expand_dims",
    np.broadcast_to: "broadcast_to",
    np.flip: "flip",
    np.repeat: "repeat",
    np.tile: "tile",
    np.pad: "pad",
    np.concatenate: "concatenate",
    np.stack: "stack",
    np.take: "take",
    np.take_along_axis: "take_along_axis",
    np.dot: "dot",
    np.outer: "outer",
    np.tensordot: "tensordot",
    np.einsum: "einsum",
    np.lib.stride_tricks.sliding_window_view: "sliding_window_view",
}

METHODS = {
    **{m: m for m in ("sum", "mean", "var", "std", "max", "min", "prod", "argmax", "argmin")},
    **{m: m for m in ("cumsum", "clip", "copy", "astype", "ravel", "swapaxes", "squeeze")},
    **{m: m for m in ("repeat", "take", "dot")},
}

VIEWS = {
    *("reshape", "ravel", "transpose", "swapaxes", "moveaxis", "squeeze", "expand_dims"),
    *("broadcast_to", "flip", "sliding_window_view"),
}

OPERATIONS: dict[str, Operation] = {
    **{n: Operation(f, f"{{0}} {symbol} {{1}}") for n, (f, symbol) in BINARY.items()},
    **{n: Operation(f, f"{symbol}{{0}}") for n, (f, symbol) in UNARY.items()},
    **{
        name: Operation(ufunc)
        for ufunc, name in UFUNCS.items()
        if name not in BINARY and name not in UNARY
    },
    **{n: Operation(f, view=n in VIEWS) for f, n in FUNCTIONS.items()},
    "astype": Operation(lambda x, dtype: x.astype(dtype)),
    "getitem": Operation(operator.getitem, "{0}[{1}]"),
    "setitem": Operation(setitem),
    "add_at": Operation(add_at),
}

INSTEAD = {
    "sort": "a sum, max or where, which need no order",
    "nonzero": "np.where(condition, a, b), which keeps the shape",
    "zeros": "np.zeros_like(x)",
    "append": "np.concatenate",
    "hstack": "np.concatenate([...], axis=1)",
    "vstack": "np.concatenate([...], axis=0)",
    "fill": "np.full_like(x, value)",
    "item": "the array itself: the number is not known while recording",
    "tolist": "the array itself: the numbers are not known while recording",
    "flatten": "x.ravel() or x.reshape(len(x), -1)",
}
