"""Scores of predictions by name or by scikit-learn's scorers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from handgrad.tables.data.table_options import option
from handgrad.tables.tabular.censored import CENSORED_ERROR
from handgrad.tables.tabular.decisions import decided
from handgrad.tables.tabular.deviances import OF_METRIC, mean_deviance
from handgrad.textbook.errors import HandgradError, SettingError, did_you_mean
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import METRICS, OF_PROBABILITIES, smaller_is_better

# A name of hg.metrics or of scikit-learn, or a function of (estimator, X, y): larger is better.
Scoring = str | Callable[..., float]


class PredictedClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier whose rows are the probabilities of its classes, (n, n_classes).

    The predicted class has the largest ratio to its own of the `thresholds`, if there are any.
    """

    def __init__(self, classes: Array, thresholds: Array | None = None) -> None:
        self.classes_, self.thresholds = classes, thresholds

    def predict_proba(self, X: Array) -> Array:
        """Return the rows."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the class of each row."""
        return np.asarray(self.classes_[decided(X, self.thresholds).argmax(axis=1)])


class PredictedNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regressor whose rows are its predictions, (n,)."""

    fitted_ = True

    def predict(self, X: Array) -> Array:
        """Return the rows."""
        return X


def refuse_unknown(scoring: object, usual: tuple[str, ...]) -> None:
    """Raise an error for an unknown metric."""
    names = [*usual, *METRICS, *get_scorer_names()]
    if callable(scoring) or scoring in names:
        return
    raise SettingError(
        f"metric={scoring!r}",
        f"one of {', '.join(usual)}, a metric of hg.metrics, a scorer of scikit-learn, or a "
        "function of (estimator, X, y)",
        did_you_mean(str(scoring), names, f"metric={usual[0]!r}"),
    )


def name_of(scoring: Scoring) -> str:
    """Name of a metric or a scorer."""
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))


def lower_is_better(scoring: Scoring) -> bool:
    """Return True if a smaller score is better; scorers are larger for better predictions."""
    return isinstance(scoring, str) and scoring in METRICS and smaller_is_better(scoring)


class EpochMetric:
    """Error of a member on its held-out rows, by a metric or scorer; infinite where undefined.

    `score` takes outputs (n, n_outputs) and targets. It is tried on a few rows first, which may
    lack a class.
    """

    def __init__(self, scoring: Scoring, score: Callable[[Array, Array], float]) -> None:
        self.scoring, self.score = scoring, score
        self.error: HandgradError | None = None

    def __call__(self, z: Array, t: Array) -> float:
        try:
            value = self.score(z, t)
        except HandgradError as error:
            self.error = error
            return np.inf
        sign = 1 if lower_is_better(self.scoring) else -1
        return np.inf if np.isnan(value) else sign * value

    def check(self, badness: Sequence[float]) -> None:
        """Raise an error if the metric was never defined for one of the members."""
        if np.isinf(badness).any():
            raise SettingError(
                f"{option('metric', name_of(self.scoring))}, which is undefined for the rows of a "
                "member",
                "a metric that is defined for these rows",
                "more rows; or a larger validation_fraction, with every class among them",
            ) from self.error


def score_classes(
    scoring: Scoring,
    p: Array,
    y: Array,
    classes: Array,
    positive: int | None,
    thresholds: Array | None = None,
    w: Array | None = None,
) -> float:
    """Score probabilities of classes.

    For metrics of two classes the positive one is class 1. Functions get the classes themselves,
    named scorers their indices.

    Parameters
    ----------
    scoring : str or callable
        Metric, scorer, or function.
    p : array (n, n_classes)
        Probabilities.
    y : array (n,), int
        Indices of the true classes.
    classes : array (n_classes,)
        Classes.
    positive : int or None
        Index of the positive class of two.
    thresholds : array (n_classes,), optional
        Thresholds of the classes, for metrics of decisions.
    w : array (n,), optional
        Weight of each row.
    """
    if callable(scoring):
        return _scored(scoring, PredictedClasses(classes, thresholds), p, classes[y], w)
    if positive == 0:
        p, y = p[:, ::-1], 1 - y
        thresholds = None if thresholds is None else thresholds[::-1]
    if scoring in METRICS:
        if scoring not in OF_PROBABILITIES:
            p = decided(p, thresholds)
        return float(METRICS[scoring](p, y, sample_weight=w))
    return _scored(scoring, PredictedClasses(np.arange(len(classes)), thresholds), p, y, w)


def score_numbers(scoring: Scoring, predicted: Array, y: Array, w: Array | None = None) -> float:
    """Score predicted numbers, (n,)."""
    if isinstance(scoring, str) and scoring in (*OF_METRIC, CENSORED_ERROR):
        return mean_deviance(scoring, predicted, y, w)
    if isinstance(scoring, str) and scoring in METRICS:
        return float(METRICS[scoring](predicted, y, sample_weight=w))
    return _scored(scoring, PredictedNumbers(), predicted, y, w)


def _scored(
    scoring: Scoring, predictions: BaseEstimator, X: Array, y: Array, w: Array | None
) -> float:
    weights = {} if w is None else {"sample_weight": w}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a metric that is undefined is NaN
            return float(get_scorer(scoring)(predictions, X, y, **weights))
    except HandgradError:
        raise
    except Exception as error:
        raise SettingError(
            f"{option('metric', name_of(scoring))} failed on {len(y)} rows: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}",
            "a metric that is defined for these predictions",
            "another metric",
        ) from error
