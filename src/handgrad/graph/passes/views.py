"""Lowering of what moves numbers about: reshaped, transposed and repeated arrays, and parts.

A view costs nothing: offset and strides into a stored array, found by letting NumPy take it of an
array of each of the recorded batch sizes. Where NumPy copies, the numbers are laid out anew.
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
    """NumPy copies where a view was meant."""


def view(new: Builder, node: Node) -> Ref:
    """A view of an array, or, where NumPy copies, of a copy of it."""
    return view_by(new, node, node.arguments[0], _done_by(node))


def _done_by(node: Node) -> Run:
    """What a node does to its first argument."""

    def run(array: Array, n: int) -> Any:
        here = node.map(lambda leaf: at(leaf, n))
        return here.operation.compute(array, *here.arguments[1:], **here.options)

    return run


def view_by(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """As `view`, where `run` takes it of an array for n rows."""
    try:
        return _view_of(new, node, x, run)
    except _CopiedError:
        return _view_of(new, node, laid_out(new, x), run)


def flat(new: Builder, node: Node, x: Ref) -> Ref:
    """All numbers of an array in a row."""
    return view_by(new, node, x, lambda array, n: array.reshape(-1))


def laid_out(new: Builder, x: Ref) -> Ref:
    """A copy, row after row."""
    return new.add(Op.CONCATENATE, ((x,), 0), new[x].shape, new[x].dtype)


def _view_of(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """The view that `run` takes of `x`; of a view that is itself one, of what it views."""
    base, steps = x, [run]
    if new[x].operation is Op.VIEW:
        base, steps = new[x].arguments[0], [_done_by(new[x]), run]
    placed = _placed(new[base], steps, node)
    return new.add(Op.VIEW, (base, *placed), placed[2], new[x].dtype)


def _placed(base: Node, steps: Sequence[Run], node: Node) -> tuple[Any, ...]:
    """Where NumPy puts a view of the contiguous array `base`: offset, strides, shape."""
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
    """The numbers that `run` repeats by strides of 0, laid out in the shape of the node."""
    if new[x].operation is Op.VIEW:
        x = laid_out(new, x)
    wide = laid_out(new, _view_of(new, node, x, run))
    return view_by(new, node, wide, lambda array, n: array.reshape(sizes(node.shape, n)))


def sizes(shape: Shape, n: int) -> list[int]:
    """A shape for n rows."""
    return [at(size, n) for size in shape]


def repeat(new: Builder, node: Node) -> Ref:
    """np.repeat by a whole number."""
    x, count, axis = arguments_of(node, a=REQUIRED, repeats=REQUIRED, axis=None)
    if not isinstance(count, int | np.integer):
        raise node.refused("counts that are no whole number")

    def run(array: Array, n: int) -> Array:
        array = array.reshape(-1) if axis is None else array
        after = (-1 if axis is None else axis) % array.ndim + 1
        shape = (*array.shape[:after], count, *array.shape[after:])
        return np.broadcast_to(np.expand_dims(array, after), shape)

    return _spread(new, node, x, run)


def tile(new: Builder, node: Node) -> Ref:
    """np.tile: each axis as often as `reps` says."""
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
    """np.pad with a number."""
    x, width, mode, value = arguments_of(
        node, array=REQUIRED, pad_width=REQUIRED, mode="constant", constant_values=0
    )
    if mode != "constant" or not isinstance(value, int | float | np.number):
        raise node.refused("what is no single number")
    filled = new.filled(node, value)

    def run(array: Array, n: int) -> Array:
        pairs = np.broadcast_to(width, (array.ndim, 2)).tolist()
        ends = zip(pairs, array.shape, strict=True)
        return array[tuple(slice(before, size - after) for (before, after), size in ends)]

    return _written(new, node, filled, run, x)


def stack(new: Builder, node: Node) -> Ref:
    """np.stack: each part gets the new axis, then they are put one after another."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if not all(isinstance(part, Ref) for part in parts):
        raise node.refused("constants among the arrays")
    axis %= len(node.shape)
    views = [
        view_by(new, node, part, lambda array, n: np.expand_dims(array, axis)) for part in parts
    ]
    return new.alike(node, Op.CONCATENATE, tuple(views), axis)


def concatenate(new: Builder, node: Node) -> Ref:
    """np.concatenate along an axis."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if axis is None or not all(isinstance(part, Ref) for part in parts):
        raise node.refused("such arguments")
    axis %= len(node.shape)
    return new.alike(node, Op.CONCATENATE, tuple(parts), axis)


def take(new: Builder, node: Node) -> Ref:
    """np.take: an index along one axis, or into all numbers in a row."""
    x, index, axis = arguments_of(node, a=REQUIRED, indices=REQUIRED, axis=None)
    if axis is None:
        x, axis = flat(new, node, x), 0
    before = (slice(None),) * (axis % len(new[x].shape))
    index = np.asarray(index) if isinstance(index, tuple | list) else index
    index = (*before, index)
    return getitem(new, replace(node, operation=Op.GETITEM, arguments=(x, index), options={}))


def getitem(new: Builder, node: Node) -> Ref:
    """A part of an array: by slices a view, by arrays of whole numbers a copy, or first one."""
    x, index = node.arguments
    parts = _parts(index)
    if _is_slicing(parts):
        if Ellipsis not in parts:
            parts = (*parts, Ellipsis)  # so that NumPy gives a view of one number too
        return view(new, replace(node, arguments=(x, parts)))
    if any(_is_slice(part) for part in parts):
        return _by_arrays_and_slices(new, node, x, parts)
    return new.alike(node, Op.GETITEM, x, _arrays(new, x, parts, node))


def _by_arrays_and_slices(new: Builder, node: Node, x: Ref, parts: tuple[object, ...]) -> Ref:
    """The part by the slices first; in it, with the axes of the arrays in front, that by arrays."""
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
    """The parts of an index; a constant mask as the places where it is true."""
    parts: list[object] = []
    for part in index if isinstance(index, tuple) else (index,):
        is_mask = isinstance(part, np.ndarray) and part.dtype == bool
        parts += np.nonzero(part) if is_mask else [part]
    return tuple(parts)


def _without_dots(parts: tuple[object, ...], n_axes: int) -> tuple[object, ...]:
    """An index in which each axis that `...` stands for has its slice."""
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if not dots:
        return parts
    real = sum(part is not None for part in parts) - 1
    return (*parts[: dots[0]], *[slice(None)] * (n_axes - real), *parts[dots[0] + 1 :])


def _first_axis(axes: Sequence[int]) -> int:
    """Where the axes of an index by arrays begin in the part: in front, if not together."""
    return axes[0] if list(axes) == [*range(axes[0], axes[-1] + 1)] else 0


def setitem(new: Builder, node: Node) -> Ref:
    """A copy with a part written, or added to."""
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
    """The copy with the axes of the arrays in front, written, and its axes put back."""
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
    """A copy of `x` in which the view that `run` takes holds the values."""
    return new.alike(node, Op.WRITE, x, *_placed(new[x], [run], node), values)


def _is_slicing(parts: Sequence[object]) -> bool:
    return all(_is_slice(part) or isinstance(part, int | np.integer | Dim) for part in parts)


def _is_slice(part: object) -> bool:
    return part is None or part is Ellipsis or isinstance(part, slice)


def _arrays(new: Builder, x: Ref, parts: Sequence[object], node: Node) -> tuple[Any, ...]:
    pairs = zip(parts, new[x].shape, strict=False)
    return tuple(_index_part(part, size, node) for part, size in pairs)


def _index_part(part: object, size: int | Dim, node: Node) -> Any:
    """One part of an index, within its axis: a constant counted from the front."""
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
