"""The diagnosis and the history of an estimator's net."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol, TypeGuard

import numpy as np

from handgrad.base.errors import HandgradError, SettingError, described
from handgrad.doctor import Diagnosis
from handgrad.doctor.diagnose import examined
from handgrad.doctor.patient import Patient
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.reporting.scored_rows import ScoredRows
from handgrad.results import NetRows, Predictor
from handgrad.training import EpochReport, History


class HasNet(Protocol):
    """An estimator that shows its net, and how it was trained."""

    net_: Net

    def training_history(self) -> tuple[History | None, int | None]:
        """The epochs of its fit, if it kept them, and the epoch whose weights it kept, if one."""

    def net_rows(self, X: object, y: Array) -> NetRows:
        """Rows and their targets, numbers or numbers of classes, as `net_` takes them."""


def has_net(estimator: object) -> TypeGuard[HasNet]:
    """Whether an estimator shows its net."""
    return hasattr(estimator, "net_rows")


def parts_of(model: Predictor) -> tuple[Any, Predictor]:
    """The steps before the estimator, or None, and the estimator itself."""
    pipeline: Any = model
    if not hasattr(model, "steps"):
        return None, model
    return (pipeline[:-1] if len(pipeline.steps) > 1 else None), pipeline[-1]


def history_of(model: Predictor, given: object) -> tuple[History | None, int | None]:
    """The history that was given, or that the estimator kept, and which epoch it kept."""
    if given is not None:
        reports = [*given] if isinstance(given, Iterable) else None
        if reports is None or not all(isinstance(report, EpochReport) for report in reports):
            raise SettingError(
                f"history = {described(given)}",
                "a History, or a list of reports",
                "history=model.history_, before it was saved",
            )
        return given if isinstance(given, History) else History(reports), None
    estimator = parts_of(model)[1]
    return estimator.training_history() if has_net(estimator) else (None, None)


def diagnosis_of(
    model: Predictor, history: History | None, held: ScoredRows, training: ScoredRows | None
) -> Diagnosis | str:
    """The diagnosis of the estimator's net, or why there is none."""
    before, estimator = parts_of(model)
    if not has_net(estimator):
        return f"{type(estimator).__name__} has no net that it could look at."
    try:
        tables = [side.table.native() for side in (training, held) if side]
        rows = [
            estimator.net_rows(X if before is None else before.transform(X), side.y)
            for X, side in zip(tables, (training or held, held), strict=False)
        ]
        first, last = rows[0], rows[-1]
        validation = (last.x, last.y) if training else None
        names = first.feature_names or _names(before, held)
        data, loss = (first.x, first.y), first.loss
        patient = Patient(estimator.net_, data, loss, validation=validation, names=names)
        return examined(patient, _looked_at(history), restored=first.keeps_best)
    except (HandgradError, ValueError, TypeError, AttributeError) as error:
        came = error.came if isinstance(error, HandgradError) else str(error).split("\n")[0]
        return f"The net could not be examined: {came}"


def _names(before: Any, side: ScoredRows) -> list[str]:
    """The names of the net's features, if they are known."""
    if before is None:
        return side.table.names
    try:
        return [str(name) for name in before.get_feature_names_out()]
    except (AttributeError, ValueError):
        return []


def _looked_at(history: History | None) -> list[EpochReport]:
    """The reports, without the validation where not every epoch was looked at."""
    reports = [] if history is None else [*history]
    if all(r.validation_loss is None or np.isfinite(r.validation_loss) for r in reports):
        return reports
    return [replace(r, validation_loss=None, validation_metrics={}) for r in reports]
