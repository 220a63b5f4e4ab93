"""Operations of graphs: each a NumPy function with its operator.

A layer may write an operation as operator, function, method or ufunc; the graph has one name for
it. Functions that are not in these tables cannot be traced.
"""

import operator
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from handgrad.textbook.layers import Array
from handgrad.textbook.special_functions import erf


def setitem(array: Array, index: Any, values: npt.ArrayLike) -> Array:
    """A copy of `array` with `values` at `index`."""
    array = array.copy()
    array[index] = values
    return array


def add_at(array: Array, index: Any, values: npt.ArrayLike) -> Array:
    """A copy of `array` with `values` added at `index`; repeated indices accumulate."""
    array = array.copy()
    np.add.at(array, index, values)
    return array


def view(x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """A strided view of `x`; offset and strides in elements."""
    flat = np.ascontiguousarray(x).reshape(-1)[offset:]
    return np.lib.stride_tricks.as_strided(flat, shape, [step * x.itemsize for step in strides])


def write(
    x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...], values: npt.ArrayLike
) -> Array:
    """A copy of `x` with a strided view of it overwritten by `values`."""
    x = np.array(x, order="C")
    view(x, offset, strides, shape)[...] = values
    return x


def product(
    spec: str, *operands: Array, start: Array | None = None, optimize: bool = False
) -> Array:
    """np.einsum plus `start`, the initial value of the sums."""
    summed: Array = np.einsum(spec, *operands, optimize=optimize)
    return summed if start is None else summed + start


class Op(StrEnum):
    """An operation: its name, the NumPy function, its operator, and the function that computes it.

    `compute` is the NumPy function except for operators, which keep Python numbers. The last three
    operations are created by passes only.
    """

    function: Callable[..., Any] | None
    symbol: str
    compute: Callable[..., Any]

    def __new__(
        cls,
        name: str,
        function: Callable[..., object] | None = None,
        symbol: str = "",
        compute: Callable[..., object] | None = None,
    ) -> Self:
        op = str.__new__(cls, name)
        op._value_, op.function, op.symbol = name, function, symbol
        op.compute = compute or function  # type: ignore[assignment]
        return op

    LEAF = "leaf"
    RANDOM = "random"
    ADD = "add", np.add, "+", operator.add
    SUBTRACT = "subtract", np.subtract, "-", operator.sub
    MULTIPLY = "multiply", np.multiply, "*", operator.mul
    DIVIDE = "divide", np.divide, "/", operator.truediv
    POWER = "power", np.power, "**", operator.pow
    MATMUL = "matmul", np.matmul, "@", operator.matmul
    LESS = "less", np.less, "<", operator.lt
    LESS_EQUAL = "less_equal", np.less_equal, "<=", operator.le
    GREATER = "greater", np.greater, ">", operator.gt
    GREATER_EQUAL = "greater_equal", np.greater_equal, ">=", operator.ge
    EQUAL = "equal", np.equal, "==", operator.eq
    NOT_EQUAL = "not_equal", np.not_equal, "!=", operator.ne
    AND = "and", np.bitwise_and, "&", operator.and_
    OR = "or", np.bitwise_or, "|", operator.or_
    XOR = "xor", np.bitwise_xor, "^", operator.xor
    NEGATIVE = "negative", np.negative, "-", operator.neg
    INVERT = "invert", np.invert, "~", operator.invert
    LOGICAL_AND = "logical_and", np.logical_and
    LOGICAL_OR = "logical_or", np.logical_or
    LOGICAL_NOT = "logical_not", np.logical_not
    ABS = "abs", np.abs
    EXP = "exp", np.exp
    EXPM1 = "expm1", np.expm1
    LOG = "log", np.log
    LOG1P = "log1p", np.log1p
    LOG2 = "log2", np.log2
    LOGADDEXP = "logaddexp", np.logaddexp
    SQRT = "sqrt", np.sqrt
    SQUARE = "square", np.square
    RECIPROCAL = "reciprocal", np.reciprocal
    SIGN = "sign", np.sign
    SIN = "sin", np.sin
    COS = "cos", np.cos
    SINH = "sinh", np.sinh
    COSH = "cosh", np.cosh
    TANH = "tanh", np.tanh
    ERF = "erf", erf
    FLOOR = "floor", np.floor
    CEIL = "ceil", np.ceil
    MAXIMUM = "maximum", np.maximum
    MINIMUM = "minimum", np.minimum
    ISFINITE = "isfinite", np.isfinite
    ISNAN = "isnan", np.isnan
    SUM = "sum", np.sum
    MEAN = "mean", np.mean
    VAR = "var", np.var
    STD = "std", np.std
    MAX = "max", np.max
    MIN = "min", np.min
    PROD = "prod", np.prod
    ARGMAX = "argmax", np.argmax
    ARGMIN = "argmin", np.argmin
    WHERE = "where", np.where
    CLIP = "clip", np.clip
    ZEROS_LIKE = "zeros_like", np.zeros_like
    ONES_LIKE = "ones_like", np.ones_like
    FULL_LIKE = "full_like", np.full_like
    EMPTY_LIKE = "empty_like", np.empty_like
    COPY = "copy", np.copy
    ASTYPE = "astype", np.astype, "", lambda x, dtype: x.astype(dtype)
    RESHAPE = "reshape", np.reshape
    RAVEL = "ravel", np.ravel
    TRANSPOSE = "transpose", np.transpose
    SWAPAXES = "swapaxes", np.swapaxes
    MOVEAXIS = "moveaxis", np.moveaxis
    SQUEEZE = "squeeze", np.squeeze
    EXPAND_DIMS = "expand_dims", np.expand_dims
    BROADCAST_TO = "broadcast_to", np.broadcast_to
    FLIP = "flip", np.flip
    REPEAT = "repeat", np.repeat
    TILE = "tile", np.tile
    PAD = "pad", np.pad
    CONCATENATE = "concatenate", np.concatenate
    STACK = "stack", np.stack
    TAKE = "take", np.take
    DOT = "dot", np.dot
    OUTER = "outer", np.outer
    TENSORDOT = "tensordot", np.tensordot
    EINSUM = "einsum", np.einsum, "", product
    SLIDING_WINDOW_VIEW = "sliding_window_view", np.lib.stride_tricks.sliding_window_view
    GETITEM = "getitem", operator.getitem
    SETITEM = "setitem", setitem
    ADD_AT = "add_at", add_at
    FILL = "fill", None, "", np.full
    VIEW = "view", view
    WRITE = "write", write


# The functions that a layer may call, and the ufuncs by which it may reduce.
FUNCTIONS = {op.function: op for op in Op if op.function}
REDUCED_BY = {np.add: Op.SUM, np.maximum: Op.MAX, np.minimum: Op.MIN, np.multiply: Op.PROD}

METHODS = {
    *(Op.SUM, Op.MEAN, Op.VAR, Op.STD, Op.MAX, Op.MIN, Op.PROD, Op.ARGMAX, Op.ARGMIN),
    *(Op.CLIP, Op.COPY, Op.RAVEL, Op.SWAPAXES, Op.REPEAT, Op.TAKE, Op.DOT, Op.SQUEEZE),
}
# Their results share memory with their argument.
VIEWS = {
    *(Op.RESHAPE, Op.RAVEL, Op.TRANSPOSE, Op.SWAPAXES, Op.MOVEAXIS, Op.SQUEEZE, Op.EXPAND_DIMS),
    *(Op.BROADCAST_TO, Op.FLIP, Op.SLIDING_WINDOW_VIEW),
}
UNARY = {Op.NEGATIVE, Op.INVERT}
BINARY = {op for op in Op if op.symbol} - UNARY
COMPARISONS = frozenset(
    (Op.LESS, Op.LESS_EQUAL, Op.GREATER, Op.GREATER_EQUAL, Op.EQUAL, Op.NOT_EQUAL)
)
REDUCTIONS = frozenset((Op.SUM, Op.MAX, Op.MIN, Op.PROD))
# Operations that lowering keeps.
ELEMENTWISE = COMPARISONS | {
    *(Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.POWER, Op.NEGATIVE, Op.ABS, Op.SIGN),
    *(Op.MAXIMUM, Op.MINIMUM, Op.FLOOR, Op.CEIL, Op.SQRT, Op.TANH, Op.SIN, Op.COS),
    *(Op.EXP, Op.EXPM1, Op.LOG, Op.LOG1P, Op.ERF),
    *(Op.LOGICAL_AND, Op.LOGICAL_OR, Op.LOGICAL_NOT, Op.ISNAN, Op.ISFINITE, Op.WHERE, Op.ASTYPE),
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
    "item": "the array itself: the number is not known while tracing",
    "tolist": "the array itself: the numbers are not known while tracing",
    "flatten": "x.ravel() or x.reshape(len(x), -1)",
    "strides": "np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))",
    "split": "slices: z[..., :k], z[..., k:]",
    "array_split": "slices: z[..., :k], z[..., k:]",
    "kron": "x.repeat(2, axis=2).repeat(2, axis=3)",
    "any": "np.where(condition, a, b), the same steps whatever the numbers are",
    "all": "np.where(condition, a, b), the same steps whatever the numbers are",
    "rfft2": "sliding_window_view and einsum, or a sum over the positions of the kernel",
}
