"""Evidence of a report: facts of a model, collected before the page is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np

from handgrad.check.doctor import Diagnosis, Finding
from handgrad.check.doctor.diagnose import examined, reports_of
from handgrad.check.doctor.patient import Patient
from handgrad.tables.data.dependent_rows import RowRoles
from handgrad.tables.inspection import partial_dependence
from handgrad.tables.inspection.coverage import (
    Coverage,
    QuantileRecord,
    coverage_of,
    quantiles_of,
)
from handgrad.tables.inspection.tables import IndexedTable, fitted
from handgrad.tables.reporting.checklist import checks_of_net
from handgrad.tables.reporting.checks import check_epochs, check_rows
from handgrad.tables.reporting.groups import RowGroups, groups_in
from handgrad.tables.reporting.importance import importance_of
from handgrad.tables.reporting.leakage.copied_pictures import COPIES, copied_pictures
from handgrad.tables.reporting.leakage.dependent_rows import (
    DEPENDENT,
    IN_TIME,
    ScoresOfSplits,
    Sides,
    column_of,
    with_both_scores,
)
from handgrad.tables.reporting.scores import NO_ROLES, ScoredRows, scored_rows, scores_of
from handgrad.tables.tabular.base import values_of
from handgrad.textbook.errors import HandgradError, SettingError, described
from handgrad.textbook.layers import Reshape
from handgrad.training import History
from handgrad.training.results import (
    HasNet,
    PartialDependence,
    PermutationImportance,
    Predictor,
    is_classifier,
)

if TYPE_CHECKING:
    from handgrad.tables.reporting.pictures import PictureRows

# Importance below which a column is skipped, as a fraction of the largest importance.
MOST_DEPENDENCES, LEAST_IMPORTANCE = 6, 0.01
ROWS_AVERAGED, VALUES_TRIED = 200, 16


@runtime_checkable
class KeepsHistory(HasNet, Protocol):
    """An estimator with an accessible net and training history."""

    def training_history(self) -> tuple[History | None, int | None]:
        """Training history, and the epoch whose weights it has, if any."""


class Evidence:
    """Facts of a model on `held`-out rows, and on its `training` rows if given.

    `learned` are the training rows, or else the held-out rows; `classes` are class names, empty
    for regression, with the `most_frequent` one; of two, one is `positive`. `beside` are tables
    of the columns that are not features, for held-out and training rows; `roles` are the
    groups, times and weights of both; `files` are the names of the files of pictures.
    `diagnosis` is the reason if there is none; `findings` are those on the rows and then those
    on the net and its training. `record` is that of the run, if there is one, and `places` those
    of the held-out rows in their files. Everything else is computed on first use.
    """

    record: Mapping[str, Any] = MappingProxyType({})
    places: Sequence[str] = ()

    def __init__(
        self,
        model: object,
        X: object,
        y: object,
        training: object,
        history: object,
        about: object,
        beside: tuple[object, object] | None = None,
        roles: tuple[RowRoles, RowRoles] = (NO_ROLES, NO_ROLES),
        files: tuple[Sequence[str], Sequence[str]] = ((), ()),
    ) -> None:
        self.model = fitted(model)
        if about is not None and not isinstance(about, Mapping):
            raise SettingError(
                f"about = {described(about)}",
                "a dict with facts of the run",
                "about={'command': 'python train.py', 'seed': 0}",
            )
        self.about: Mapping[str, object] = about or {}
        self.before, self.estimator = parts_of(self.model)
        self.classes = _class_names(self.model)
        self.target = str(self.about.get("target") or getattr(y, "name", None) or "the target")
        self.held = scored_rows(self.model, X, y, self.classes, "X, y", roles[0])
        self.training: ScoredRows | None = None
        sides: Sides | None = None
        self.shape = picture_shape(self.before, self.estimator) if self.classes else None
        if isinstance(training, tuple | list) and len(training) == 2:
            rows = training[0], training[1]
            self.training = scored_rows(self.model, *rows, self.classes, "training", roles[1])
            if self.shape is None:
                both_sides = (X, rows[0]), (y, rows[1]), beside
                sides = _sides(*both_sides, of_classes=bool(self.classes))
        elif training is not None:
            raise SettingError(
                f"training = {described(training)[:80]}",
                "a pair (X, y) of the training rows",
                "training=(X_train, y_train)",
            )
        self.learned = self.training or self.held
        counts = np.bincount(self.learned.y) if self.classes else np.zeros(0)
        self.most_frequent = self.classes and self.classes[counts.argmax()]
        self.scores = scores_of(self.held, self.training)
        self.history, self.best_epoch = history_of(self.estimator, history)
        self._make_checks(sides, files)

    def _make_checks(self, sides: Sides | None, files: tuple[Sequence[str], Sequence[str]]) -> None:
        """Check the rows, the net and its training."""
        names = [] if self.shape else self.held.table.names
        listed = check_rows(self.held, self.training, self.scores, names, sides, self.target)
        pictures = self.held, self.training, self.shape, files
        listed.make(COPIES, lambda: copied_pictures(*pictures))
        self.warned = listed.findings
        both = [side for side in (self.training, self.held) if side]
        self.diagnosis = diagnosis_of(self.before, self.estimator, self.history, both)
        findings = self.diagnosis.findings if isinstance(self.diagnosis, Diagnosis) else ()
        best_epochs = self.best_epochs or self._last_epoch
        training = check_epochs(self.history, best_epochs)
        of_net = checks_of_net(self.diagnosis, keeps_best=bool(best_epochs))
        self.checks = [*listed.checks, *of_net, *training.checks]
        # the checks of the rows report missed classes, with their names
        of_net_found = [f for f in findings if f.problem != "class imbalance"]
        self.findings = [*self.warned, *of_net_found, *training.findings]

    @property
    def kind(self) -> str:
        """Kind of the target without classes, in words."""
        return "a time, some of which are censored" if self.held.censored else "a number"

    @property
    def dependent(self) -> list[Finding]:
        """Findings of held-out rows that depend on training rows."""
        return [finding for finding in self.warned if finding.problem in DEPENDENT]

    def state(self, measured: Mapping[str, ScoresOfSplits]) -> None:
        """State in the findings the scores on two splits, by column; "" for near-duplicate rows."""
        before = {id(f): f for f in self.dependent if column_of(f) in measured}
        both = {k: with_both_scores(f, measured[column_of(f)]) for k, f in before.items()}
        self.warned = [both.get(id(finding), finding) for finding in self.warned]
        self.findings = [both.get(id(finding), finding) for finding in self.findings]

    @property
    def independent(self) -> bool:
        """True if no check found that held-out rows depend on training rows."""
        return not self.dependent

    @property
    def by_units(self) -> str:
        """Independent units of the confidence intervals, in words; '' if they are rows."""
        units, column = self.held.roles.units, self.held.roles.column
        if units is None or self.held.units is None:
            return ""
        n = int(self.held.units.max()) + 1
        return f", from {n} {f'blocks of {column}' if units.ordered else f'values of {column}'}"

    @property
    def intervals(self) -> dict[str, object]:
        """95 % confidence intervals of the scores, for records; none if rows are dependent."""
        known = {score.key: [*score.between] for score in self.scores if score.between}
        of = self.by_units.removeprefix(", from ") or "rows"
        return {"of": of, "scores": known} if self.independent else {}

    @property
    def positive(self) -> int | None:
        """The positive class of two, by name or the model; else the rarer, or the second one."""
        if len(self.classes) != 2:
            return None
        if (named := self.about.get("positive")) in self.classes:
            return self.classes.index(str(named))
        if (own := getattr(self.estimator, "positive_", None)) is not None:
            return int(own)
        first, second = np.bincount(self.learned.y, minlength=2)
        return int(second <= first)

    @property
    def why_positive(self) -> str:
        """Reason for the positive class of two."""
        k = self.positive
        if k is None:
            return ""
        counts = np.bincount(self.learned.y, minlength=2)
        if counts[0] == counts[1]:
            second = "the second in order, since both are equally frequent"
            return second if k == 1 else "as asked for"
        return "the rarer one" if counts[k] < counts[1 - k] else "as asked for"

    @property
    def threshold(self) -> float | None:
        """Threshold of the positive class, if the model has one."""
        return getattr(self.estimator, "threshold_", None)

    @property
    def best_epochs(self) -> list[int]:
        """Best epochs whose weights the nets have; empty without selection."""
        several = [*getattr(self.estimator, "best_epochs_", ())]
        return several or ([] if self.best_epoch is None else [self.best_epoch])

    @property
    def _last_epoch(self) -> list[int]:
        """The last epoch, if the estimator uses early stopping but does not record the best one."""
        keeps = getattr(self.estimator, "early_stopping", False)
        return [len(self.history)] if keeps and self.history else []

    @cached_property
    def pictures(self) -> PictureRows | None:
        """The rows as pictures, if the input of the net are pictures; else None."""
        if self.shape is None:
            return None
        from handgrad.tables.reporting.pictures import PictureRows

        return PictureRows(cast("HasNet", self.estimator), self.held, self.learned, self.shape)

    @cached_property
    def groups(self) -> RowGroups:
        """Scores by group of a column; none of pictures, and none if rows are in groups."""
        in_groups = any(finding.problem != IN_TIME for finding in self.dependent)
        return RowGroups({} if self.shape or in_groups else groups_in(self.held))

    @cached_property
    def coverage(self) -> Coverage | None:
        """Coverage of the intervals or sets of classes, on the held-out rows."""
        return coverage_of(self.model, self.held.table.native(), self.held.y, self.classes)

    @cached_property
    def quantiles(self) -> list[QuantileRecord]:
        """Record of each quantile on the held-out rows; none without quantiles."""
        return quantiles_of(self.model, self.held.table.native(), self.held.y)

    @cached_property
    def importance(self) -> PermutationImportance | None:
        """Permutation importance, of some of very many columns; None for pictures."""
        return None if self.shape else importance_of(self.model, self.held)

    @property
    def strong_columns(self) -> list[str]:
        """Important columns, the most important first."""
        importance = self.importance
        return [] if importance is None else [importance.columns[i] for i in _strong(importance)]

    @cached_property
    def dependences(self) -> list[PartialDependence]:
        """Partial dependences on important columns; of two classes for the positive one."""
        result = self.importance
        if result is None:
            return []
        sure = [result.columns[i] for i in _strong(result) if result.mean[i] > result.std[i]]
        dependences = _dependences(self.model, self.held, sure[:MOST_DEPENDENCES])
        k = self.positive
        if k is None:
            return dependences
        return [
            replace(one, outputs=(one.outputs[k],), average=one.average[:, [k]])
            for one in dependences
        ]


def _strong(result: PermutationImportance) -> list[int]:
    least = max(0.0, LEAST_IMPORTANCE * result.mean.max())
    return [i for i in result.order if result.mean[i] > least]


def _sides(
    X: tuple[object, object],
    y: tuple[object, object],
    beside: tuple[object, object] | None,
    *,
    of_classes: bool,
) -> Sides:
    """Held-out and training rows, with targets as class indices or as numbers."""
    held, learned = (np.asarray(values_of(side)).ravel() for side in y)
    both = np.concatenate([held, learned])
    codes = np.unique(both, return_inverse=True)[1] if of_classes else both.astype(float)
    targets = codes[: len(held)], codes[len(held) :]
    others = None if beside is None else (IndexedTable(beside[0]), IndexedTable(beside[1]))
    return Sides((IndexedTable(X[0]), IndexedTable(X[1])), targets, others)


def _class_names(model: Predictor) -> tuple[str, ...]:
    classes = getattr(model, "classes_", None)
    if classes is None:
        return ()
    kind = getattr(getattr(model, "_label_binarizer", None), "y_type_", "")
    if isinstance(classes, list) or kind == "multilabel-indicator":
        raise SettingError(
            "a model with several outputs per row",
            "one class or one number per row",
            "a model and a report for each of them",
        )
    return tuple(str(name) for name in classes)


def _dependences(model: Predictor, held: ScoredRows, names: list[str]) -> list[PartialDependence]:
    """Partial dependences, if the predictions can be averaged."""
    if held.class_names and not is_classifier(model):
        return []
    how = {"n_values": VALUES_TRIED, "max_samples": ROWS_AVERAGED, "rng": 0}
    table, columns = held.table.native(), held.columns
    there = (name for name in names if not columns[name].missing.all())
    return [partial_dependence(model, table, name, **how) for name in there]


def parts_of(model: Predictor) -> tuple[Any, Predictor]:
    """Steps before the estimator, or None, and the estimator."""
    pipeline: Any = model
    if not hasattr(model, "steps"):
        return None, model
    return (pipeline[:-1] if len(pipeline.steps) > 1 else None), pipeline[-1]


def history_of(estimator: Predictor, history: object) -> tuple[History | None, int | None]:
    """Training history, the given one or that of the estimator, and its best epoch."""
    if history is not None:
        reports = reports_of(history, "history=model.history_, before it was saved")
        return history if isinstance(history, History) else History(reports), None
    return estimator.training_history() if isinstance(estimator, KeepsHistory) else (None, None)


def diagnosis_of(
    before: Any, estimator: Predictor, history: History | None, sides: Sequence[ScoredRows]
) -> Diagnosis | str:
    """Diagnosis of the estimator's net, or the reason why there is none.

    The first of two `sides` are the training rows.
    """
    if not isinstance(estimator, KeepsHistory):
        return f"{type(estimator).__name__} has no net to examine."
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
        patient = Patient(estimator.net_, data, names, loss=loss, validation=validation)
        reports = [*(history or ())]
        if not all(r.validation_loss is None or np.isfinite(r.validation_loss) for r in reports):
            # validation was not computed in every epoch
            reports = [replace(r, validation_loss=None, validation_metrics={}) for r in reports]
        return examined(patient, reports, restored=first.keeps_best)
    except (ValueError, TypeError, AttributeError) as error:
        came = error.came if isinstance(error, HandgradError) else str(error).split("\n")[0]
        return f"The net could not be examined: {came}"


def picture_shape(before: object, estimator: Predictor) -> tuple[int, int, int] | None:
    """Shape (channels, height, width) of the pictures that a net reshapes its inputs to, if any."""
    if before is not None or not isinstance(estimator, HasNet):
        return None
    first = estimator.net_.layers[0] if estimator.net_.layers else None
    if not isinstance(first, Reshape) or len(first.shape) != 3 or first.shape[0] not in (1, 3):
        return None
    channels, height, width = map(int, first.shape)
    return channels, height, width
