"""The plane of two columns of a table: rows for any point of it, the other columns held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.inspection.patchwork import Patchwork
from handgrad.layers import Array
from handgrad.plots.two_columns import Axis
from handgrad.tabular.rows import different
from handgrad.tabular.tables import Column

# Text with more values than these shows the most frequent ones.
MOST_VALUES = 8
# A column of numbers with fewer values holds no others.
FEWEST_BETWEEN = 13


class Plane:
    """Two columns of a table, by their names, and a row of the table for any point.

    The other columns have their medians, or their most frequent values. Along an axis of many
    numbers a point has its own; else the value that is nearest to it, so that only values that
    occur are asked for.
    """

    def __init__(self, table: Patchwork, columns: dict[str, Column], shown: Sequence[str]) -> None:
        self.table = table
        self.shown = [table.place(name) for name in shown]
        self.typical = np.array([typical_row(column) for column in columns.values()])
        self.axes = [_axis(name, columns[name]) for name in shown]
        there = [~np.isnan(axis.at) for axis in self.axes]
        self.rows = np.flatnonzero(there[0] & there[1])
        self._ordered = [_ordered(axis.at) for axis in self.axes]

    def on(self, rows: Array) -> list[Axis]:
        """The axes, with these rows on them."""
        return [Axis(a.name, a.at[rows], a.values, a.dates) for a in self.axes]

    def at(self, points: Array) -> Any:
        """A table with a row for each of the points, (n, 2)."""
        cells, numbers = np.tile(self.typical, (len(points), 1)), {}
        for j, (values, rows), at in zip(self.shown, self._ordered, points.T, strict=True):
            if self.table.holds_numbers(j) and len(values) >= FEWEST_BETWEEN:
                numbers[j] = at
                continue
            right = np.clip(np.searchsorted(values, at), 1, max(1, len(values) - 1))
            left = right - 1
            right = np.minimum(right, len(values) - 1)
            nearest = np.where(at - values[left] <= values[right] - at, left, right)
            cells[:, j] = rows[nearest]
        return self.table.cells(cells, numbers)


def typical_row(column: Column) -> int:
    """A row that has a column's median, or its most frequent value; the first, if it has none."""
    there = np.flatnonzero(~column.missing)
    if not len(there):
        return 0
    values = column.values[there]
    if column.kind in ("text", "boolean"):
        places = different(values)[1]
        _, first, counts = np.unique(places, return_index=True, return_counts=True)
        return int(there[first[counts.argmax()]])
    return int(there[np.argsort(values, kind="stable")[(len(values) - 1) // 2]])


def _axis(name: str, column: Column) -> Axis:
    """Where each row lies along a column; NaN where it has no value, or one too rare."""
    if column.kind == "number":
        return Axis(name, column.values)
    if column.kind == "date":
        return Axis(name, column.values, dates=True)
    there = ~column.missing
    words = column.values[there]
    if column.kind == "boolean":
        words = np.where(words > 0, "true", "false")
    values, places = different(words)
    counts = np.bincount(places)
    kept = values[np.argsort(-counts, kind="stable")[:MOST_VALUES]]
    at = np.full(len(there), np.nan)
    place = {value: i for i, value in enumerate(kept)}
    at[there] = [place.get(word, np.nan) for word in words]
    return Axis(name, at, tuple(str(value) for value in kept))


def _ordered(at: Array) -> tuple[Array, Array]:
    """The values along an axis in order, and a row for each."""
    values, first = np.unique(at, return_index=True)
    there = ~np.isnan(values)
    return values[there], first[there]
