"""Scores of a small model on a random split, and on one for new groups or later rows."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checklist import SkippedCheckError
from handgrad.tables.reporting.leakage.dependent_rows import (
    IN_TIME,
    NEAR,
    ScoresOfSplits,
    column_of,
)
from handgrad.tables.reporting.leakage.near_duplicates import nearly_equal
from handgrad.tables.reporting.scores import scored_rows, scores_of
from handgrad.tables.runs.row_roles import roles_by
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.training_table import TableInMemory
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.layers import Array

# Nets of the small model, and most rows of both sides.
NETS, MOST_ROWS = 2, 2000


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
    (metric, known, _), (_, new, between) = scores
    return {
        "by": "time" if units.ordered else "group",
        "metric": metric,
        "random": known,
        "fitting": new,
        "between": None if between is None else [*between],
        "rows": len(rows),
        "groups": len(units.take(rows)),
        "nets": NETS,
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


def _score(
    settings: RunSettings, table: TableInMemory
) -> tuple[str, float, tuple[float, float] | None]:
    """First score of the small model on held-out rows, and its confidence interval."""
    from handgrad.tables.tabular import TabularClassifier, TabularRegressor

    learned, held_out = table.split(settings.test_size, settings.seed)
    kind = TabularClassifier if table.classes else TabularRegressor
    model = kind(NETS, epochs=settings.epochs, engine=settings.engine, random_state=settings.seed)
    (X, y), roles = learned.to_learn(), learned.row_roles
    how = {}
    if roles.units is not None:
        how["time" if roles.units.ordered else "groups"] = roles.units.codes
    model.fit(X, y, **how)
    classes = tuple(map(str, getattr(model, "classes_", ())))
    with no_unseen_warnings():
        sides = [
            scored_rows(model, *side.to_evaluate(), classes, "rows", side.row_roles)
            for side in (held_out, learned)
        ]
    score = scores_of(sides[0], sides[1])[0]  # accuracy, or mean absolute error
    return score.key, float(score.held or 0.0), score.between
