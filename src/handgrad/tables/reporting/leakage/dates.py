"""Rows sorted by a date, with held-out rows between training rows."""

from __future__ import annotations

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.files.features import Column
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.leakage.dependent_rows import BETWEEN, IN_TIME, Sides
from handgrad.tables.reporting.scores import ScoredRows, number, percent
from handgrad.textbook.layers import Array

# Rank correlation of dates with the order of the rows, from which the rows count as sorted.
SORTED, FEWEST_DATES, ROWS_IN_ORDER = 0.999, 20, 5000
ALIKE = 2 / 3  # error of the previous row, at most, as a fraction of that of guessing


def sorted_by_date(sides: Sides, held: ScoredRows) -> tuple[Finding, str] | None:
    """Finding for rows sorted by a date with held-out rows between training rows; the column."""
    for name, tables in sides.places.items():
        if all(_may_be_dates(table, name) for table in tables) and _lie_between(tables, name):
            alike = _neighbours(tables, name, sides.targets, held)
            if tables is sides.tables or alike:
                return _time_finding(name, alike), name
    return None


def _time_finding(name: str, alike: str) -> Finding:
    return Finding(
        IN_TIME,
        f"column “{name}”",
        f"the rows are sorted by it, and held-out rows lie between training rows{alike}: the "
        "scores, with their intervals and comparisons, are valid for dates within the training "
        "period, not for later ones",
        f"hold out the end: {option('time', name, quoted=True)}",
    )


def _may_be_dates(table: IndexedTable, name: str) -> bool:
    if table.frame is None:
        return table.array.dtype.kind in "MO"
    kind = str(table.frame[name].dtype)
    return kind == "String" or kind.startswith("Date")


def _dates(table: IndexedTable, name: str, most: int) -> tuple[Array, Array]:
    """Evenly spaced rows with a date, and their dates."""
    rows = np.linspace(0, len(table) - 1, min(most, len(table))).round().astype(int)
    column: Column = IndexedTable(table.take(rows)).columns()[name]
    if column.kind != "date":
        return np.zeros(0, int), np.zeros(0)
    there = ~column.missing
    return rows[there], column.values[there]


def _lie_between(tables: tuple[IndexedTable, IndexedTable], name: str) -> bool:
    from scipy.stats import spearmanr

    sides = [_dates(table, name, ROWS_IN_ORDER) for table in tables]
    signs = set[float]()
    for rows, days in sides:
        if len(np.unique(days)) < FEWEST_DATES or 2 * len(days) < len(rows):
            return False
        order = float(spearmanr(rows, days).statistic)
        if abs(order) < SORTED:
            return False
        signs.add(np.sign(order))
    held, learned = (days for _, days in sides)
    between = (held >= learned.min()) & (held <= learned.max())
    return len(signs) == 1 and bool(between.mean() >= BETWEEN)


def _neighbours(
    tables: tuple[IndexedTable, IndexedTable],
    name: str,
    targets: tuple[Array, Array],
    held: ScoredRows,
) -> str:
    """Error of the target of the previous training row, in words, if it is small; else ''."""
    if any(len(table) > ROWS_IN_ORDER for table in tables) or len(held) != len(tables[0]):
        return ""
    (rows, days), (learned, learned_days) = (_dates(t, name, ROWS_IN_ORDER) for t in tables)
    order = np.argsort(learned_days, kind="stable")
    place = np.searchsorted(learned_days[order], days, side="right") - 1
    t, before = targets[0][rows], targets[1][learned[order[np.maximum(place, 0)]]]
    if held.class_names:
        most = np.bincount(targets[1].astype(int)).argmax()
        wrong = [(guess != t).mean() for guess in (before, held.predicted[rows], most)]
        if wrong[0] > ALIKE * wrong[2]:
            return ""
        right = [percent(1 - float(share)) for share in wrong]
        return (
            f"; the class of the previous row is correct for {right[0]}, the model for {right[1]}, "
            f"guessing for {right[2]}"
        )
    guesses = before, held.predicted[rows], targets[1].mean()
    off = [np.abs(guess - t).mean() for guess in guesses]
    if off[0] > ALIKE * off[2]:
        return ""
    errors = [number(float(size)) for size in off]
    return (
        f"; the value of the previous row is off by {errors[0]} on average, the model by "
        f"{errors[1]}, guessing by {errors[2]}"
    )
