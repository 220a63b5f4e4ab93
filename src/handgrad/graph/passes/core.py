"""The few operations that lowering leaves, beside the elementwise ones; all run in NumPy too.

fill(shape, value, dtype)                     a new array of one number
sum, max, min, prod, argmax (x, axes, keepdims)
einsum(spec, a, b)                            every product of arrays
view(x, offset, strides, shape)               part of a stored array, in another order
getitem(x, index)                             by arrays of whole numbers, one for each axis
setitem, add_at (x, index, values)            the same, written
concatenate(parts, axis)                      arrays one after another along an axis
random(stream, "random", shape)               numbers from [0, 1) from a layer's own stream
write(x, offset, strides, shape, values)      a copy of x with a view of it overwritten
"""

import numpy as np
import numpy.typing as npt

from handgrad.graph.operations import COMPARISONS, OPERATIONS, Op, Operation
from handgrad.layers import Array

ELEMENTWISE = COMPARISONS | {
    *(Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.POWER, Op.NEGATIVE, Op.ABS, Op.SIGN),
    *(Op.MAXIMUM, Op.MINIMUM, Op.FLOOR, Op.CEIL, Op.SQRT, Op.TANH, Op.SIN, Op.COS),
    *(Op.EXP, Op.EXPM1, Op.LOG, Op.LOG1P, Op.ERF),
    *(Op.LOGICAL_AND, Op.LOGICAL_OR, Op.LOGICAL_NOT, Op.ISNAN, Op.ISFINITE, Op.WHERE, Op.ASTYPE),
}
REDUCTIONS = frozenset((Op.SUM, Op.MAX, Op.MIN, Op.PROD))


def fill(shape: tuple[int, ...], value: float, dtype: np.dtype[np.generic]) -> Array:
    """A new array of that shape, all `value`."""
    return np.full(shape, value, dtype)


def view(x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """The elements of `x` that start at `offset` and lie `strides` apart, counted in elements."""
    flat = np.ascontiguousarray(x).reshape(-1)[offset:]
    steps = [step * x.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def write(
    x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...], values: npt.ArrayLike
) -> Array:
    """A copy of `x` in which a view of it holds `values`."""
    x = np.array(x, order="C")
    steps = [step * x.itemsize for step in strides]
    np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], shape, steps)[...] = values
    return x


OPERATIONS |= {
    Op.FILL: Operation(fill),
    Op.VIEW: Operation(view),
    Op.WRITE: Operation(write),
}
