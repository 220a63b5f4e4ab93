"""The rows that count: a row that comes twice is one row that weighs twice as much."""

from dataclasses import dataclass, replace

import numpy as np

from handgrad.layers import Array
from handgrad.tabular.tables import Column, Table


@dataclass(frozen=True)
class Rows:
    """Columns and target of rows that differ, in an order of their own, and what each weighs."""

    table: Table
    y: Array
    w: Array


def merged(table: Table, y: Array, w: Array) -> Rows:
    """The rows that weigh something, each once: the same for repeated rows as for weighted ones,
    in whatever order they came.
    """
    counts = np.flatnonzero(w > 0)
    keys = np.stack([*(_ranks(column) for column in table.values()), y.astype(float)])[:, counts]
    order = np.lexsort(keys[::-1])
    first = np.ones(len(counts), bool)
    first[1:] = (np.diff(keys[:, order], axis=1) != 0).any(axis=0)
    starts = np.flatnonzero(first)
    rows = counts[order]
    weights = np.add.reduceat(w[rows], starts) if len(starts) else w[rows]
    kept = rows[starts]
    columns = {name: replace(c, values=c.values[kept]) for name, c in table.items()}
    return Rows(columns, y[kept], weights)


def _ranks(column: Column) -> Array:
    """A number for each value of a column, the same for the same."""
    missing = column.missing
    values = np.where(missing, "" if column.kind == "text" else 0.0, column.values)
    ranks = np.unique(values.astype(str) if column.kind == "text" else values, return_inverse=True)
    return np.where(missing, -1, ranks[1])
