"""Everything the page is about, gathered before a word of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad import metrics
from handgrad.doctor import Diagnosis
from handgrad.errors import SettingError, described
from handgrad.inspection import partial_dependence, permutation_importance
from handgrad.inspection.patchwork import check_fitted
from handgrad.layers import Array
from handgrad.reporting.checks import Warned, warned
from handgrad.reporting.examination import diagnosis_of, history_of
from handgrad.reporting.judged import Judged, judged
from handgrad.reporting.scores import Score, scores_of_classes, scores_of_numbers
from handgrad.results import PartialDependence, PermutationImportance
from handgrad.tabular.tables import Column
from handgrad.training import History

# So many rows are predicted for all importances together, and so many at most for one column.
ROWS_SHUFFLED, MOST_SHUFFLED, REPEATS = 60_000, 600, 5
# Of more columns those are shuffled that look strongest, seen from a few rows.
MOST_COLUMNS, LIKELY, ROWS_TRIED, CELLS_AT_ONCE = 64, 20, 16, 4_000_000
# Columns that matter less than so much of what the strongest does are not looked at.
MOST_DEPENDENCES, WORTH_A_LOOK = 6, 0.01
ROWS_AVERAGED, VALUES_TRIED = 200, 16


@dataclass
class Evidence:
    """What is known of a model: on rows held out, and on those of its training if they came."""

    model: Any
    classes: tuple[str, ...]
    target: str
    held: Judged
    training: Judged | None
    about: Mapping[str, Any]
    scores: list[Score]
    columns: dict[str, Column]
    importance: PermutationImportance
    dependences: list[PartialDependence]
    history: History | None
    best_epoch: int | None
    diagnosis: Diagnosis | str
    warned: list[Warned]
    notes: list[str] = field(default_factory=list)


def gather(
    model: Any, X: Any, y: Any, training: Any, history: Any, about: Mapping[str, Any] | None
) -> Evidence:
    """Ask the model all there is to ask."""
    check_fitted(model)
    about = _checked_about(about)
    classes = _classes(model)
    held = judged(model, X, y, classes, "X, y")
    pair = _pair(training)
    learned = None if pair is None else judged(model, *pair, classes, "training")
    scores = (
        scores_of_classes(held, learned, classes) if classes else scores_of_numbers(held, learned)
    )
    kept, best = history_of(model, history)
    importance = _importance(model, held)
    dependences = _dependences(model, held, importance)
    evidence = Evidence(
        model,
        classes,
        str(about.get("target") or getattr(y, "name", None) or "the target"),
        held,
        learned,
        about,
        scores,
        held.table.columns(),
        importance,
        dependences,
        kept,
        best,
        diagnosis_of(model, kept, held, learned),
        warned(classes, held, learned, scores, importance.columns),
    )
    evidence.notes += _notes(evidence)
    return evidence


def _checked_about(about: Any) -> Mapping[str, Any]:
    if about is not None and not isinstance(about, Mapping):
        raise SettingError(
            f"about = {described(about)}",
            "a dict of what was run",
            "about={'command': 'python train.py', 'seed': 0}",
        )
    return about or {}


def _classes(model: Any) -> tuple[str, ...]:
    """The names of the classes; none for numbers."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return ()
    if isinstance(classes, list) or _multilabel(model):
        raise SettingError(
            "a model of several answers a row",
            "one class or one number a row",
            "a model and a report for each of them",
        )
    return tuple(str(name) for name in classes)


def _multilabel(model: Any) -> bool:
    binarizer = getattr(model, "_label_binarizer", None)
    return getattr(binarizer, "y_type_", "") == "multilabel-indicator"


def _pair(training: Any) -> tuple[Any, Any] | None:
    if training is None:
        return None
    if not isinstance(training, tuple | list) or len(training) != 2:
        raise SettingError(
            f"training = {described(training)[:80]}",
            "a pair (X, y) of the rows that were learned from",
            "training=(X_train, y_train)",
        )
    return training[0], training[1]


def _importance(model: Any, held: Judged) -> PermutationImportance:
    """By the log loss, or by the root mean squared error, on as many rows as there is time for."""
    names = held.table.names
    columns = names if len(names) <= MOST_COLUMNS else _likely(model, held)
    n = min(len(held), MOST_SHUFFLED, ROWS_SHUFFLED // (len(columns) * REPEATS))
    rows = np.sort(np.random.default_rng(0).permutation(len(held))[:n])
    scoring = _log_loss if held.p is not None else _accuracy if _is_classes(model) else _error
    return permutation_importance(
        model,
        held.table.rows(rows),
        held.y[rows],
        columns=None if columns is names else columns,
        scoring=scoring,
        n_repeats=REPEATS,
        rng=0,
    )


def _likely(model: Any, held: Judged) -> list[str]:
    """Of many columns those that, put in another order in a few rows, change the answers most."""
    names, table = held.table.names, held.table
    rows = np.random.default_rng(0).permutation(len(held))[:ROWS_TRIED]
    usual = _answers(model, held, table.rows(rows))
    at_once = max(1, CELLS_AT_ONCE // (len(rows) * len(names)))
    changes = list[float]()
    for start in range(0, len(names), at_once):
        part = range(start, min(start + at_once, len(names)))
        cells = np.tile(rows[:, None], (len(part), len(names)))
        for i, j in enumerate(part):
            cells[i * len(rows) : (i + 1) * len(rows), j] = np.roll(rows, 1)
        answers = _answers(model, held, table.cells(cells)).reshape(len(part), *usual.shape)
        changes += np.abs(answers - usual).reshape(len(part), -1).mean(axis=1).tolist()
    likely = np.sort(np.argsort(-np.array(changes), kind="stable")[:LIKELY])
    return [names[j] for j in likely]


def _answers(model: Any, held: Judged, table: Any) -> Array:
    """Probabilities, numbers, or a 1 at the class that is said."""
    if held.p is not None:
        return np.asarray(model.predict_proba(table))
    said = np.asarray(model.predict(table))
    return (said[:, None] == model.classes_) * 1.0 if _is_classes(model) else said[:, None]


def _is_classes(model: Any) -> bool:
    return hasattr(model, "classes_")


def _log_loss(model: Any, X: Any, y: Array) -> float:
    return -metrics.log_loss(np.asarray(model.predict_proba(X)), y)


def _accuracy(model: Any, X: Any, y: Array) -> float:
    return float((model.classes_[y] == model.predict(X)).mean())


def _error(model: Any, X: Any, y: Array) -> float:
    return -metrics.root_mean_squared_error(np.asarray(model.predict(X), float).ravel(), y)


_log_loss.__name__ = "log_loss"
_accuracy.__name__ = "accuracy"
_error.__name__ = "root_mean_squared_error"


def _dependences(
    model: Any, held: Judged, importance: PermutationImportance
) -> list[PartialDependence]:
    """Of the columns that matter most, if the model's answers can be averaged."""
    if _is_classes(model) and held.p is None:
        return []
    columns = held.table.columns()
    least = max(0.0, WORTH_A_LOOK * importance.mean.max())
    strong = (importance.mean > least) & (importance.mean > importance.std)
    names = [importance.columns[i] for i in importance.order if strong[i]]
    table = held.table.native()
    tried = {"n_values": VALUES_TRIED, "max_samples": ROWS_AVERAGED, "rng": 0}
    return [
        partial_dependence(model, table, name, **tried)
        for name in names[:MOST_DEPENDENCES]
        if not columns[name].missing.all()
    ]


def _notes(evidence: Evidence) -> list[str]:
    """What was left out, or not all of it used."""
    notes = []
    for side, what in ((evidence.held, "held out"), (evidence.training, "of the training")):
        if side is None:
            continue
        if side.unknown:
            notes.append(
                f"{side.unknown} of the rows {what} are of a class that the model has never seen. "
                "It cannot be right for them; the figures leave them out."
            )
        if len(side) < side.of - side.unknown:
            notes.append(
                f"Of the {side.of:,} rows {what}, {len(side):,} were drawn by chance and judged."
            )
    return notes
