"""Groups of nearly equal rows, found without a column that names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.files.features import Column
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.tables import stacked
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.leakage.dependent_rows import BETWEEN, NEAR, Sides
from handgrad.textbook.layers import Array

# Columns with distinct values in half of the rows, of which at most so many are compared.
CONTINUOUS, FEWEST_COLUMNS, MOST_COLUMNS = 0.5, 2, 8
FEWEST_ROWS, MOST_ROWS, TRIED, NEIGHBOURS = 100, 50_000, 400, 64
# Ratio of the distances inside and outside of a group, and the fraction of rows that have it.
APART, OF_ROWS = 4.0, 0.5
FEWEST_GROUPS = 10


def near_duplicate_rows(sides: Sides) -> Iterator[Finding]:
    """Finding for held-out rows in groups of nearly equal rows that have training rows too."""
    n_held, n = len(sides.tables[0]), sum(map(len, sides.tables))
    _check_size(n)
    codes = nearly_equal(stacked(*(table.native() for table in sides.tables)).columns())
    if codes is None or np.isin(codes[:n_held], codes[n_held:]).mean() < BETWEEN:
        return
    yield Finding(
        NEAR,
        "the rows",
        f"{n:,} rows form {len(np.unique(codes)):,} groups of nearly equal values, with rows in "
        "both training and held-out rows: the scores, with their intervals and comparisons, are "
        "valid for more rows of these groups, not for new ones",
        f"add a column that says which rows belong together, and {option('group')} it",
    )


def _check_size(n: int) -> None:
    if n < FEWEST_ROWS:
        raise SkippedCheckError(f"fewer than {FEWEST_ROWS} rows")
    if n > MOST_ROWS:
        raise SkippedCheckError(f"over {MOST_ROWS:,} rows")


def nearly_equal(columns: Mapping[str, Column]) -> Array | None:
    """Group of each row, (n,), if most rows are nearly equal to some others; else None.

    Of each row the distances to its nearest neighbours jump between two of them: those inside the
    group are at least four times as close as those outside. Distances of rows drawn independently
    grow smoothly.

    Raises a SkippedCheckError if the rows cannot be compared.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    _check_size(len(next(iter(columns.values())).values))
    x = _numbers(columns)
    n = len(x)
    if x.shape[1] < FEWEST_COLUMNS:
        raise NotApplicableError("fewer than two columns with distinct numbers in most rows")
    tree, rows = cKDTree(x), np.random.default_rng(0).permutation(n)[:TRIED]
    distances = np.maximum(tree.query(x[rows], k=min(NEIGHBOURS + 2, n // 2))[0][:, 1:], 1e-12)
    jumps = distances[:, 1:] / distances[:, :-1]
    place = jumps.argmax(axis=1)
    inside, outside = (distances[np.arange(len(rows)), place + i] for i in (0, 1))
    clear = outside > APART * inside
    if clear.mean() < OF_ROWS:
        return None
    limit = float(np.median(np.sqrt(inside[clear] * outside[clear])))
    if ((inside[clear] < limit) & (limit < outside[clear])).mean() < OF_ROWS:
        return None
    near = tree.sparse_distance_matrix(tree, limit, output_type="coo_matrix")
    n_groups, codes = connected_components(near, directed=False)
    sizes = np.bincount(codes)
    partners = (sizes[codes] > 1).mean()
    enough = n_groups >= FEWEST_GROUPS and sizes.max() <= max(2 * NEIGHBOURS, n // FEWEST_GROUPS)
    return np.asarray(codes) if enough and partners >= OF_ROWS else None


def _numbers(columns: Mapping[str, Column]) -> Array:
    """Columns of numbers that are nearly all distinct, in units of their spread, (n, d)."""
    chosen = []
    for column in columns.values():
        if column.kind != "number" or column.missing.mean() > 1 - CONTINUOUS:
            continue
        values = column.values
        there = values[~column.missing]
        if len(np.unique(there)) < CONTINUOUS * len(values):
            continue
        low, middle, high = np.quantile(there, (0.25, 0.5, 0.75))
        if high > low:
            filled = np.where(column.missing, middle, values)
            chosen.append(np.clip((filled - middle) / (high - low), -10, 10))
    if not chosen:
        return np.zeros((0, 0))
    places = np.linspace(0, len(chosen) - 1, min(len(chosen), MOST_COLUMNS)).round().astype(int)
    return np.stack([chosen[i] for i in places], axis=1)
