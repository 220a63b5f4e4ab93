"""A model's answers for rows whose true values are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.errors import DataError, HandgradError, SettingError
from handgrad.inspection.importance import checked_target
from handgrad.inspection.patchwork import Patchwork
from handgrad.layers import Array
from handgrad.tabular.base import refuse_unusable

# More rows than these are not all judged: those drawn tell the same, to a hundredth.
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Judged:
    """Rows `table`, true values `y` and answers `said`, (n,): numbers of classes, or numbers.

    `p` (n, n_classes) are the probabilities, where the model gives them. `of` rows were given;
    `unknown` of them were of a class that the model does not know, and are left out.
    """

    table: Patchwork
    y: Array
    said: Array
    p: Array | None
    of: int
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.y)


def judged(model: Any, X: Any, y: Any, classes: tuple[str, ...], what: str) -> Judged:
    """What the model says of the rows, or of some drawn among very many."""
    table = Patchwork(X)
    n = len(table)
    y = checked_target(y, n)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise SettingError(
            f"{what}: targets of shape {y.shape}",
            "one class or one number a row",
            "a report for each column of the target",
        )
    refuse_unusable(y)
    places, known = _places(model, y, classes, what)
    kept = np.flatnonzero(known)
    if len(kept) > MOST_ROWS:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST_ROWS, replace=False))
    if len(kept) < n:
        X = table.rows(kept)
        table = Patchwork(X)
    said, p = _asked(model, X, classes, what)
    return Judged(table, places[kept], said, p, n, int((~known).sum()))


def _places(model: Any, y: Array, classes: tuple[str, ...], what: str) -> tuple[Array, Array]:
    """The targets as numbers of classes, or as numbers, and which rows the model can know."""
    if not classes:
        try:
            return y.astype(float), np.ones(len(y), bool)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{what}: a target of {y[0]!r}", "numbers", "the column it was trained on"
            ) from error
    place = {value: i for i, value in enumerate(model.classes_.tolist())}
    places = np.array([place.get(value, -1) for value in y.tolist()], int)
    if (places < 0).all():
        raise DataError(
            f"{what}: not one target is a class of the model; the first is {y[0]!r}",
            f"{', '.join(map(repr, model.classes_.tolist()[:8]))}",
            "the column it was trained on, with values of the same type",
        )
    return places, places >= 0


def _asked(model: Any, X: Any, classes: tuple[str, ...], what: str) -> tuple[Array, Array | None]:
    try:
        if not classes:
            said = np.asarray(model.predict(X), float)
            return said.reshape(len(said)), None
        if hasattr(model, "predict_proba"):
            p = np.asarray(model.predict_proba(X), float)
            return p.argmax(axis=1), p
        place = {value: i for i, value in enumerate(model.classes_.tolist())}
        return np.array([place[value] for value in np.asarray(model.predict(X)).tolist()]), None
    except HandgradError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise DataError(
            f"{what}: the model cannot predict these rows: {str(error).splitlines()[0]}",
            "a table with the columns of the training",
            "the table as it was before the split, without the target",
        ) from error
