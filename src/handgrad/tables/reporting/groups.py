"""Scores by group of a column: categories, and parts of numbers and dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from handgrad.files.features import Column
from handgrad.plots.style import shortened
from handgrad.tables.inspection.tables import by_frequency, cell_value
from handgrad.tables.reporting.scores import ScoredRows, between_of, number
from handgrad.textbook.layers import Array

# Rows of a group at least; groups of a column: categories at most, numbers at most, and parts
# of more numbers by their quantiles.
FEWEST, MOST_VALUES, MOST_NUMBERS, PARTS = 20, 12, 6, 4
SIGNIFICANCE = 0.05  # of all groups together
MOST_COLUMNS = 4


@dataclass(frozen=True)
class RowGroup:
    """Held-out rows with the same value of a column, or with numbers in an interval.

    `score` is their accuracy, mean deviance or mean absolute error, with its confidence interval.
    `p` is the probability of such a difference from the other rows by chance, for one test.
    """

    column: str
    name: str
    n: int
    score: float
    between: tuple[float, float] | None
    other: float
    p: float
    is_accuracy: bool

    @property
    def is_worse(self) -> bool:
        """True if the score is worse than that of the other rows."""
        return self.score < self.other if self.is_accuracy else self.score > self.other

    def shown(self, value: float) -> str:
        """Format a value of the score."""
        return f"{value:.1%}" if self.is_accuracy else number(value)


@dataclass(frozen=True)
class RowGroups:
    """Groups of held-out rows by each column; differences are significant by Bonferroni's rule."""

    by_column: dict[str, list[RowGroup]]
    fewest: ClassVar[int] = FEWEST

    @property
    def n(self) -> int:
        """Number of groups, and of tests."""
        return sum(map(len, self.by_column.values()))

    def differs(self, group: RowGroup) -> bool:
        """Return True if the score of a group differs significantly from that of the others."""
        return group.p * self.n < SIGNIFICANCE

    @property
    def different(self) -> dict[str, list[RowGroup]]:
        """Groups of the columns whose scores differ most; none if no difference is significant."""
        least = {name: min(g.p for g in groups) for name, groups in self.by_column.items()}
        names = sorted(least, key=lambda name: least[name])[:MOST_COLUMNS]
        return {n: self.by_column[n] for n in names if any(map(self.differs, self.by_column[n]))}


def groups_in(held: ScoredRows) -> dict[str, list[RowGroup]]:
    """Scores by group, for each column of few values, of numbers or of dates."""
    wrong = held.unweighted_losses
    by_column = {}
    for name, column in held.columns.items():
        groups = [_group(held, wrong, name, label, rows) for label, rows in _parts(column)]
        if len(groups) > 1:
            by_column[name] = groups
    return by_column


def _parts(column: Column) -> Iterator[tuple[str, Array]]:
    """Names of the groups of a column, and masks of their rows, (n,)."""
    missing = column.missing
    if column.kind in ("number", "date"):
        yield from _parts_of_numbers(column)
    else:
        values, counts, first = by_frequency(column)
        if len(values) > MOST_VALUES:
            return
        for value, n, row in zip(values, counts, first, strict=True):
            if n >= FEWEST:
                yield shortened(str(value), 40), column.values == column.values[row]
    if missing.sum() >= FEWEST:
        yield "missing", missing


def _parts_of_numbers(column: Column) -> Iterator[tuple[str, Array]]:
    """Each value of a few, or intervals with about as many rows each."""
    values = column.values
    there = values[~column.missing]
    distinct = np.unique(there)
    if len(distinct) <= MOST_NUMBERS:
        groups = [(_shown(column, value), values == value) for value in distinct]
    else:
        shares = np.arange(1, PARTS) / PARTS
        ends = np.unique(np.quantile(there, shares, method="inverted_cdf"))
        part = np.where(column.missing, -1, np.searchsorted(ends, values))
        groups = [(_interval(column, values[part == k]), part == k) for k in range(len(ends) + 1)]
    yield from ((name, rows) for name, rows in groups if rows.sum() >= FEWEST)


def _interval(column: Column, values: Array) -> str:
    return " to ".join(_shown(column, end) for end in (values.min(), values.max()))


def _shown(column: Column, value: float) -> str:
    if column.kind == "number":
        return number(value)
    return str(cell_value(replace(column, values=np.array([value])), 0))


def _group(held: ScoredRows, wrong: Array, name: str, label: str, rows: Array) -> RowGroup:
    classes = bool(held.class_names)
    w = np.ones(len(held)) if held.w is None else held.w
    if not w[rows].any() or rows.all():
        return RowGroup(name, label, int(rows.sum()), np.nan, None, np.nan, 1.0, classes)
    of, other = (float(np.average(wrong[some], weights=w[some])) for some in (rows, ~rows))
    score, others = (1 - of, 1 - other) if classes else (of, other)
    between = between_of(held.measure, score, _taken(held, rows))
    return RowGroup(
        name, label, int(rows.sum()), score, between, others, _chance(held, rows), classes
    )


def _taken(held: ScoredRows, rows: Array) -> ScoredRows:
    places = np.flatnonzero(rows)
    p = None if held.p is None else held.p[places]
    roles = held.roles.take(places)
    return replace(held, y=held.y[places], predicted=held.predicted[places], p=p, roles=roles)


def _chance(held: ScoredRows, rows: Array) -> float:
    """Probability of such a difference by chance: Fisher's exact test, or Mann and Whitney's.

    Of rows in independent units the means of the units are compared.
    """
    from scipy.stats import fisher_exact, mannwhitneyu

    wrong = held.losses
    sides = wrong[rows], wrong[~rows]
    if held.units is None and held.class_names:
        counts = [[int(side.sum()), int((1 - side).sum())] for side in sides]
        return float(fisher_exact(counts).pvalue)
    if held.units is not None:
        sides = _means(wrong[rows], held.units[rows]), _means(wrong[~rows], held.units[~rows])
    if np.ptp(np.concatenate(sides)) == 0:
        return 1.0
    return float(mannwhitneyu(*sides).pvalue)


def _means(values: Array, codes: Array) -> Array:
    places = np.unique(codes, return_inverse=True)[1]
    return np.asarray(np.bincount(places, values) / np.bincount(places))
