"""Scores of gradient boosting on a random split, and on one for new groups or later rows."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checklist import SkippedCheckError
from handgrad.tables.reporting.intervals import interval_of, losses_of, sums_of, units_in
from handgrad.tables.reporting.leakage.dependent_rows import (
    IN_TIME,
    NEAR,
    ScoresOfSplits,
    column_of,
)
from handgrad.tables.reporting.leakage.near_duplicates import nearly_equal
from handgrad.tables.runs.reference_models import boosting_predicts
from handgrad.tables.runs.row_roles import roles_by
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.training_table import TableInMemory
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import Array

MOST_ROWS = 2000  # of both sides
ACCURACY, ERROR = "Accuracy", "Mean absolute error"


def two_splits(
    settings: RunSettings, table: TableInMemory, findings: list[Finding]
) -> dict[str, ScoresOfSplits]:
    """Scores on both splits, by column, for each finding of dependent rows.

    The column "" stands for groups of nearly equal rows.
    """
    measured = dict[str, ScoresOfSplits]()
    for finding in findings:
        try:
            measured[column_of(finding)] = _both(settings, table, _roles_by(table, finding))
        # too few groups or rows of a class for another split
        except (HandgradError, ValueError, SkippedCheckError):
            continue
    return measured


def _roles_by(table: TableInMemory, finding: Finding) -> RowRoles:
    if finding.problem != NEAR:
        return roles_by(table.table, column_of(finding), ordered=finding.problem == IN_TIME)
    codes = nearly_equal(IndexedTable(table.features).columns())
    if codes is None:
        raise SkippedCheckError("no groups of nearly equal rows in the whole table")
    return RowRoles(units=Units(codes))


def _both(settings: RunSettings, table: TableInMemory, roles: RowRoles) -> ScoresOfSplits:
    """Score, metric and interval on both splits of some of the rows."""
    units = cast("Units", roles.units)
    rows = _some(units)
    random = replace(table, rows=rows, roles=RowRoles())
    features = table.features
    if not units.ordered and roles.column in features.column_names:
        features = features.drop_columns([roles.column])
    fitting = replace(random, roles=roles, features=features)
    scores = [_score(settings, side) for side in (random, fitting)]
    (known, _), (new, between) = scores
    return {
        "by": "time" if units.ordered else "group",
        "metric": "accuracy" if table.classes else "mean_absolute_error",
        "random": known,
        "fitting": new,
        "between": None if between is None else [*between],
        "rows": len(rows),
        "groups": len(units.take(rows)),
    }


def _some(units: Units) -> Array:
    """Rows of some groups, or every so many points in time."""
    n_units, n = len(units), len(units.codes)
    if n <= MOST_ROWS:
        return np.arange(n)
    kept = max(2, n_units * MOST_ROWS // n)
    if units.ordered:
        chosen = np.linspace(0, n_units - 1, kept).round().astype(int)
    else:
        chosen = np.random.default_rng(0).permutation(n_units)[:kept]
    return np.flatnonzero(np.isin(units.codes, chosen))


def _score(settings: RunSettings, table: TableInMemory) -> tuple[float, tuple[float, float] | None]:
    """Score of gradient boosting on held-out rows, and its confidence interval."""
    learned, held_out = table.split(settings.test_size, settings.seed)
    y, predicted = boosting_predicts(settings, learned, held_out)
    metric = ACCURACY if table.classes else ERROR
    roles = held_out.row_roles
    units = units_in(roles, losses_of(y, predicted, None, bool(table.classes)))
    sums = cast("Array", sums_of(metric, y, predicted, None, roles.weights))
    return float(sums[:, 0].sum() / sums[:, 1].sum()), interval_of(metric, sums, units)
