"""Indexing, transposition, concatenation and padding in ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from handgrad.exchange.exporting.onnx.model import GraphTranslator, shape_of
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import REQUIRED, arguments_of
from handgrad.graph.symbolic import SIZES, Arange, Dim, N, Ref, Shape, at, substitute
from handgrad.textbook.layers import Array

END = np.iinfo(np.int64).max


def turned(w: GraphTranslator, node: Node) -> str:
    """Transposition; the permutation is found with an array of distinct axis lengths."""
    x = node.arguments[0]
    lengths = range(2, 2 + len(w[x].shape))
    shown = node.operation.compute(np.empty([*lengths]), *node.arguments[1:], **node.options)
    return w.put("Transpose", w.value(x, node.dtype), perm=[size - 2 for size in shown.shape])


def concatenated(w: GraphTranslator, node: Node) -> str:
    """Concatenation."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if axis is None or not isinstance(parts, list | tuple):
        raise node.refused("such arguments")
    return w.put("Concat", *(w.value(x, node.dtype) for x in parts), axis=axis % len(node.shape))


def stacked(w: GraphTranslator, node: Node) -> str:
    """Concatenation along a new axis."""
    parts, axis = arguments_of(node, arrays=REQUIRED, axis=0)
    if not isinstance(parts, list | tuple):
        raise node.refused("such arguments")
    axis %= len(node.shape)
    place = w.whole([axis], "axis")
    values = [w.put("Unsqueeze", w.value(x, node.dtype), place) for x in parts]
    return w.put("Concat", *values, axis=axis)


def padded(w: GraphTranslator, node: Node) -> str:
    """Padding with a constant."""
    x, width, mode, number = arguments_of(
        node, array=REQUIRED, pad_width=REQUIRED, mode="constant", constant_values=0
    )
    if mode != "constant" or not isinstance(number, int | float | np.number):
        raise node.refused("several constants")
    pairs = np.broadcast_to(width, (len(node.shape), 2))
    ends = w.whole(pairs.T.reshape(-1), "pads")
    return w.put("Pad", w.value(x, node.dtype), ends, w.model.constant(number, node.dtype))


def repeated(w: GraphTranslator, node: Node) -> str:
    """np.repeat; for an axis of length 1 as a broadcast."""
    x, _, axis = arguments_of(node, a=REQUIRED, repeats=REQUIRED, axis=None)
    if isinstance(x, Ref) and axis is not None and w[x].shape[axis] == 1:
        return w.put("Expand", w.value(x, node.dtype), w.shape(_stretched(w[x].shape, node.shape)))
    return moved(w, node)


def broadcast(w: GraphTranslator, node: Node) -> str:
    """np.broadcast_to."""
    x = node.arguments[0]
    return w.put("Expand", w.value(x, node.dtype), w.shape(_stretched(w[x].shape, node.shape)))


def _stretched(before: Shape, after: Shape) -> Shape:
    """Shape that broadcasts `before` to `after`: 1 for unchanged axes."""
    same = (*[1] * (len(after) - len(before)), *before)
    return tuple(1 if size == was else size for size, was in zip(after, same, strict=True))


def taken(w: GraphTranslator, node: Node) -> str:
    """np.take along one axis or on the flattened array."""
    x, index, axis = arguments_of(node, a=REQUIRED, indices=REQUIRED, axis=None)
    value = w.value(x, node.dtype)
    if axis is None:
        value, axis = w.put("Reshape", value, w.whole([-1], "shape")), 0
    return w.put("Gather", value, w.value(index, np.int64), axis=axis % max(len(w[x].shape), 1))


def part(w: GraphTranslator, node: Node) -> str:
    """x[...] with slices, integer arrays, or both."""
    x, index = node.arguments
    parts = _for_each_axis(index, len(w[x].shape))
    if all(_is_basic(p) for p in parts):
        return _sliced(w, node, parts)
    places = [i for i, p in enumerate(parts) if not _is_slice(p)]
    others = [p for p in parts if _is_slice(p)]
    if any(p is None or p != slice(None) for p in others):
        return moved(w, node)
    if len(places) == 1:
        rows = w.value(parts[places[0]], np.int64)
        return w.put("Gather", w.value(x, node.dtype), rows, axis=places[0])
    if places == [*range(len(places))]:
        return _at_places(w, node, parts[: len(places)])
    return moved(w, node)


def _for_each_axis(index: object, rank: int) -> list[object]:
    """Parts of an index, one for each axis and None for each new axis."""
    parts = [*index] if isinstance(index, tuple) else [index]
    missing = [slice(None)] * (rank - sum(p is not None and p is not Ellipsis for p in parts))
    dots = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    return [*parts[:dots], *missing, *parts[dots + 1 :]]


def _is_slice(p: object) -> bool:
    return p is None or isinstance(p, slice)


def _is_basic(p: object) -> bool:
    return _is_slice(p) or isinstance(p, int | np.integer)


def _sliced(w: GraphTranslator, node: Node, parts: Sequence[object]) -> str:
    """Slice; integers and new axes in the index are a reshape afterwards."""
    x = node.arguments[0]
    left: list[int | Dim] = []
    cut: list[tuple[int, int, int, int]] = []
    result, sizes = iter(node.shape), iter(w[x].shape)
    for p in parts:
        if p is None:
            next(result)
            continue
        axis, size = len(left), next(sizes)
        left.append(next(result) if isinstance(p, slice) else 1)
        if p != slice(None):
            start, end, step = _ends(node, p)
            cut.append((start, end, axis, step))
            if isinstance(p, slice) and size == left[axis] == N:
                raise node.refused("a part of the rows")
    value = w.value(x, node.dtype)
    if cut:
        starts, ends, axes, steps = map(list, zip(*cut, strict=True))
        names = ("starts", "ends", "axes", "steps")
        columns = zip((starts, ends, axes, steps), names, strict=True)
        value = w.put("Slice", value, *(w.whole(numbers, name) for numbers, name in columns))
    return w.reshaped(value, node.shape, tuple(left))


def _ends(node: Node, p: object) -> tuple[int, int, int]:
    """Start, end and step of a slice, or of an integer index."""
    if not isinstance(p, slice):
        place = int(p)  # type: ignore[call-overload]
        return place, place + 1 or END, 1
    if any(isinstance(end, Dim) for end in (p.start, p.stop)):
        raise node.refused("an end that follows the number of rows")
    step = 1 if p.step is None else int(p.step)
    first, last = (0, END) if step > 0 else (END, -END)
    return first if p.start is None else p.start, last if p.stop is None else p.stop, step


def _at_places(w: GraphTranslator, node: Node, parts: Sequence[object]) -> str:
    """GatherND by integer arrays for the first axes."""
    x = node.arguments[0]
    front = node.shape[: len(node.shape) - (len(w[x].shape) - len(parts))]
    values = [(w.value(p, np.int64), _shape(w, p)) for p in parts]
    whole = next((value for value, shape in values if shape == front), None)
    target = w.shape(front) if whole is None else w.put("Shape", whole)
    last = w.whole([-1], "axis")
    wide = [v if shape == front else w.put("Expand", v, target) for v, shape in values]
    places = w.put("Concat", *(w.put("Unsqueeze", v, last) for v in wide), axis=-1, step="places")
    return w.put("GatherND", w.value(x, node.dtype), places)


def _shape(w: GraphTranslator, p: object) -> Shape:
    if isinstance(p, Ref):
        return w[p].shape
    return shape_of(p) if isinstance(p, Arange) else np.asarray(p).shape


def moved(w: GraphTranslator, node: Node) -> str:
    """Gather for an operation that only rearranges each row; NumPy computes the indices."""
    before, places = w[node.arguments[0]].shape, _places(w, node)
    rows = before[:1] == (N,)
    flat = _flat(w, w.value(node.arguments[0], node.dtype), before)
    picked = w.put("Gather", flat, w.whole(places.ravel(), "places"), axis=int(rows))
    return w.reshaped(picked, node.shape, (N, places.size) if rows else (places.size,))


def overwritten(w: GraphTranslator, node: Node) -> str:
    """Copy of an array with the same entries of each row replaced, as a Gather of both."""
    x, index, values = node.arguments
    before, places = w[x].shape, _places(w, replace(node, arguments=(x, index)), Op.GETITEM)
    rows = before[:1] == (N,)
    part = (N, *places.shape) if rows else places.shape
    shape = w.shape(_stretched(_shape(w, values), part))
    new = w.put("Expand", w.value(values, node.dtype), shape)
    both = (_flat(w, w.value(x, node.dtype), before), _flat(w, new, part))
    picked = np.arange(math.prod(size for size in before[rows:] if isinstance(size, int)))
    size = picked.size
    picked[places.ravel()] = size + np.arange(places.size)
    joined = w.put("Concat", *both, axis=int(rows))
    result = w.put("Gather", joined, w.whole(picked, "places"), axis=int(rows))
    return w.reshaped(result, node.shape, (N, size) if rows else (size,))


def _flat(w: GraphTranslator, value: str, shape: Shape) -> str:
    """Flatten each row, or the whole array if it has no rows."""
    return w.put("Reshape", value, w.whole([0, -1] if shape[:1] == (N,) else [-1], "shape"))


def _places(w: GraphTranslator, node: Node, operation: Op | None = None) -> Array:
    """Flat index in the input row of each entry of a result row; the same for all n.

    `operation` replaces that of the node.
    """
    x, *others = node.arguments
    if len(node.used()) > 1 or not isinstance(x, Ref):
        raise node.refused("such arguments")
    places: list[Array] = []
    for n in SIZES:
        shape = [at(size, n) for size in w[x].shape]
        numbers = np.arange(math.prod(shape)).reshape(shape)
        arguments, options = substitute((others, node.options), partial(at, n=n))
        result = (operation or node.operation).compute(numbers, *arguments, **options)
        if w[x].shape[:1] == (N,):
            first = np.arange(n).reshape(-1, *[1] * (result.ndim - 1)) * (numbers.size // n)
            alike = len(result) == n and (result - first == result[0]).all()
            result = result[0]
        else:
            alike = not any(isinstance(size, Dim) for size in (*w[x].shape, *node.shape))
        if not alike or (places and not np.array_equal(result, places[0])):
            raise node.refused("numbers of several rows")
        places.append(result)
    return places[0]
