"""Merged rows: a row that comes twice is one row that weighs twice as much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.data.frames import Column, Columns, different
from handgrad.layers import Array

# Rows that come with several targets are so many rows together, the others counted too, at most.
MOST_PARTS = 2**16


@dataclass(frozen=True)
class MergedRows:
    """Columns and target of rows, in an order of their own, and what each weighs."""

    table: Columns
    y: Array
    w: Array


def merged(table: Columns, y: Array, w: Array) -> MergedRows:
    """The rows that weigh something, each once: the same for repeated rows as for weighted ones,
    in whatever order they came.

    Where the same row comes with several targets, each comes as often as it weighs more than the
    lightest: held out is then a part of each, where else all of one target could be.
    """
    counts = np.flatnonzero(w > 0)
    keys = np.stack([*(_ranks(column) for column in table.values()), y.astype(float)])[:, counts]
    order = np.lexsort(keys[::-1])
    first, other = np.ones((2, len(counts)), bool)
    changes = np.diff(keys[:, order], axis=1) != 0
    first[1:], other[1:] = changes.any(axis=0), changes[:-1].any(axis=0)
    starts = np.flatnonzero(first)
    rows = counts[order]
    weights = np.add.reduceat(w[rows], starts) if len(starts) else w[rows]
    alike = np.cumsum(other[starts])
    times = np.where(np.bincount(alike)[alike] > 1, weights / weights.min(initial=np.inf), 1.0)
    times = np.floor(times * min(1.0, MOST_PARTS / max(times.sum(), 1))).clip(1).astype(int)
    kept, weights = np.repeat(rows[starts], times), np.repeat(weights / times, times)
    columns = {name: replace(c, values=c.values[kept]) for name, c in table.items()}
    return MergedRows(columns, y[kept], weights)


def _ranks(column: Column) -> Array:
    """A number for each value of a column, the same for the same."""
    missing = column.missing
    values = np.where(missing, "" if column.kind == "text" else 0.0, column.values)
    is_text = column.kind == "text"
    ranks = different(values) if is_text else np.unique(values, return_inverse=True)
    return np.where(missing, -1, ranks[1])


def quantiles(values: Array, w: Array, shares: Sequence[float]) -> list[float]:
    """For each share, the smallest value below or at which so much of the weight lies.

    Whole weights are rows that come again.
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(w[order])
    places = [np.searchsorted(below, share * below[-1] * (1 - 1e-12)) for share in shares]
    return [float(values[order[place]]) for place in places]
