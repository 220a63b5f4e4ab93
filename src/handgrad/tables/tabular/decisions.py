"""Decisions between two classes: the positive class, and the threshold of its probability."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from handgrad.tables.data.table_options import option
from handgrad.textbook.errors import DataError, SettingError, did_you_mean
from handgrad.textbook.layers import Array

Threshold = float | str | Mapping[str, float]
MISS, FALSE_ALARM = COSTS = ("miss", "false_alarm")
METRICS_OF_THRESHOLDS = ("f1", "balanced_accuracy", "accuracy")


def check_threshold(threshold: Threshold | None) -> None:
    """Refuse what is neither a probability, nor a metric, nor two costs."""
    if threshold is None:
        return
    expected = (
        f"a number between 0 and 1; one of {', '.join(METRICS_OF_THRESHOLDS)}; or costs, "
        "{'miss': 10, 'false_alarm': 1}"
    )
    if isinstance(threshold, str):
        if threshold not in METRICS_OF_THRESHOLDS:
            hint = did_you_mean(threshold, METRICS_OF_THRESHOLDS, "threshold='f1'")
            raise SettingError(f"threshold={threshold!r}", expected, hint)
    elif isinstance(threshold, Mapping):
        possible = {*threshold} == {*COSTS} and all(_is_cost(cost) for cost in threshold.values())
        if not possible or not sum(threshold.values()):
            raise SettingError(
                f"threshold={dict(threshold)!r}",
                expected + ", both at least 0 and one above",
                "threshold={'miss': 10, 'false_alarm': 1}",
            )
    elif not (_is_cost(threshold) and 0 < threshold < 1):
        raise SettingError(f"threshold={threshold!r}", expected, "threshold=0.2")


def _is_cost(value: object) -> bool:
    whole = isinstance(value, int | float | np.integer | np.floating)
    return whole and not isinstance(value, bool) and 0 <= float(value) < np.inf  # type: ignore[arg-type]


def positive_of(classes: Array, weights: Array, asked: object) -> int | None:
    """Index of the positive class: the one asked for, or the rarer of two; else None.

    Parameters
    ----------
    classes : array (n_classes,)
        Classes.
    weights : array (n_classes,)
        Number of rows of each.
    asked : class or None
        The class asked for.
    """
    if asked is None:
        return int(weights[1] <= weights[0]) if len(classes) == 2 else None
    known = classes.tolist()
    places = [i for i, name in enumerate(known) if name == asked]
    places = places or [i for i, name in enumerate(known) if str(name) == str(asked)]
    if not places:
        names = [*map(str, known)]
        raise DataError(
            f"{option('positive', asked)}, which is no class of the target",
            f"one of {', '.join(names[:20])}",
            did_you_mean(str(asked), names, option("positive", names[-1])),
        )
    if len(classes) > 2:
        raise DataError(
            f"{option('positive', asked)}, with {len(classes)} classes",
            "two classes, one of which is positive",
            f"a target that is {asked} or not, and again",
        )
    return places[0]


def best_threshold(threshold: Threshold, p: Array, y: Array, w: Array | None = None) -> float:
    """Threshold of the probability of the positive class that is best on validation rows.

    Of equally good ones, the one closest to ½; without rows ½.

    Parameters
    ----------
    threshold : number, str or dict of str to number
        The threshold itself; a metric to maximize; or the costs of a miss and a false alarm.
    p : array (n,)
        Probability of the positive class.
    y : array (n,), bool
        True for rows of the positive class.
    w : array (n,), optional
        Weight of each row.

    Examples
    --------
    >>> p, y = np.array([0.1, 0.2, 0.4, 0.3, 0.9]), np.array([0, 0, 0, 1, 1]) == 1
    >>> best_threshold("f1", p, y), best_threshold({"miss": 1, "false_alarm": 5}, p, y)
    (0.25, 0.65)
    """
    if not isinstance(threshold, str | Mapping):
        return float(threshold)
    if not len(p):
        return 0.5
    w = np.ones(len(p)) if w is None else w
    values, place = np.unique(p, return_inverse=True)
    ends = np.concatenate([[0.0], values, [1.0]])
    middles = (ends[:-1] + ends[1:]) / 2
    possible = np.flatnonzero((middles > 0) & (middles < 1))
    below = np.stack([np.bincount(place, w * of, minlength=len(values)) for of in (y, ~y)])
    misses, right = np.concatenate([np.zeros((2, 1)), np.cumsum(below, axis=1)], axis=1)
    n_positive, n_negative = float(w[y].sum()), float(w[~y].sum())
    hits, alarms = n_positive - misses, n_negative - right
    if isinstance(threshold, Mapping):
        worth = -(threshold[MISS] * misses + threshold[FALSE_ALARM] * alarms)
    elif threshold == "f1":
        worth = 2 * hits / np.maximum(2 * hits + misses + alarms, 1e-300)
    elif threshold == "accuracy":
        worth = hits + right
    else:
        worth = hits / max(n_positive, 1e-300) + right / max(n_negative, 1e-300)
    worth, middles = worth[possible], middles[possible]
    best = worth >= worth.max() - 1e-9 * max(abs(worth).max(), 1e-300)
    return float(middles[best][np.abs(middles[best] - 0.5).argmin()])


def class_thresholds(threshold: float | None, positive: int | None) -> Array | None:
    """Thresholds of both classes, (2,): the class with the largest ratio to its own is predicted.

    So it is the positive one where its probability is above `threshold`. None without a threshold.
    """
    if threshold is None or positive is None:
        return None
    thresholds = np.full(2, 1 - threshold)
    thresholds[positive] = threshold
    return thresholds


def decided(p: Array, thresholds: Array | None) -> Array:
    """Probabilities (n, n_classes) divided by the thresholds of the classes, if there are any.

    The class with the largest is predicted.
    """
    return p if thresholds is None else p / thresholds
