"""What the doctor and the history say of an estimator's net."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.doctor import Diagnosis
from handgrad.doctor.diagnose import examined
from handgrad.doctor.patient import Patient
from handgrad.errors import HandgradError, SettingError, described
from handgrad.estimators.perceptron import Perceptron
from handgrad.layers import Array
from handgrad.losses import EnsembleCrossEntropyLoss, Loss, MSELoss
from handgrad.reporting.judged import Judged
from handgrad.tabular.base import Tabular
from handgrad.training import EpochReport, History


def parts_of(model: Any) -> tuple[Any, Any]:
    """What comes before the estimator, or None, and the estimator itself."""
    if hasattr(model, "steps"):
        return (model[:-1] if len(model.steps) > 1 else None), model[-1]
    return None, model


def history_of(model: Any, given: Any) -> tuple[History | None, int | None]:
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
    if isinstance(estimator, Perceptron) and hasattr(estimator, "loss_curve_"):
        history, _, best = estimator._history()
        return history, best
    return getattr(estimator, "history_", None), None


def diagnosis_of(
    model: Any, history: History | None, held: Judged, training: Judged | None
) -> Diagnosis | str:
    """What the doctor finds in the estimator's net, or why it could not be examined."""
    before, estimator = parts_of(model)
    try:
        sides = [
            None if side is None else _as_the_net_takes_it(before, estimator, side)
            for side in (training or held, held if training else None)
        ]
        data, validation = sides
        if data is None:
            return f"{type(estimator).__name__} has no net that it could look at."
        names = _names(before, estimator, held)
        given: Any = {"validation": validation or None, "names": names}
        patient = Patient(estimator.net_, data, _loss(estimator), **given)
        restored = isinstance(estimator, Tabular) or bool(estimator.early_stopping)
        return examined(patient, _looked_at(history), restored=restored)
    except (HandgradError, ValueError, TypeError, AttributeError) as error:
        came = error.came if isinstance(error, HandgradError) else str(error).split("\n")[0]
        return f"The net could not be examined: {came}"


def _as_the_net_takes_it(before: Any, estimator: Any, side: Judged) -> tuple[Array, Array] | None:
    """Inputs and targets of the net itself."""
    X = side.table.native()
    X = X if before is None else before.transform(X)
    if isinstance(estimator, Tabular):
        members = len(estimator.best_epochs_)
        x = estimator.features_.encoded(estimator._table(X, reset=False))
        return np.tile(x, (1, members)), np.tile(_tabular_targets(estimator, side.y), (1, members))
    if isinstance(estimator, Perceptron):
        x = np.asarray(X.toarray() if hasattr(X, "toarray") else X, float)
        of_classes = estimator._loss.target_kind.indices
        return x, side.y if of_classes else side.y[:, None].astype(float)
    return None


def _names(before: Any, estimator: Any, side: Judged) -> list[str]:
    """What the features of the net are called, if that is known."""
    if isinstance(estimator, Tabular):
        return estimator.features_.names() * len(estimator.best_epochs_)
    if before is None:
        return side.table.names
    try:
        return [str(name) for name in before.get_feature_names_out()]
    except (AttributeError, ValueError):
        return []


def _tabular_targets(estimator: Any, y: Array) -> Array:
    if hasattr(estimator, "classes_"):
        return np.eye(len(estimator.classes_))[y]
    center, spread, *_ = estimator.target_
    return ((y - center) / spread)[:, None]


def _loss(estimator: Any) -> Loss:
    if isinstance(estimator, Perceptron):
        return estimator._loss
    members = len(estimator.best_epochs_)
    return EnsembleCrossEntropyLoss(members) if hasattr(estimator, "classes_") else MSELoss()


def _looked_at(history: History | None) -> list[EpochReport]:
    """The reports, without the validation where not every epoch was looked at."""
    reports = [] if history is None else [*history]
    if all(r.validation_loss is None or np.isfinite(r.validation_loss) for r in reports):
        return reports
    return [replace(r, validation_loss=None, validation_metrics={}) for r in reports]
