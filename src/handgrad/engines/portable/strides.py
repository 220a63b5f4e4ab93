"""Strided access: index arrays as sums of a stride for each of a nest of loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from handgrad.textbook.layers import Array


@dataclass(frozen=True)
class Access:
    """Places in a flat array: offset + Σ stride · counter, over all loops of a nest."""

    offset: int
    strides: tuple[int, ...]


class StridedNest(NamedTuple):
    """Sizes of nested loops, the outer ones and those within, and the accesses of its arrays."""

    outer: tuple[int, ...]
    inner: tuple[int, ...]
    accesses: tuple[Access, ...]


def nest_of(sizes: Sequence[int], n_outer: int, indices: Sequence[Array]) -> StridedNest | None:
    """Find loops whose counters reach each position in some index arrays by strides.

    An axis becomes several loops if it joins what lies apart, as after a reshape.

    Parameters
    ----------
    sizes : sequence of int
        The axes.
    n_outer : int
        How many of them are for the outer loops.
    indices : sequence of array
        Places in flat arrays; each axis has its size, or 1.

    Returns
    -------
    StridedNest or None
        None if the places are no sums of strides.

    Examples
    --------
    >>> nest_of((4, 3), 1, [np.array([[0], [1], [10], [11]]), np.arange(12).reshape(4, 3)])
    StridedNest(outer=(2, 2), inner=(3,), accesses=(Access(offset=0, strides=(10, 1, 0)), \
Access(offset=0, strides=(6, 3, 1))))
    """
    axes = [[_along(index, axis, size) for index in indices] for axis, size in enumerate(sizes)]
    for k, index in enumerate(indices):
        steps = [np.asarray(axis[k])[: index.shape[a]] for a, axis in enumerate(axes)]
        whole = sum(np.ix_(*steps), np.array(index.flat[0])) if steps else index
        if not np.array_equal(whole, index):
            return None
    loops, n_before = list[tuple[int, list[int]]](), 0
    for a, axis in enumerate(axes):
        split = _loops_of(axis)
        if split is None:
            return None
        loops += split
        if a < n_outer:
            n_before = len(loops)
    made = [size for size, _ in loops]
    accesses = [
        Access(int(index.flat[0]), tuple(strides[k] for _, strides in loops))
        for k, index in enumerate(indices)
    ]
    return StridedNest(tuple(made[:n_before]), tuple(made[n_before:]), tuple(accesses))


def _along(index: Array, axis: int, size: int) -> Array:
    """Places along an axis, from that of the first."""
    places = np.moveaxis(index, axis, 0).reshape(index.shape[axis], -1)[:, 0]
    return np.broadcast_to(places - places[0], size)


def _loops_of(places: Sequence[Array]) -> list[tuple[int, list[int]]] | None:
    """Loops for one axis: their sizes, each with a stride for each array."""
    size = len(places[0])
    if size == 1:
        return []
    for inner in range(size, 1, -1):
        if size % inner == 0:
            blocks = [p.reshape(-1, inner) for p in places]
            first = np.arange(inner)
            if all((b == b[:, :1] + first * b[0, 1]).all() for b in blocks):
                before = _loops_of([b[:, 0] for b in blocks])
                own = (inner, [int(b[0, 1]) for b in blocks])
                return None if before is None else [*before, own]
    return None
