"""The evidence of a report: everything the page is about, gathered before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from handgrad import metrics
from handgrad.base.errors import SettingError, described
from handgrad.data.frames import Column
from handgrad.doctor import Diagnosis
from handgrad.inspection import partial_dependence, permutation_importance
from handgrad.inspection.models import classes_of, fitted, outputs_of
from handgrad.layers import Array
from handgrad.reporting.checks import Warned, warned
from handgrad.reporting.diagnosis import diagnosis_of, history_of, parts_of
from handgrad.reporting.scored_rows import ScoredRows, scored_rows
from handgrad.reporting.scores import Score, scores_of
from handgrad.results import PartialDependence, PermutationImportance, Predictor, is_classifier
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
    """The facts of a model: on rows held out, and on those of its training if they came."""

    model: Predictor
    target: str
    held: ScoredRows
    training: ScoredRows | None
    about: Mapping[str, object]
    scores: list[Score]
    columns: dict[str, Column]
    importance: PermutationImportance
    dependences: list[PartialDependence]
    history: History | None
    best_epoch: int | None
    diagnosis: Diagnosis | str
    warned: list[Warned]
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; none for numbers."""
        return self.held.class_names

    @property
    def one_class(self) -> bool:
        """Whether all rows held out are of one class."""
        return bool(self.classes) and len(np.unique(self.held.y)) == 1

    @property
    def learned(self) -> ScoredRows:
        """The rows of the training, or where they did not come those held out."""
        return self.training or self.held

    @property
    def most_frequent(self) -> str:
        """The class that most rows were learned of."""
        return self.classes[np.bincount(self.learned.y).argmax()]

    @property
    def strong_columns(self) -> list[str]:
        """The columns worth a look, the strongest first."""
        least = max(0.0, WORTH_A_LOOK * self.importance.mean.max())
        found = self.importance
        return [found.columns[i] for i in found.order if found.mean[i] > least]

    @property
    def best_epochs(self) -> list[int]:
        """The best epoch of each of several nets."""
        return getattr(parts_of(self.model)[1], "best_epochs_", [])


def gather(
    model: object, X: object, y: object, training: object, history: object, about: object
) -> Evidence:
    """Ask the model all there is to ask."""
    model, about = fitted(model), _checked_about(about)
    classes = _class_names(model)
    held = scored_rows(model, X, y, classes, "X, y")
    pair = _pair(training)
    learned = None if pair is None else scored_rows(model, *pair, classes, "training")
    scores = scores_of(held, learned)
    kept, best = history_of(model, history)
    importance = _importance(model, held)
    return Evidence(
        model=model,
        target=str(about.get("target") or getattr(y, "name", None) or "the target"),
        held=held,
        training=learned,
        about=about,
        scores=scores,
        columns=held.table.columns(),
        importance=importance,
        dependences=_dependences(model, held, importance),
        history=kept,
        best_epoch=best,
        diagnosis=diagnosis_of(model, kept, held, learned),
        warned=warned(held, learned, scores, importance.columns),
        notes=[*_notes(held, "held out"), *(_notes(learned, "of the training") if learned else [])],
    )


def _checked_about(about: object) -> Mapping[str, object]:
    if about is not None and not isinstance(about, Mapping):
        raise SettingError(
            f"about = {described(about)}",
            "a dict of what was run",
            "about={'command': 'python train.py', 'seed': 0}",
        )
    return about or {}


def _class_names(model: Predictor) -> tuple[str, ...]:
    """The names of the classes; none for numbers."""
    classes = classes_of(model)
    if classes is None:
        return ()
    kind = getattr(getattr(model, "_label_binarizer", None), "y_type_", "")
    if isinstance(classes, list) or kind == "multilabel-indicator":
        raise SettingError(
            "a model of several answers a row",
            "one class or one number a row",
            "a model and a report for each of them",
        )
    return tuple(str(name) for name in classes)


def _pair(training: object) -> tuple[object, object] | None:
    if training is None:
        return None
    if not isinstance(training, tuple | list) or len(training) != 2:
        raise SettingError(
            f"training = {described(training)[:80]}",
            "a pair (X, y) of the rows that were learned from",
            "training=(X_train, y_train)",
        )
    return training[0], training[1]


def _importance(model: Predictor, held: ScoredRows) -> PermutationImportance:
    """By the log loss, or by the root mean squared error, on as many rows as there is time for."""
    names = held.table.names
    columns = names if len(names) <= MOST_COLUMNS else _likely(model, held)
    n = min(len(held), MOST_SHUFFLED, ROWS_SHUFFLED // (len(columns) * REPEATS))
    rows = np.sort(np.random.default_rng(0).permutation(len(held))[:n])
    scoring = (
        log_loss
        if held.p is not None
        else accuracy
        if held.class_names
        else root_mean_squared_error
    )
    return permutation_importance(
        model,
        held.table.take(rows),
        held.y[rows],
        columns=None if columns is names else columns,
        scoring=scoring,
        n_repeats=REPEATS,
        rng=0,
    )


def _likely(model: Predictor, held: ScoredRows) -> list[str]:
    """Of many columns those that, put in another order in a few rows, change the answers most."""
    names, table = held.table.names, held.table
    rows = np.random.default_rng(0).permutation(len(held))[:ROWS_TRIED]
    usual = outputs_of(model, table.take(rows))
    at_once = max(1, CELLS_AT_ONCE // (len(rows) * len(names)))
    changes = list[float]()
    for start in range(0, len(names), at_once):
        part = range(start, min(start + at_once, len(names)))
        cells = np.tile(rows, (len(part), len(part), 1))
        cells[range(len(part)), range(len(part))] = np.roll(rows, 1)
        moved = {j: cells[i].ravel() for i, j in enumerate(part)}
        answers = outputs_of(model, table.take(np.tile(rows, len(part)), moved))
        off = np.abs(answers.reshape(len(part), *usual.shape) - usual)
        changes += off.reshape(len(part), -1).mean(axis=1).tolist()
    likely = np.sort(np.argsort(-np.array(changes), kind="stable")[:LIKELY])
    return [names[j] for j in likely]


def log_loss(model: Predictor, X: object, y: Array) -> float:
    """Minus the log loss of the rows, `y` numbers of classes."""
    return -metrics.log_loss(outputs_of(model, X), y)


def accuracy(model: Predictor, X: object, y: Array) -> float:
    """The share of the rows that are predicted right, `y` numbers of classes."""
    return float((outputs_of(model, X).argmax(axis=1) == y).mean())


def root_mean_squared_error(model: Predictor, X: object, y: Array) -> float:
    """Minus the root mean squared error of the rows."""
    return -metrics.root_mean_squared_error(outputs_of(model, X).ravel(), y)


def _dependences(
    model: Predictor, held: ScoredRows, importance: PermutationImportance
) -> list[PartialDependence]:
    """Of the columns that matter most, if the model's answers can be averaged."""
    if held.class_names and not is_classifier(model):
        return []
    columns = held.table.columns()
    least = max(0.0, WORTH_A_LOOK * importance.mean.max())
    strong = (importance.mean > least) & (importance.mean > importance.std)
    names = [importance.columns[i] for i in importance.order if strong[i]]
    table = held.table.native()
    return [
        partial_dependence(
            model, table, name, n_values=VALUES_TRIED, max_samples=ROWS_AVERAGED, rng=0
        )
        for name in names[:MOST_DEPENDENCES]
        if not columns[name].missing.all()
    ]


def _notes(side: ScoredRows, what: str) -> list[str]:
    """Notes on rows that were left out, or not all used."""
    notes = []
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
