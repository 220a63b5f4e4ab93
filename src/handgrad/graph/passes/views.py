"""Lowering of views and indexing: reshape, transpose, repeat, pad, stack, slices, gather, scatter.

A view costs nothing: it is an offset and strides into a stored array. They are found by applying
the NumPy function to an array of each traced batch size. If NumPy copies, so does the graph.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import REQUIRED, Builder, arguments_of
from handgrad.graph.symbolic import SIZES, Arange, Dim, NoRuleError, Ref, Shape, Symbolic, at, solve
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array

Run = Callable[[Array, int], Array]


class _CopiedError(CannotLowerError):
    """NumPy returns a copy instead of a view."""


def view(new: Builder, node: Node) -> Ref:
    """Lower to a view of an array, or of a copy of it if NumPy copies."""
    return view_by(new, node, node.arguments[0], _done_by(node))


def _done_by(node: Node) -> Run:
    """The function of a node's first argument that the node computes."""

    def run(array: Array, n: int) -> Any:
        here = node.map(lambda leaf: at(leaf, n))
        return here.operation.compute(array, *here.arguments[1:], **here.options)

    return run


def view_by(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """Append the view that `run` returns for an array of n rows.

    Parameters
    ----------
    new : Builder
        The new graph.
    node : Node
        The node that is lowered, for error messages.
    x : Ref
        The viewed array.
    run : callable
        Applied to an array and n.
    """
    try:
        return _view_of(new, node, x, run)
    except _CopiedError:
        return _view_of(new, node, contiguous(new, x), run)


def flat(new: Builder, node: Node, x: Ref) -> Ref:
    """Append the flattened array."""
    return view_by(new, node, x, lambda array, n: array.reshape(-1))


def contiguous(new: Builder, x: Ref) -> Ref:
    """Append a contiguous copy."""
    return new.add(Op.CONCATENATE, ((x,), 0), new[x].shape, new[x].dtype)


def _view_of(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """Append the view `run` of `x`; a view of a view becomes a view of its base."""
    base, steps = x, [run]
    if new[x].operation is Op.VIEW:
        base, steps = new[x].arguments[0], [_done_by(new[x]), run]
    dtype, placed = new[x].dtype, _strided_view(new[base], steps, node)
    if new[base].shape == () and new[base].operation is not Op.LEAF:  # a variable, not in memory
        return new.add(Op.ASTYPE, (base, dtype), placed[2], dtype)
    return new.add(Op.VIEW, (base, *placed), placed[2], dtype)


def _strided_view(base: Node, steps: Sequence[Run], node: Node) -> tuple[Any, ...]:
    """The offset, strides and shape of a view of the contiguous array `base`."""
    placed = []
    for n in SIZES:
        array = whole = np.empty(sizes(base.shape, n), np.int8)
        for step in steps:
            array = step(array, n)
        start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        if not 0 <= start <= max(whole.size - 1, 0):
            raise _CopiedError(f"a view that NumPy copies, at {node.origin}")
        placed.append((start, array.strides, array.shape))
    starts, *pairs = zip(*placed, strict=True)
    try:
        offset = solve(starts, SIZES)
        strides, shape = (
            tuple(solve(parts, SIZES) for parts in zip(*p, strict=True)) for p in pairs
        )
    except NoRuleError:
        raise CannotLowerError(f"sizes that follow no rule, at {node.origin}") from None
    if any(isinstance(size, Dim) for size in shape) and not any(
        isinstance(size, Dim) for size in base.shape
    ):
        raise CannotLowerError(f"a part that grows with the batch, at {node.origin}")
    return offset, strides, shape


def _spread(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """Append the array that `run` repeats by strides of 0, copied to the shape of the node."""
    if new[x].operation is Op.VIEW:
        x = contiguous(new, x)
    wide = contiguous(new, _view_of(new, node, x, run))
    return view_by(new, node, wide, lambda array, n: array.reshape(sizes(node.shape, n)))


def sizes(shape: Shape, n: int) -> list[int]:
    """Evaluate a shape for n rows."""
    return [at(size, n) for size in shape]


def repeat(new: Builder, node: Node) -> Ref:
    """Lower np.repeat by an integer."""
    x, count, axis = arguments_of(node, a=REQUIRED, repeats=REQUIRED, axis=None)
    if not isinstance(count, int | np.integer):
        raise node.refused("counts that are not an integer")

    def run(array: Array, n: int) -> Array:
        array = array.reshape(-1) if axis is None else array
        after = (-1 if axis is None else axis) % array.ndim + 1
        shape = (*array.shape[:after], count, *array.shape[after:])
        return np.broadcast_to(np.expand_dims(array, after), shape)

    return _spread(new, node, x, run)


def tile(new: Builder, node: Node) -> Ref:
    """Lower np.tile."""
    x, reps = arguments_of(node, A=REQUIRED, reps=REQUIRED)
    reps = reps if isinstance(reps, tuple | list) else (reps,)

    def run(array: Array, n: int) -> Array:
        rank = max(array.ndim, len(reps))
        shape = (1,) * (rank - array.ndim) + array.shape
        counts = (1,) * (rank - len(reps)) + tuple(at(count, n) for count in reps)
        apart = [size for length in shape for size in (1, length)]
        wide = [size for pair in zip(counts, shape, strict=True) for size in pair]
        return np.broadcast_to(array.reshape(apart), wide)

    return _spread(new, node, x, run)


def pad(new: Builder, node: Node) -> Ref:
    """Lower np.pad with a constant."""
    x, width, mode, value = arguments_of(
        node, array=REQUIRED, pad_width=REQUIRED, mode="constant", constant_values=0
    )
    if mode != "constant" or not isinstance(value, int | float | np.number):
        raise node.refused("anything but a single constant")
    filled = new.filled(node, value)

    def run(array: Array, n: int) -> Array:
        pairs = np.broadcast_to(width, (array.ndim, 2)).tolist()
        ends = zip(pairs, array.shape, strict=True)
        return array[tuple(slice(before, size - after) for (before, after), size in ends)]

    return _written(new, node, filled, run, x)


def stack(new: Builder, node: Node) -> Ref:
    """Lower np.stack: add the new axis to each part, then concatenate."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if not all(isinstance(part, Ref) for part in parts):
        raise node.refused("constants among the arrays")
    axis %= len(node.shape)
    views = [
        view_by(new, node, part, lambda array, n: np.expand_dims(array, axis)) for part in parts
    ]
    return new.alike(node, Op.CONCATENATE, tuple(views), axis)


def concatenate(new: Builder, node: Node) -> Ref:
    """Lower np.concatenate along an axis."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if axis is None or not all(isinstance(part, Ref) for part in parts):
        raise node.refused("such arguments")
    axis %= len(node.shape)
    return new.alike(node, Op.CONCATENATE, tuple(parts), axis)


def take(new: Builder, node: Node) -> Ref:
    """Lower np.take: indices along one axis, or into the flattened array."""
    x, index, axis = arguments_of(node, a=REQUIRED, indices=REQUIRED, axis=None)
    if axis is None:
        x, axis = flat(new, node, x), 0
    before = (slice(None),) * (axis % len(new[x].shape))
    index = np.asarray(index) if isinstance(index, tuple | list) else index
    index = (*before, index)
    return getitem(new, replace(node, operation=Op.GETITEM, arguments=(x, index), options={}))


def getitem(new: Builder, node: Node) -> Ref:
    """Lower indexing: slices give a view, integer arrays a gather."""
    x, index = node.arguments
    parts = _parts(index)
    if _is_slicing(parts):
        if Ellipsis not in parts:
            parts = (*parts, Ellipsis)  # so that NumPy returns a view of a single number too
        return view(new, replace(node, arguments=(x, parts)))
    if any(_is_slice(part) for part in parts):
        return _by_arrays_and_slices(new, node, x, parts)
    return new.alike(node, Op.GETITEM, x, _arrays(new, x, parts, node))


def _by_arrays_and_slices(new: Builder, node: Node, x: Ref, parts: tuple[object, ...]) -> Ref:
    """Apply the slices first, then the integer arrays, with their axes moved to the front."""
    parts = _without_dots(parts, len(new[x].shape))
    axes = [i for i, part in enumerate(parts) if part is not None and not isinstance(part, slice)]
    slices = tuple(slice(None) if i in axes else part for i, part in enumerate(parts))
    sliced = getitem(new, replace(node, arguments=(x, slices)))
    rest = [i for i in range(len(new[sliced].shape)) if i not in axes]
    turned = view_by(new, node, sliced, lambda array, n: array.transpose(*axes, *rest))
    arrays = _arrays(new, turned, [parts[i] for i in axes], node)
    first = _first_axis(axes)
    rank = len(node.shape) - len(rest)
    front = node.shape[first : first + rank]
    shape = (*front, *node.shape[:first], *node.shape[first + rank :])
    picked = new.add(Op.GETITEM, (turned, arrays), shape, node.dtype)
    back = [*range(rank, rank + first), *range(rank), *range(rank + first, len(shape))]
    return view_by(new, node, picked, lambda array, n: array.transpose(back))


def _parts(index: object) -> tuple[object, ...]:
    """The parts of an index; a constant mask becomes the indices where it is true."""
    parts: list[object] = []
    for part in index if isinstance(index, tuple) else (index,):
        is_mask = isinstance(part, np.ndarray) and part.dtype == bool
        parts += np.nonzero(part) if is_mask else [part]
    return tuple(parts)


def _without_dots(parts: tuple[object, ...], n_axes: int) -> tuple[object, ...]:
    """Replace `...` in an index by slices."""
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if not dots:
        return parts
    real = sum(part is not None for part in parts) - 1
    return (*parts[: dots[0]], *[slice(None)] * (n_axes - real), *parts[dots[0] + 1 :])


def _first_axis(axes: Sequence[int]) -> int:
    """The position of the axes of integer arrays in the result: in front if not adjacent."""
    return axes[0] if list(axes) == [*range(axes[0], axes[-1] + 1)] else 0


def setitem(new: Builder, node: Node) -> Ref:
    """Lower indexed assignment or addition: a copy with a part changed."""
    x, index, values = node.arguments
    parts = _parts(index)
    if _is_slicing(parts):
        if node.operation is Op.ADD_AT:
            raise node.refused("a slice")
        part = replace(node, operation=Op.GETITEM, arguments=(x, index))
        return _written(new, node, x, _done_by(part), values)
    if any(_is_slice(part) for part in parts):
        return _set_by_arrays_and_slices(new, node, x, parts, values)
    return new.alike(node, node.operation, x, _arrays(new, x, parts, node), values)


def _set_by_arrays_and_slices(
    new: Builder, node: Node, x: Ref, parts: tuple[object, ...], values: object
) -> Ref:
    """Move the axes of the arrays to the front, scatter, and move them back."""
    parts = _without_dots(parts, len(new[x].shape))
    axes = [i for i, part in enumerate(parts) if not isinstance(part, slice)]
    rest = [i for i, part in enumerate(parts) if isinstance(part, slice) and part == slice(None)]
    arrays: list[Any] = [parts[i] for i in axes]
    varying = [isinstance(array, Ref | Symbolic) for array in arrays]
    if len(axes) + len(rest) < len(parts) or (len(arrays) > 1 and any(varying)):
        raise node.refused("such arrays and slices in one index")
    one = arrays[0]
    front = new[one].shape if isinstance(one, Ref) else np.broadcast(*arrays).shape
    order, first, rank = [*axes, *rest], _first_axis(axes), len(front)
    shape = tuple(new[x].shape[i] for i in order)
    if isinstance(values, Ref):
        others = shape[len(axes) :]
        part = (*others[:first], *front, *others[first:])
        in_front = [*range(first, first + rank), *range(first), *range(first + rank, len(part))]

        def turned_values(array: Array, n: int) -> Array:
            return np.broadcast_to(array, [at(size, n) for size in part]).transpose(in_front)

        values = view_by(new, node, values, turned_values)
    turned = view_by(new, node, x, lambda array, n: array.transpose(order))
    arguments = (turned, _arrays(new, turned, arrays, node), values)
    written = new.add(node.operation, arguments, shape, node.dtype)
    return view_by(new, node, written, lambda array, n: array.transpose(np.argsort(order)))


def _written(new: Builder, node: Node, x: Ref, run: Run, values: object) -> Ref:
    """Append a copy of `x` with the view `run` overwritten by values."""
    return new.alike(node, Op.WRITE, x, *_strided_view(new[x], [run], node), values)


def _is_slicing(parts: Sequence[object]) -> bool:
    return all(_is_slice(part) or isinstance(part, int | np.integer | Dim) for part in parts)


def _is_slice(part: object) -> bool:
    return part is None or part is Ellipsis or isinstance(part, slice)


def _arrays(new: Builder, x: Ref, parts: Sequence[object], node: Node) -> tuple[Any, ...]:
    pairs = zip(parts, new[x].shape, strict=False)
    return tuple(_index_part(part, size, node) for part, size in pairs)


def _index_part(part: object, size: int | Dim, node: Node) -> Any:
    """One part of an index; negative constants are counted from the front."""
    if isinstance(part, Ref):
        return part
    if isinstance(part, Symbolic):
        if isinstance(part, Arange) and part.length == size:
            return part
        raise CannotLowerError(f"an index that grows with the batch, at {node.origin}")
    if isinstance(size, Dim):
        raise CannotLowerError(f"some rows of the batch, at {node.origin}")
    if isinstance(part, int | np.integer):
        return int(part) % size
    numbers = np.asarray(part)
    if numbers.dtype.kind not in "iu":
        raise node.refused(f"an index of {numbers.dtype}")
    return numbers % size
