"""Which elements a product of arrays or a reduction brings together into one of its own."""

from collections.abc import Mapping, Sequence
from itertools import count
from math import prod
from typing import Any

import numpy as np

from handgrad.graph.operations import Op
from handgrad.learn.explaining.terms import Index
from handgrad.textbook.layers import Array

PRODUCTS = {Op.MATMUL, Op.DOT, Op.OUTER, Op.TENSORDOT, Op.EINSUM}
REDUCED = {Op.SUM, Op.MEAN, Op.VAR, Op.STD, Op.MAX, Op.MIN, Op.PROD, Op.ARGMAX, Op.ARGMIN}
Letters = list[int]


def factors(op: Op, operands: Sequence[Array], said: object, index: Index) -> list[Array]:
    """The factors of the terms that the element at `index` sums: flat places, a row an operand.

    `said` is what the product says of the axes: the text of an einsum, the axes of a tensordot.
    """
    if op is Op.OUTER:
        return [np.array([place]) for place in index]
    letters, out = _letters(op, [a.ndim for a in operands], said)
    sizes: dict[int, int] = {}
    for axes, operand in zip(letters, operands, strict=True):
        for axis, size in zip(axes, operand.shape, strict=True):
            sizes[axis] = max(size, sizes.get(axis, 1))
    summed = [axis for axis in sizes if axis not in out]
    terms = prod(sizes[axis] for axis in summed)
    grid = np.indices([sizes[axis] for axis in summed]).reshape(len(summed), terms)
    at: dict[int, int | Array] = dict(zip(out, index, strict=True))
    at |= dict(zip(summed, grid, strict=True))
    return [
        _places(operand.shape, axes, at, terms)
        for axes, operand in zip(letters, operands, strict=True)
    ]


def _places(
    shape: Sequence[int], axes: Letters, at: Mapping[int, int | Array], terms: int
) -> Array:
    places = np.zeros(terms, np.int64)
    for axis, size in zip(axes, shape, strict=True):
        places = places * size + (at[axis] if size > 1 else 0)
    return places


def _letters(op: Op, ndims: Sequence[int], said: object) -> tuple[list[Letters], Letters]:
    """A number for each axis of the operands and of the result, the same for those that match."""
    if op is Op.EINSUM:
        return _of_spec(str(said), ndims)
    a, b = ndims
    new = count()
    if op is Op.TENSORDOT:
        axes: Any = said
        if isinstance(axes, int):
            axes = ([*range(a - axes, a)], [*range(axes)])
        left, right = ([side] if isinstance(side, int) else [*side] for side in axes)
        first = [next(new) for _ in range(a)]
        pairs = {k % b: first[own % a] for own, k in zip(left, right, strict=True)}
        second = [pairs[k] if k in pairs else next(new) for k in range(b)]
        return [first, second], [k for k in first + second if k not in pairs.values()]
    inner = next(new)
    rows, columns = [next(new)] * (a > 1), [next(new)] * (b > 1)
    if op is Op.DOT:
        before = [next(new) for _ in range(a - 2)], [next(new) for _ in range(b - 2)]
        left, right = [*before[0], *rows, inner], [*before[1], inner, *columns]
        return [left, right], [*before[0], *rows, *before[1], *columns]
    shared = [next(new) for _ in range(max(a, b, 2) - 2)]
    own = [shared[len(shared) - max(0, ndim - 2) :] for ndim in (a, b)]
    return [[*own[0], *rows, inner], [*own[1], inner, *columns]], [*shared, *rows, *columns]


def _of_spec(spec: str, ndims: Sequence[int]) -> tuple[list[Letters], Letters]:
    """The axes of `nmi,moi->nmo`; an ellipsis stands for the axes that have no letter."""
    inputs, arrow, out = spec.replace(" ", "").partition("->")
    parts = inputs.split(",")
    free = [ndim - len(part.replace("...", "")) for part, ndim in zip(parts, ndims, strict=True)]
    hidden = max((k for part, k in zip(parts, free, strict=True) if "..." in part), default=0)
    if not arrow:
        named = inputs.replace("...", "").replace(",", "")
        out = "..." * ("..." in inputs) + "".join(
            sorted(c for c in {*named} if named.count(c) == 1)
        )

    def axes(part: str, k: int) -> Letters:
        before, dots, after = part.partition("...")
        between = range(-k, 0) if dots else ()
        return [*map(ord, before), *between, *map(ord, after)]

    return [axes(part, k) for part, k in zip(parts, free, strict=True)], axes(out, hidden)


def reduced(array: Array, axis: object, keeps: bool, index: Index) -> Array:
    """The flat places of the elements of `array` that a reduction brings together at `index`."""
    if axis is None:
        return np.arange(array.size)
    given: Any = axis
    axes = {k % array.ndim for k in (given if isinstance(given, tuple | list) else (given,))}
    places = np.arange(array.size).reshape(array.shape)
    own = iter(index)
    where: list[Any] = []
    for k in range(array.ndim):
        if k not in axes:
            where.append(next(own))
        else:
            where.append(slice(None))
            if keeps:
                next(own)
    return places[tuple(where)].ravel()
