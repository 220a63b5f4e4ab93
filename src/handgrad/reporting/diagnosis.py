"""The diagnosis and the history of an estimator's net."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from handgrad.base.errors import HandgradError
from handgrad.doctor import Diagnosis
from handgrad.doctor.diagnose import examined, reports_of
from handgrad.doctor.patient import Patient
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.reporting.scored_rows import ScoredRows
from handgrad.results import NetRows, Predictor
from handgrad.training import EpochReport, History


@runtime_checkable
class HasNet(Protocol):
    """An estimator that shows its net, and how it was trained."""

    net_: Net

    def training_history(self) -> tuple[History | None, int | None]:
        """The epochs of its fit, if it kept them, and the epoch whose weights it kept, if one."""

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""


def parts_of(model: Predictor) -> tuple[Any, Predictor]:
    """The steps before the estimator, or None, and the estimator itself."""
    pipeline: Any = model
    if not hasattr(model, "steps"):
        return None, model
    return (pipeline[:-1] if len(pipeline.steps) > 1 else None), pipeline[-1]


def history_of(estimator: Predictor, given: object) -> tuple[History | None, int | None]:
    """The history that was given, or that the estimator kept, and which epoch it kept."""
    if given is not None:
        reports = reports_of(given, "history=model.history_, before it was saved")
        return given if isinstance(given, History) else History(reports), None
    return estimator.training_history() if isinstance(estimator, HasNet) else (None, None)


def diagnosis_of(
    before: Any, estimator: Predictor, history: History | None, sides: Sequence[ScoredRows]
) -> Diagnosis | str:
    """The diagnosis of the estimator's net, or why there is none.

    The first of the `sides` was learned from, unless it is the only one.
    """
    if not isinstance(estimator, HasNet):
        return f"{type(estimator).__name__} has no net that it could look at."
    try:
        tables = [side.table.native() for side in sides]
        first, *others = (
            estimator.net_rows(table if before is None else before.transform(table), side.y)
            for table, side in zip(tables, sides, strict=True)
        )
        validation = (others[0].x, others[0].y) if others else None
        names = first.feature_names or ([] if before else sides[0].table.names)
        if not names:
            with suppress(AttributeError, ValueError):
                names = [str(name) for name in before.get_feature_names_out()]
        data, loss = (first.x, first.y), first.loss
        patient = Patient(estimator.net_, data, loss, validation=validation, names=names)
        return examined(patient, _looked_at(history), restored=first.keeps_best)
    except (ValueError, TypeError, AttributeError) as error:
        came = error.came if isinstance(error, HandgradError) else str(error).split("\n")[0]
        return f"The net could not be examined: {came}"


def _looked_at(history: History | None) -> list[EpochReport]:
    """The reports, without the validation where not every epoch was looked at."""
    reports = [] if history is None else [*history]
    if all(r.validation_loss is None or np.isfinite(r.validation_loss) for r in reports):
        return reports
    return [replace(r, validation_loss=None, validation_metrics={}) for r in reports]
