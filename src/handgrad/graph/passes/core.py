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

from typing import Any

import numpy as np

from handgrad.graph.operations import OPERATIONS, Operation
from handgrad.layers import Array

ELEMENTWISE = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "power", "negative", "abs", "sign"),
        *("maximum", "minimum", "floor", "ceil", "sqrt", "tanh", "sin", "cos"),
        *("exp", "expm1", "log", "log1p"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
        *("logical_and", "logical_or", "logical_not", "isnan", "isfinite", "where", "astype"),
    )
)
REDUCTIONS = frozenset(("sum", "max", "min", "prod"))


def fill(shape: tuple[int, ...], value: Any, dtype: np.dtype[Any]) -> Array:
    """A new array of that shape, all `value`."""
    return np.full(shape, value, dtype)


def view(x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """The elements of `x` that start at `offset` and lie `strides` apart, counted in elements."""
    flat = np.ascontiguousarray(x).reshape(-1)[offset:]
    steps = [step * x.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, steps, writeable=False)


def write(
    x: Array, offset: int, strides: tuple[int, ...], shape: tuple[int, ...], values: Any
) -> Array:
    """A copy of `x` in which a view of it holds `values`."""
    x = np.array(x, order="C")
    steps = [step * x.itemsize for step in strides]
    np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], shape, steps)[...] = values
    return x


OPERATIONS |= {
    "fill": Operation(fill),
    "view": Operation(view),
    "write": Operation(write),
}
