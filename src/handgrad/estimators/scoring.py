"""Scores of the validation rows: a metric, a scorer, or the loss."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from handgrad.base.errors import HandgradError, SettingError, did_you_mean
from handgrad.base.kinds import Scores
from handgrad.estimators.base import Base
from handgrad.estimators.rows import Weighted, predicted, rows_of
from handgrad.layers import Array
from handgrad.metrics.choice import METRICS, OF_PROBABILITIES, smaller_is_better
from handgrad.training.metric_functions import takes_weights

LOSS = "loss"


@dataclass(frozen=True)
class Score:
    """A figure of the predictions for some rows, by name, and which way is better.

    `of` is handed what the net's output says, and the loss of these rows.
    """

    name: str
    smaller_is_better: bool
    of: Callable[[Array, float], float]

    @property
    def sign(self) -> int:
        """The sign that makes more of a figure better."""
        return -1 if self.smaller_is_better else 1


def score_of(m: Base, rows: Weighted) -> Score:
    """The score that the estimator's `scoring` names, tried on these rows once.

    A name of `hg.metrics` comes before one of scikit-learn, where it means the same. A function
    is scikit-learn's: of the estimator, the rows and their targets; more is better.
    """
    given = m.scoring
    if given is None:
        scorer = m._scorer(rows.y, rows.w)
        return Score(m._usual_score, False, lambda p, loss: scorer(p))
    if given == LOSS:
        return Score(LOSS, True, lambda p, loss: loss)
    names = {metric: name for name, metric in METRICS.items() if given in (name, metric)}
    if names:
        ((metric, name),) = names.items()
        if isinstance(m._loss.input_kind, Scores) and name in OF_PROBABILITIES - {"roc_auc"}:
            raise SettingError(
                f"scoring={name!r} with {m._loss!r}, which gives scores and no probabilities",
                "a metric of decisions, or 'roc_auc'",
                "scoring='accuracy'; or loss='log_loss'",
            )
        targets = m._targets(rows.y)
        return _tried(
            m,
            rows,
            Score(name, smaller_is_better(name), lambda p, loss: metric(p, targets, rows.w)),
        )
    if isinstance(given, str) and given not in get_scorer_names():
        known = [LOSS, *METRICS, *get_scorer_names()]
        raise SettingError(
            f"scoring={given!r}",
            f"'loss', one of {', '.join(METRICS)}, or a name of sklearn.metrics.get_scorer_names()",
            did_you_mean(given, known, "scoring='loss'"),
        )
    return _tried(m, rows, _of_scorer(m, given, rows))


def _of_scorer(m: Base, given: str | Callable[..., float], rows: Weighted) -> Score:
    """A scorer of scikit-learn, which asks the estimator itself."""
    scorer = get_scorer(given)
    # a twin with the same net, which does not ask for the names of columns
    twin, labels = copy.copy(m), m._labels(rows.y)
    twin.__dict__.pop("feature_names_in_", None)
    weights = {"sample_weight": rows.w} if rows.w is not None and takes_weights(scorer) else {}
    name = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
    return Score(name, False, lambda p, loss: scorer(twin, rows.X, labels, **weights))


def _tried(m: Base, rows: Weighted, score: Score) -> Score:
    """The score, once it has given a number for the net as it is; of what is not finite, NaN."""

    def of(p: Array, loss: float) -> float:
        return float(score.of(p, loss)) if np.isfinite(p).all() else np.nan

    try:
        with np.errstate(all="ignore"):
            value = of(m._meaning(predicted(m.net_, rows_of(rows.X, m.net_.dtype))), np.nan)
    except HandgradError as error:
        error.where = error.where or f"scoring={score.name!r}"
        raise
    except Exception as error:
        raise SettingError(
            f"scoring={score.name!r} failed on {len(rows.y)} validation rows: "
            f"{type(error).__name__}: {error}",
            "a figure that these rows and this loss have",
            f"scoring='loss', or {m._usual_score!r}",
        ) from error
    if np.isnan(value):
        raise SettingError(
            f"scoring={score.name!r}, which is NaN for the {len(rows.y)} validation rows",
            "a figure that these rows have",
            "more rows in eval_set, or a larger validation_fraction, with every class among them",
        )
    return Score(score.name, score.smaller_is_better, of)
