"""Scored rows: a model's predictions for rows whose true values are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handgrad.base.errors import DataError, HandgradError, SettingError
from handgrad.data.frames import Column
from handgrad.inspection.importance import checked_target
from handgrad.inspection.models import classes_of, outputs_of
from handgrad.inspection.tables import IndexedTable
from handgrad.layers import Array
from handgrad.results import Predictions, Predictor, is_classifier
from handgrad.tabular.base import refuse_unusable

# More rows than these are not all scored: those drawn tell the same, to a hundredth.
MOST_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class ScoredRows(Predictions):
    """Predictions for the rows of `table`.

    `of` rows were given; `unknown` of them were of a class that the model does not know, and are
    left out.
    """

    table: IndexedTable
    of: int
    unknown: int = 0

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The columns of the table, each read as what it is."""
        return self.table.columns()

    @property
    def one_class(self) -> bool:
        """Whether all rows are of one class."""
        return bool(self.class_names) and len(np.unique(self.y)) == 1


def scored_rows(
    model: Predictor, X: object, y: object, classes: tuple[str, ...], what: str
) -> ScoredRows:
    """The predictions for the rows, or for some drawn among very many."""
    table = IndexedTable(X)
    n = len(table)
    target = checked_target(y, n)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.ndim != 1:
        raise SettingError(
            f"{what}: targets of shape {target.shape}",
            "one class or one number a row",
            "a report for each column of the target",
        )
    refuse_unusable(target)
    places, known = _places(model, target, what)
    kept = np.flatnonzero(known)
    if len(kept) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST_ROWS, replace=False))
    if len(kept) < n:
        X = table.take(kept)
        table = IndexedTable(X)
    predicted, p = _predicted(model, X, classes, what)
    unknown = int((~known).sum())
    return ScoredRows(places[kept], predicted, p, classes, table=table, of=n, unknown=unknown)


def _places(model: Predictor, y: Array, what: str) -> tuple[Array, Array]:
    """The targets as numbers of classes, or as numbers, and which rows the model can know."""
    known = classes_of(model)
    if known is None:
        try:
            return y.astype(float), np.ones(len(y), bool)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{what}: a target of {y[0]!r}", "numbers", "the column it was trained on"
            ) from error
    place = {value: i for i, value in enumerate(known.tolist())}
    places = np.array([place.get(value, -1) for value in y.tolist()], int)
    if (places < 0).all():
        raise DataError(
            f"{what}: not one target is a class of the model; the first is {y[0]!r}",
            f"{', '.join(map(repr, known.tolist()[:8]))}",
            "the column it was trained on, with values of the same type",
        )
    return places, places >= 0


def _predicted(
    model: Predictor, X: object, classes: tuple[str, ...], what: str
) -> tuple[Array, Array | None]:
    try:
        p = outputs_of(model, X)
    except HandgradError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{what}: the model cannot predict these rows: {str(error).splitlines()[0]}",
            "a table with the columns of the training",
            "the table as it was before the split, without the target",
        ) from error
    if not classes:
        return p.reshape(len(p)).astype(float), None
    return p.argmax(axis=1), p if is_classifier(model) else None
