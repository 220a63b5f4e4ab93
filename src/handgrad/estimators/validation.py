"""Validation rows of a fit: their choice, and the net's loss and score on them."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from handgrad.base.errors import DataError, described
from handgrad.estimators.base import Base
from handgrad.estimators.engines import Job
from handgrad.estimators.rows import Weighted
from handgrad.estimators.scoring import LOSS, Score, score_of
from handgrad.layers import Array
from handgrad.training import BestWeights, EpochReport
from handgrad.training.sample_weights import pair_and_weights


def rows_of_eval_set(m: Base, eval_set: object, rows: Weighted) -> Weighted:
    """The rows of `eval_set`, checked as those to fit are; their classes weigh as there."""
    X, y, w = _parts(eval_set)
    try:
        X, y = m._validate_more(X, y)
        w = None if w is None else _check_sample_weight(w, X)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"eval_set: {error}",
            "rows and targets like those to fit",
            "the same columns, and no class that the rows to fit have not",
        ) from error
    y = y.reshape(-1, 1) if y.ndim == 1 else y
    if y.shape[1] != rows.y.shape[1]:
        raise DataError(
            f"eval_set with {y.shape[1]} targets a row, beside {rows.y.shape[1]} to fit",
            "as many targets a row",
            "the same columns in both",
        )
    return Weighted(X, y, w, m._weights_of_classes(y, as_in=rows.y))


def _parts(eval_set: object) -> tuple[object, object, object]:
    """Rows, targets and weights, or None; from a list of one such set as from the set itself."""
    sets: list[Any] = [eval_set]
    if isinstance(eval_set, list) and eval_set and isinstance(eval_set[0], tuple):
        sets = eval_set
    try:
        (given,) = sets  # a list, as XGBoost and LightGBM take it
        (X, y), w = pair_and_weights(given)
    except (TypeError, ValueError):
        came = described(eval_set)
        if isinstance(eval_set, list | tuple):
            came = f"{len(sets)} sets" if len(sets) > 1 else f"{len(sets[0])} parts"
        raise DataError(
            f"eval_set: {came}",
            "one pair (X, y), or (X, y, sample_weight)",
            "model.fit(X, y, eval_set=(X_val, y_val))",
        ) from None
    return X, y, w


def split(m: Base, rows: Weighted) -> tuple[Weighted, Weighted]:
    """Rows to fit and rows to score, drawn as scikit-learn draws them."""
    present = {name: part for name, part in vars(rows).items() if part is not None}
    parts = train_test_split(
        *present.values(),
        random_state=m._random_state,
        test_size=m.validation_fraction,
        stratify=m._strata(rows.y),
    )
    if parts[1].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    fit, held_out = (dict(zip(present, parts[i::2], strict=True)) for i in (0, 1))
    return replace(rows, **fit), replace(rows, **held_out)


class Validation:
    """The loss and the score of the validation rows, epoch by epoch."""

    def __init__(self, m: Base, rows: Weighted, job: Job) -> None:
        self.m, self.job, self.targets = m, job, m._targets(rows.y)
        self.w = () if rows.in_loss is None else (rows.in_loss.astype(m.net_.dtype),)
        self.score: Score = score_of(m, rows)
        losses, scores, best = (
            m.validation_loss_curve_,
            m.validation_scores_,
            m.best_validation_score_,
        )
        if losses is None or scores is None or best is None or m._scored_by != self.score.name:
            losses, scores, best = [], [], -self.score.sign * np.inf
            m._validated_at, m._scored_by = [], self.score.name
        self.losses, self.scores, self.best = losses, scores, best
        self.kept, self.first = BestWeights(m.net_), np.isinf(best)
        m.validation_loss_curve_, m.validation_scores_ = losses, scores
        m.best_validation_score_ = best

    def look(self, z: Array) -> float:
        """The score of the outputs `z` after an epoch; the score is noted once it is compared."""
        with np.errstate(all="ignore"):
            loss = float(self.job.config.loss.forward(z, self.targets, *self.w))
            self.losses.append(loss)
            return self.score.of(self.m._meaning(z), loss)

    def compare(self, score: float, *, keep: bool) -> bool:
        """Whether a score is better by `tol` than the best before; the best net is kept, if asked.

        A score may be NaN.
        """
        m = self.m
        self.scores.append(score)
        m._validated_at.append(len(m.loss_curve_))
        now, best = self.score.sign * score, self.score.sign * self.best
        if now > best:
            self.best = m.best_validation_score_ = score
            if keep:
                self.kept.note(m.n_iter_, [-now])
        return not now < best + m.tol

    def put_back_the_best(self) -> None:
        """Give the net its best weights; a warm start that finds no better ones keeps its own."""
        if self.first or self.kept.epochs[0]:
            self.m.net_.load_state(self.kept.weights)

    def report_of(self, epoch: int, loss: float, n: int, seconds: float) -> EpochReport:
        """The epoch that has just ended, as trainings report it."""
        name = self.score.name
        scores = {} if name == LOSS else {name: self.scores[-1]}
        return EpochReport(epoch, loss, {}, self.losses[-1], scores, rows=n, seconds=seconds)
