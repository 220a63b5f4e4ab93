"""The operations a graph is made of: each a NumPy function and how it reads.

A page may spell an operation as operator, function, method or ufunc; it is recorded under one
name. What is not in these tables cannot be recorded.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.base.functions import erf
from handgrad.layers import Array


class Op(StrEnum):
    """The name of an operation; of the last three, only passes make use."""

    LEAF = auto()
    RANDOM = auto()
    ADD = auto()
    SUBTRACT = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    POWER = auto()
    MATMUL = auto()
    LESS = auto()
    LESS_EQUAL = auto()
    GREATER = auto()
    GREATER_EQUAL = auto()
    EQUAL = auto()
    NOT_EQUAL = auto()
    AND = auto()
    OR = auto()
    XOR = auto()
    NEGATIVE = auto()
    INVERT = auto()
    LOGICAL_AND = auto()
    LOGICAL_OR = auto()
    LOGICAL_NOT = auto()
    ABS = auto()
    EXP = auto()
    EXPM1 = auto()
    LOG = auto()
    LOG1P = auto()
    LOG2 = auto()
    SQRT = auto()
    SQUARE = auto()
    RECIPROCAL = auto()
    SIGN = auto()
    SIN = auto()
    COS = auto()
    TANH = auto()
    ERF = auto()
    FLOOR = auto()
    CEIL = auto()
    MAXIMUM = auto()
    MINIMUM = auto()
    ISFINITE = auto()
    ISNAN = auto()
    SUM = auto()
    MEAN = auto()
    VAR = auto()
    STD = auto()
    MAX = auto()
    MIN = auto()
    PROD = auto()
    ARGMAX = auto()
    ARGMIN = auto()
    WHERE = auto()
    CLIP = auto()
    ZEROS_LIKE = auto()
    ONES_LIKE = auto()
    FULL_LIKE = auto()
    EMPTY_LIKE = auto()
    COPY = auto()
    ASTYPE = auto()
    RESHAPE = auto()
    RAVEL = auto()
    TRANSPOSE = auto()
    SWAPAXES = auto()
    MOVEAXIS = auto()
    SQUEEZE = auto()
    EXPAND_DIMS = auto()
    BROADCAST_TO = auto()
    FLIP = auto()
    REPEAT = auto()
    TILE = auto()
    PAD = auto()
    CONCATENATE = auto()
    STACK = auto()
    TAKE = auto()
    DOT = auto()
    OUTER = auto()
    TENSORDOT = auto()
    EINSUM = auto()
    SLIDING_WINDOW_VIEW = auto()
    GETITEM = auto()
    SETITEM = auto()
    ADD_AT = auto()
    FILL = auto()
    VIEW = auto()
    WRITE = auto()


@dataclass(frozen=True)
class Operation:
    """What an operation computes, and how it prints; `view`: its result shares memory."""

    compute: Callable[..., Any]
    text: str = ""
    view: bool = False


def setitem(array: Array, index: Any, values: npt.ArrayLike) -> Array:
    """A copy of `array` in which the entries at `index` are `values`."""
    array = array.copy()
    array[index] = values
    return array


def add_at(array: Array, index: Any, values: npt.ArrayLike) -> Array:
    """A copy of `array` with `values` added at `index`, repeated indices adding up."""
    array = array.copy()
    np.add.at(array, index, values)
    return array


BINARY: dict[Op, tuple[Callable[..., Any], str]] = {
    Op.ADD: (operator.add, "+"),
    Op.SUBTRACT: (operator.sub, "-"),
    Op.MULTIPLY: (operator.mul, "*"),
    Op.DIVIDE: (operator.truediv, "/"),
    Op.POWER: (operator.pow, "**"),
    Op.MATMUL: (operator.matmul, "@"),
    Op.LESS: (operator.lt, "<"),
    Op.LESS_EQUAL: (operator.le, "<="),
    Op.GREATER: (operator.gt, ">"),
    Op.GREATER_EQUAL: (operator.ge, ">="),
    Op.EQUAL: (operator.eq, "=="),
    Op.NOT_EQUAL: (operator.ne, "!="),
    Op.AND: (operator.and_, "&"),
    Op.OR: (operator.or_, "|"),
    Op.XOR: (operator.xor, "^"),
}

COMPARISONS = frozenset(
    (Op.LESS, Op.LESS_EQUAL, Op.GREATER, Op.GREATER_EQUAL, Op.EQUAL, Op.NOT_EQUAL)
)

UNARY: dict[Op, tuple[Callable[..., Any], str]] = {
    Op.NEGATIVE: (operator.neg, "-"),
    Op.INVERT: (operator.invert, "~"),
}

UFUNCS: dict[Any, Op] = {
    np.add: Op.ADD,
    np.subtract: Op.SUBTRACT,
    np.multiply: Op.MULTIPLY,
    np.divide: Op.DIVIDE,
    np.power: Op.POWER,
    np.matmul: Op.MATMUL,
    np.less: Op.LESS,
    np.less_equal: Op.LESS_EQUAL,
    np.greater: Op.GREATER,
    np.greater_equal: Op.GREATER_EQUAL,
    np.equal: Op.EQUAL,
    np.not_equal: Op.NOT_EQUAL,
    np.bitwise_and: Op.AND,
    np.bitwise_or: Op.OR,
    np.bitwise_xor: Op.XOR,
    np.logical_and: Op.LOGICAL_AND,
    np.logical_or: Op.LOGICAL_OR,
    np.logical_not: Op.LOGICAL_NOT,
    np.negative: Op.NEGATIVE,
    np.invert: Op.INVERT,
    np.absolute: Op.ABS,
    np.exp: Op.EXP,
    np.expm1: Op.EXPM1,
    np.log: Op.LOG,
    np.log1p: Op.LOG1P,
    np.log2: Op.LOG2,
    np.sqrt: Op.SQRT,
    np.square: Op.SQUARE,
    np.reciprocal: Op.RECIPROCAL,
    np.sign: Op.SIGN,
    np.sin: Op.SIN,
    np.cos: Op.COS,
    np.tanh: Op.TANH,
    np.floor: Op.FLOOR,
    np.ceil: Op.CEIL,
    np.maximum: Op.MAXIMUM,
    np.minimum: Op.MINIMUM,
    np.isfinite: Op.ISFINITE,
    np.isnan: Op.ISNAN,
}

REDUCTIONS: dict[Any, Op] = {
    np.add: Op.SUM,
    np.maximum: Op.MAX,
    np.minimum: Op.MIN,
    np.multiply: Op.PROD,
}

FUNCTIONS: dict[Callable[..., Any], Op] = {
    erf: Op.ERF,
    np.sum: Op.SUM,
    np.mean: Op.MEAN,
    np.var: Op.VAR,
    np.std: Op.STD,
    np.max: Op.MAX,
    np.min: Op.MIN,
    np.prod: Op.PROD,
    np.argmax: Op.ARGMAX,
    np.argmin: Op.ARGMIN,
    np.where: Op.WHERE,
    np.clip: Op.CLIP,
    np.zeros_like: Op.ZEROS_LIKE,
    np.ones_like: Op.ONES_LIKE,
    np.full_like: Op.FULL_LIKE,
    np.empty_like: Op.EMPTY_LIKE,
    np.copy: Op.COPY,
    np.astype: Op.ASTYPE,
    np.reshape: Op.RESHAPE,
    np.ravel: Op.RAVEL,
    np.transpose: Op.TRANSPOSE,
    np.swapaxes: Op.SWAPAXES,
    np.moveaxis: Op.MOVEAXIS,
    np.squeeze: Op.SQUEEZE,
    np.expand_dims: Op.EXPAND_DIMS,
    np.broadcast_to: Op.BROADCAST_TO,
    np.flip: Op.FLIP,
    np.repeat: Op.REPEAT,
    np.tile: Op.TILE,
    np.pad: Op.PAD,
    np.concatenate: Op.CONCATENATE,
    np.stack: Op.STACK,
    np.take: Op.TAKE,
    np.dot: Op.DOT,
    np.outer: Op.OUTER,
    np.tensordot: Op.TENSORDOT,
    np.einsum: Op.EINSUM,
    np.lib.stride_tricks.sliding_window_view: Op.SLIDING_WINDOW_VIEW,
}

METHODS = {
    name.value: name
    for name in (
        *(Op.SUM, Op.MEAN, Op.VAR, Op.STD, Op.MAX, Op.MIN, Op.PROD, Op.ARGMAX, Op.ARGMIN),
        *(Op.CLIP, Op.COPY, Op.RAVEL, Op.SWAPAXES, Op.REPEAT, Op.TAKE, Op.DOT),
    )
}

VIEWS = {
    *(Op.RESHAPE, Op.RAVEL, Op.TRANSPOSE, Op.SWAPAXES, Op.MOVEAXIS, Op.SQUEEZE, Op.EXPAND_DIMS),
    *(Op.BROADCAST_TO, Op.FLIP, Op.SLIDING_WINDOW_VIEW),
}

OPERATIONS: dict[Op, Operation] = {
    **{n: Operation(f, f"{{0}} {symbol} {{1}}") for n, (f, symbol) in BINARY.items()},
    **{n: Operation(f, f"{symbol}{{0}}") for n, (f, symbol) in UNARY.items()},
    **{
        name: Operation(ufunc)
        for ufunc, name in UFUNCS.items()
        if name not in BINARY and name not in UNARY
    },
    **{n: Operation(f, view=n in VIEWS) for f, n in FUNCTIONS.items()},
    Op.ASTYPE: Operation(lambda x, dtype: x.astype(dtype)),
    Op.GETITEM: Operation(operator.getitem, "{0}[{1}]"),
    Op.SETITEM: Operation(setitem),
    Op.ADD_AT: Operation(add_at),
}

INSTEAD = {
    "sort": "a sum, max or where, which need no order",
    "nonzero": "np.where(condition, a, b), which keeps the shape",
    "zeros": "np.zeros_like(x)",
    "append": "np.concatenate",
    "floor_divide": "np.floor(x / y)",
    "remainder": "x - y * np.floor(x / y)",
    "arctan": "np.tanh(x), or x / (1 + np.abs(x)), which are bounded too",
    "cumsum": "x @ np.triu(ones), a product with a triangular table",
    "take_along_axis": "p[np.arange(len(p)), y]",
    "hstack": "np.concatenate([...], axis=1)",
    "vstack": "np.concatenate([...], axis=0)",
    "fill": "np.full_like(x, value)",
    "item": "the array itself: the number is not known while recording",
    "tolist": "the array itself: the numbers are not known while recording",
    "flatten": "x.ravel() or x.reshape(len(x), -1)",
}
