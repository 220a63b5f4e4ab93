"""Lowering of what moves numbers about: reshaped, transposed and repeated arrays, and parts.

A view costs nothing: offset and strides into a stored array, found by letting NumPy take it of an
array of each of the recorded batch sizes. Where NumPy copies, the numbers are laid out anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import OPERATIONS, Op
from handgrad.graph.passes.arguments import REQUIRED, given, refused
from handgrad.graph.passes.builder import Builder
from handgrad.graph.references import Ref, substitute
from handgrad.graph.symbolic import SIZES, Arange, Dim, NoRuleError, Shape, Symbolic, at, solve
from handgrad.layers import Array

Run = Callable[[Array, int], Array]


class _CopiedError(CannotLowerError):
    """NumPy copies where a view was meant."""


def view(new: Builder, node: Node) -> Ref:
    """A view of an array, or, where NumPy copies, of a copy of it."""
    x, *rest = node.arguments

    def run(array: Array, n: int) -> Any:
        arguments, options = substitute((tuple(rest), dict(node.options)), lambda leaf: at(leaf, n))
        return OPERATIONS[node.operation].compute(array, *arguments, **options)

    return view_by(new, node, x, run)


def view_by(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """As `view`, where `run` takes it of an array for n rows."""
    try:
        return _view_of(new, node, x, run)
    except _CopiedError:
        return _view_of(new, node, laid_out(new, x), run)


def laid_out(new: Builder, x: Ref) -> Ref:
    """A copy, row after row."""
    return new.add(Op.CONCATENATE, ((x,), 0), new[x].shape, new[x].dtype)


def _view_of(new: Builder, node: Node, x: Ref, run: Run) -> Ref:
    """The view that `run` takes of `x`; of a view that is itself one, of what it views."""
    base, steps = x, [run]
    if new[x].operation is Op.VIEW:
        base = new[x].arguments[0]
        _, *inner = new[x].arguments
        compute = OPERATIONS[Op.VIEW].compute
        steps.insert(
            0, lambda array, n: compute(array, *substitute(tuple(inner), lambda v: at(v, n)))
        )
    placed = [_placed(new[base].shape, steps, n, node.origin) for n in SIZES]
    offset, strides, shape = (_followed([p[i] for p in placed], node) for i in range(3))
    _check_growth(new[base].shape, shape, node)
    return new.add(Op.VIEW, (base, offset, strides, shape), shape, new[x].dtype)


def _placed(shape: Shape, steps: Sequence[Run], n: int, origin: Origin | None) -> tuple[Any, ...]:
    """Where NumPy puts a view of a contiguous array of that shape: offset, strides, shape."""
    base = np.empty([at(size, n) for size in shape], np.int8)
    array = base
    for step in steps:
        array = step(array, n)
    start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if not 0 <= start <= max(base.size - 1, 0):
        raise _CopiedError(f"a view that NumPy copies, at {origin}")
    return start, array.strides, array.shape


def _followed(values: Sequence[object], node: Node) -> Any:
    try:
        if isinstance(values[0], tuple):
            return tuple(solve(parts, SIZES) for parts in zip(*values, strict=True))
        return solve(values, SIZES)
    except NoRuleError:
        raise CannotLowerError(f"sizes that follow no rule, at {node.origin}") from None


def _check_growth(base: Shape, view: Shape, node: Node) -> None:
    """A view that grows with the batch must lie in an array that does."""
    grows = any(isinstance(size, Dim) for size in base)
    if any(isinstance(size, Dim) for size in view) and not grows:
        raise CannotLowerError(f"a part that grows with the batch, at {node.origin}")


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
    x, count, axis = given(node, a=REQUIRED, repeats=REQUIRED, axis=None)
    if not isinstance(count, int | np.integer):
        raise refused(node, "counts that are no whole number")

    def run(array: Array, n: int) -> Array:
        array = array.reshape(-1) if axis is None else array
        after = (-1 if axis is None else axis) % array.ndim + 1
        shape = (*array.shape[:after], count, *array.shape[after:])
        return np.broadcast_to(np.expand_dims(array, after), shape)

    return _spread(new, node, x, run)


def tile(new: Builder, node: Node) -> Ref:
    """np.tile: each axis as often as `reps` says."""
    x, reps = given(node, A=REQUIRED, reps=REQUIRED)
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
    x, width, mode, value = given(
        node, array=REQUIRED, pad_width=REQUIRED, mode="constant", constant_values=0
    )
    if mode != "constant" or not isinstance(value, int | float | np.number):
        raise refused(node, "what is no single number")
    filled = new.add(Op.FILL, (node.shape, value, node.dtype), node.shape, node.dtype)

    def run(array: Array, n: int) -> Array:
        pairs = np.broadcast_to(width, (array.ndim, 2)).tolist()
        ends = zip(pairs, array.shape, strict=True)
        return array[tuple(slice(before, size - after) for (before, after), size in ends)]

    return _written(new, node, filled, run, x)


def stack(new: Builder, node: Node) -> Ref:
    """np.stack: each part gets the new axis, then they are put one after another."""
    parts, axis = given(node, arrays=REQUIRED, axis=0)
    if not all(isinstance(part, Ref) for part in parts):
        raise refused(node, "constants among the arrays")
    axis %= len(node.shape)
    views = [
        view_by(new, node, part, lambda array, n: np.expand_dims(array, axis)) for part in parts
    ]
    return new.add(Op.CONCATENATE, (tuple(views), axis), node.shape, node.dtype)


def concatenate(new: Builder, node: Node) -> Ref:
    """np.concatenate along an axis."""
    parts, axis = given(node, arrays=REQUIRED, axis=0)
    if axis is None or not all(isinstance(part, Ref) for part in parts):
        raise refused(node, "such arguments")
    axis %= len(node.shape)
    return new.add(Op.CONCATENATE, (tuple(parts), axis), node.shape, node.dtype)


def take(new: Builder, node: Node) -> Ref:
    """np.take: an index along one axis, or into all numbers in a row."""
    x, index, axis = given(node, a=REQUIRED, indices=REQUIRED, axis=None)
    if axis is None:
        x = view_by(new, node, x, lambda array, n: array.reshape(-1))
        axis = 0
    before = (slice(None),) * (axis % len(new[x].shape))
    index = np.asarray(index) if isinstance(index, tuple | list) else index
    return getitem(new, replace(node, arguments=(x, (*before, index)), options={}))


def getitem(new: Builder, node: Node) -> Ref:
    """A part of an array: by slices a view, by arrays of whole numbers a copy, or first one."""
    x, index = node.arguments
    if _is_slicing(index):
        index = index if isinstance(index, tuple) else (index,)
        if Ellipsis not in index:
            index = (*index, Ellipsis)  # so that NumPy gives a view of one number too

        def run(array: Array, n: int) -> Any:
            return array[substitute(index, lambda leaf: at(leaf, n))]

        return view_by(new, node, x, run)
    parts = index if isinstance(index, tuple) else (index,)
    if any(part is None or part is Ellipsis or isinstance(part, slice) for part in parts):
        return _by_arrays_and_slices(new, node, x, parts)
    return new.add(Op.GETITEM, (x, _arrays(new, x, parts, node)), node.shape, node.dtype)


def _by_arrays_and_slices(new: Builder, node: Node, x: Ref, parts: tuple[object, ...]) -> Ref:
    """The part by the slices first; in it, with the axes of the arrays in front, that by arrays."""
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if dots:
        at_dots, real = dots[0], sum(part is not None for part in parts) - 1
        missing = (slice(None),) * (len(new[x].shape) - real)
        parts = (*parts[:at_dots], *missing, *parts[at_dots + 1 :])
    axes = [i for i, part in enumerate(parts) if part is not None and not isinstance(part, slice)]
    slices = tuple(slice(None) if i in axes else part for i, part in enumerate(parts))
    sliced = getitem(new, replace(node, arguments=(x, slices)))
    rest = [i for i in range(len(new[sliced].shape)) if i not in axes]
    turned = view_by(new, node, sliced, lambda array, n: array.transpose(*axes, *rest))
    arrays = _arrays(new, turned, [parts[i] for i in axes], node)
    together = axes == [*range(axes[0], axes[-1] + 1)]
    first = axes[0] if together else 0
    rank = len(node.shape) - len(rest)
    front = node.shape[first : first + rank]
    shape = (*front, *node.shape[:first], *node.shape[first + rank :])
    picked = new.add(Op.GETITEM, (turned, arrays), shape, node.dtype)
    back = [*range(rank, rank + first), *range(rank), *range(rank + first, len(shape))]
    return view_by(new, node, picked, lambda array, n: array.transpose(back))


def setitem(new: Builder, node: Node) -> Ref:
    """A copy with a part written, or added to."""
    x, index, values = node.arguments
    if not _is_slicing(index):
        parts = index if isinstance(index, tuple) else (index,)
        if any(part is None or part is Ellipsis or isinstance(part, slice) for part in parts):
            raise refused(node, "arrays and slices in one index")
        arrays = _arrays(new, x, parts, node)
        return new.add(node.operation, (x, arrays, values), node.shape, node.dtype)
    if node.operation is Op.ADD_AT:
        raise refused(node, "a slice")

    def run(array: Array, n: int) -> Any:
        return array[substitute(index, lambda leaf: at(leaf, n))]

    return _written(new, node, x, run, values)


def _written(new: Builder, node: Node, x: Ref, run: Run, values: object) -> Ref:
    """A copy of `x` in which the view that `run` takes holds the values."""
    placed = [_placed(new[x].shape, [run], n, node.origin) for n in SIZES]
    offset, strides, shape = (_followed([p[i] for p in placed], node) for i in range(3))
    _check_growth(new[x].shape, shape, node)
    return new.add(Op.WRITE, (x, offset, strides, shape, values), node.shape, node.dtype)


def _is_slicing(index: object) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice | Dim)
        for part in parts
    )


def _arrays(new: Builder, x: Ref, parts: Sequence[object], node: Node) -> tuple[Any, ...]:
    return tuple(
        _index_part(part, size, node) for part, size in zip(parts, new[x].shape, strict=False)
    )


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
        raise refused(node, f"an index of {numbers.dtype}")
    return numbers % size
