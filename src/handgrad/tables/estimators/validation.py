"""Validation rows of a fit, given or held out, and the net's loss and score on them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.data.validation_rows import parts_of
from handgrad.tables.estimators.base import Base
from handgrad.tables.estimators.fit_state import FitState
from handgrad.tables.estimators.rows import Weighted, predicted, rows_of
from handgrad.textbook.errors import DataError, HandgradError, SettingError, did_you_mean
from handgrad.textbook.kinds import Scores
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import METRICS, OF_PROBABILITIES, smaller_is_better
from handgrad.training import BestWeights
from handgrad.training.metric_functions import takes_weights

LOSS = "loss"


def rows_of_eval_set(m: Base, eval_set: object, rows: Weighted) -> Weighted:
    """Rows of `eval_set`, checked like the training rows and with their class weights."""
    X, y, w = parts_of(eval_set)
    try:
        X, y = m._validate_more(X, y)
        w = None if w is None else _check_sample_weight(w, X)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"eval_set: {error}",
            "rows and targets like the training rows",
            "the same columns, and no class that the training rows lack",
        ) from error
    y = y.reshape(-1, 1) if y.ndim == 1 else y
    if y.shape[1] != rows.y.shape[1]:
        raise DataError(
            f"eval_set with {y.shape[1]} targets a row, beside {rows.y.shape[1]} to fit",
            "as many targets a row",
            "the same columns in both",
        )
    return Weighted(X, y, w, m._weights_of_classes(y, as_in=rows.y))


def split(
    m: Base, state: FitState, rows: Weighted, units: Units | None = None
) -> tuple[Weighted, Weighted]:
    """Split rows into training and validation rows, drawn as in scikit-learn.

    With `units`, whole groups are held out, or the end.
    """
    present = {name: part for name, part in vars(rows).items() if part is not None}
    of_classes = is_classifier(m) and rows.y.shape[1] == 1
    if units is not None:
        alike = np.zeros(len(rows.y), int)
        strata = np.unique(rows.y, return_inverse=True)[1].ravel() if of_classes else alike
        sides = _whole_units(m, state, units, strata)
        fit, held_out = ({n: part[side] for n, part in present.items()} for side in sides)
        return replace(rows, **fit), replace(rows, **held_out)
    parts = train_test_split(
        *present.values(),
        random_state=state.random_state,
        test_size=m.validation_fraction,
        stratify=rows.y if of_classes else None,
    )
    if parts[1].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    fit, held_out = (dict(zip(present, parts[i::2], strict=True)) for i in (0, 1))
    return replace(rows, **fit), replace(rows, **held_out)


def _whole_units(m: Base, state: FitState, units: Units, strata: Array) -> tuple[Array, Array]:
    """Training and validation rows, whole groups or the end."""
    rng = np.random.default_rng(state.random_state.randint(2**31 - 1))
    held = units.held_out(m.validation_fraction, strata, rng)
    if held.sum() < 2:
        what = "points in time" if units.ordered else "groups"
        raise DataError(
            f"{len(units)} {what}, of which none can be held out",
            f"at least two {what}, and two of each class",
            "eval_set=, for validation rows of your own; or early_stopping=False",
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


class Validation:
    """Loss and score of the validation rows, epoch by epoch."""

    def __init__(self, m: Base, state: FitState, rows: Weighted) -> None:
        self.m, self.state, self.rows, self.targets = m, state, rows, m._targets(rows.y)
        self.w = () if rows.in_loss is None else (rows.in_loss.astype(m.net_.dtype),)
        self.score = score_of(m, rows)
        self.sign = -1 if self.score.smaller_is_better else 1  # so that larger is better
        losses, scores = state.validation_loss_curve, state.validation_scores
        if losses is None or scores is None or state.scored_by != self.score.name:
            losses, scores = state.validation_loss_curve, state.validation_scores = [], []
            state.validated_at, state.scored_by = [], self.score.name
            state.best_validation_score = -self.sign * np.inf
        self.losses, self.scores = losses, scores
        self.kept, self.first = BestWeights(m.net_), np.isinf(self.best)

    @property
    def best(self) -> float:
        """Best score so far."""
        return float(self.state.best_validation_score or 0)

    def look(self, z: Array, *, keep: bool) -> bool:
        """Score the outputs `z` after an epoch; True if they are better than the best by `tol`.

        With `keep` the best net is stored. A score may be NaN.
        """
        m, state = self.m, self.state
        with np.errstate(all="ignore"):
            loss = float(m._loss.forward(z, self.targets, *self.w))
            score = self.score.of(m._meaning(z), loss)
        self.losses.append(loss)
        self.scores.append(score)
        state.validated_at.append(len(state.loss_curve))
        now, best = self.sign * score, self.sign * self.best
        if now > best:
            state.best_validation_score = score
            if keep:
                self.kept.note(state.n_iter, [-now])
        return not now < best + m.tol

    def put_back_the_best(self) -> None:
        """Restore the best weights of the net; a warm start without better ones keeps its own."""
        if self.first or self.kept.epochs[0]:
            self.m.net_.load_state(self.kept.weights)

    def latest(self) -> dict[str, Any]:
        """Loss and score of the last epoch, as in reports of trainings."""
        named = {} if self.score.name == LOSS else {self.score.name: self.scores[-1]}
        return {"validation_loss": self.losses[-1], "validation_metrics": named}


@dataclass(frozen=True)
class ScoreFunction:
    """Score of predictions: its name, and whether smaller is better.

    `of` takes the output of the net, after the inverse link, and the loss.
    """

    name: str
    smaller_is_better: bool
    of: Callable[[Array, float], float]


def score_of(m: Base, rows: Weighted) -> ScoreFunction:
    """The score of the estimator's `scoring`, tried once on these rows.

    A name of `hg.metrics` has precedence over the same one of scikit-learn. A function takes
    (estimator, rows, targets), and larger is better.
    """
    scoring = m.scoring
    if scoring is None:
        return ScoreFunction(
            m._usual_metric, False, lambda p, loss: m._usual_score(p, rows.y, rows.w)
        )
    if scoring == LOSS:
        return ScoreFunction(LOSS, True, lambda p, loss: loss)
    names = {metric: name for name, metric in METRICS.items() if scoring in (name, metric)}
    if names:
        ((metric, name),) = names.items()
        if isinstance(m._loss.input_kind, Scores) and name in OF_PROBABILITIES - {"roc_auc"}:
            raise SettingError(
                f"scoring={name!r} with {m._loss!r}, which gives scores, not probabilities",
                "a metric of decisions, or 'roc_auc'",
                "scoring='accuracy'; or loss='log_loss'",
            )
        targets = m._targets(rows.y)
        figure = ScoreFunction(
            name, smaller_is_better(name), lambda p, loss: metric(p, targets, rows.w)
        )
        return _tried(m, rows, figure)
    if isinstance(scoring, str) and scoring not in get_scorer_names():
        names_of_scores = [LOSS, *METRICS, *get_scorer_names()]
        raise SettingError(
            f"scoring={scoring!r}",
            f"'loss', one of {', '.join(METRICS)}, or a name of sklearn.metrics.get_scorer_names()",
            did_you_mean(scoring, names_of_scores, "scoring='loss'"),
        )
    scorer = get_scorer(scoring)
    # a copy with the same net, which does not check the names of columns
    twin, labels = copy.copy(m), m._labels(rows.y)
    twin.__dict__.pop("feature_names_in_", None)
    weights = {"sample_weight": rows.w} if rows.w is not None and takes_weights(scorer) else {}
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))
    figure = ScoreFunction(name, False, lambda p, loss: scorer(twin, rows.X, labels, **weights))
    return _tried(m, rows, figure)


def _tried(m: Base, rows: Weighted, score: ScoreFunction) -> ScoreFunction:
    """The score, after it gave a number for the current net; NaN for non-finite outputs."""

    def of(p: Array, loss: float) -> float:
        return float(score.of(p, loss)) if np.isfinite(p).all() else np.nan

    try:
        with np.errstate(all="ignore"):
            z = predicted(m.net_, rows_of(rows.X, m.net_.dtype), "eager")
            value = of(m._meaning(z), np.nan)
    except HandgradError as error:
        error.where = error.where or f"scoring={score.name!r}"
        raise
    except Exception as error:
        raise SettingError(
            f"scoring={score.name!r} failed on {len(rows.y)} validation rows: "
            f"{type(error).__name__}: {error}",
            "a score that is defined for these rows and this loss",
            f"scoring='loss', or {m._usual_metric!r}",
        ) from error
    if np.isnan(value):
        raise SettingError(
            f"scoring={score.name!r}, which is NaN for the {len(rows.y)} validation rows",
            "a score that is defined for these rows",
            "more rows in eval_set, or a larger validation_fraction, with every class among them",
        )
    return replace(score, of=of)
