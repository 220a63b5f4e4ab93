"""Stand-ins for large arrays while tracing: one number, repeated.

A trace needs the shapes and types of arrays, not their numbers. So a large array becomes a view of
its first number, and an elementwise operation or a product is computed for one number only.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from handgrad.graph.operations import REDUCTIONS, Op
from handgrad.textbook.module import Array

LARGE = 2**12  # numbers: smaller arrays stay as they are
OF_EACH_NUMBER = {op for op in Op if isinstance(op.function, np.ufunc)} - {Op.MATMUL}
OF_EACH_NUMBER |= {Op.ERF, Op.WHERE, Op.CLIP, Op.ASTYPE}


def stand_in(value: object) -> Any:
    """The value itself, or a view of the first number of a large array."""
    if not isinstance(value, np.ndarray) or value.size <= LARGE:
        return value
    return np.broadcast_to(_corner(value).copy(), value.shape)


def computed(
    operation: Op,
    compute: Callable[..., object],
    arguments: Sequence[object],
    options: Mapping[str, object],
) -> Any:
    """The result of an operation, or its stand-in.

    Parameters
    ----------
    operation : Op
        Decides whether one number suffices.
    compute : callable
        Computes the operation.
    arguments, options : sequence and Mapping of str
        Given to `compute`.
    """
    if operation in REDUCTIONS and _repeats_one(*arguments, **options):
        return _reduced(compute, *arguments, **options)  # type: ignore[arg-type]
    shape = _shape_of_large(operation, arguments)
    if shape is None:
        return stand_in(compute(*arguments, **options))
    first = compute(*map(_corner, arguments), **options)
    return np.broadcast_to(np.asarray(first), shape)


def _shape_of_large(operation: Op, arguments: Sequence[object]) -> tuple[int, ...] | None:
    """The shape of a large result that one number determines; None for others."""
    shapes = [np.shape(part) for part in arguments if isinstance(part, np.ndarray)]
    if operation in OF_EACH_NUMBER:
        shape = np.broadcast_shapes(*shapes)
    elif operation is Op.MATMUL and min(map(len, shapes)) >= 2 and len(shapes) == 2:
        (*of_a, m, inner), (*of_b, also_inner, n) = shapes
        if inner != also_inner:
            return None  # NumPy says what is wrong
        shape = (*np.broadcast_shapes(tuple(of_a), tuple(of_b)), m, n)
    else:
        return None
    return shape if np.prod(shape, dtype=int) > LARGE else None


def _repeats_one(value: object, axis: object = None, **_: object) -> bool:
    """Return True for a stand-in that is reduced over some axes."""
    return isinstance(value, np.ndarray) and axis is not None and not any(value.strides)


def _reduced(
    compute: Callable[..., Array], value: Array, axis: int | tuple[int, ...], **options: object
) -> Array:
    """The reduction of a stand-in: the same number everywhere, so it is computed once."""
    axes = normalize_axis_tuple(axis, value.ndim)
    kept = tuple(slice(None) if k in axes else slice(1) for k in range(value.ndim))
    first = np.asarray(compute(value[kept], axis=axis, **options))
    sizes = [1 if k in axes else size for k, size in enumerate(value.shape)]
    if first.ndim < value.ndim:
        sizes = [size for k, size in enumerate(sizes) if k not in axes]
    return np.broadcast_to(first, tuple(sizes))


def _corner(value: object) -> Any:
    """The first number along each axis of an array; other values as they are."""
    if not isinstance(value, np.ndarray):
        return value
    return value[(slice(1),) * value.ndim]
