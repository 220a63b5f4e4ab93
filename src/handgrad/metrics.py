"""What people ask of a model, beside its loss: functions of all predictions and targets."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from handgrad.errors import DataError, SettingError, ShapeError, did_you_mean
from handgrad.layers import Array

__all__ = [
    "accuracy",
    "zero_one_loss",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_error",
    "r2",
]

Metric = Callable[[Array, Array], float]


def accuracy(p: Array, y: Array) -> float:
    """The share of rows whose predicted class is the true one.

    `p` (n, n_classes) holds a number a class, the largest wins; or (n,) or (n, 1) the
    probability of class 1. `y` (n,) holds the classes.

    >>> accuracy(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 1]))
    0.6666666666666666
    """
    return float(_right(p, y).mean())


def zero_one_loss(p: Array, y: Array) -> float:
    """The 0-1 loss: the share of rows whose predicted class is not the true one."""
    return float((~_right(p, y)).mean())


def _right(p: Array, y: Array) -> Array:
    """Which predicted classes are the true ones."""
    if p.ndim == 2 and p.shape[1] > 1 and np.size(y) == len(p):
        return p.argmax(axis=1) == np.ravel(y)
    odd = np.asarray(y)[~np.isin(y, (0, 1))]
    if odd.size:
        raise DataError(
            f"the target {odd.flat[0]:g}, which is no class of predictions of shape {p.shape}",
            "0 or 1 beside one column; 0, 1, 2 … beside one column for each class",
            "'r2' or 'root_mean_squared_error', for numbers",
        )
    return (p >= 0.5) == (_shaped(y, p) > 0)


def _shaped(y: Array, p: Array) -> Array:
    """`y` in the shape of `p`."""
    if np.size(y) != p.size:
        raise ShapeError(
            f"targets of shape {np.shape(y)}, beside predictions of shape {p.shape}",
            "one target for each prediction",
            "'accuracy' or 'zero_one_loss', for classes",
        )
    return np.reshape(y, p.shape)


def mean_squared_error(p: Array, y: Array) -> float:
    """The mean of the squared differences, in squared units of the target."""
    return float(((p - _shaped(y, p)) ** 2).mean())


def root_mean_squared_error(p: Array, y: Array) -> float:
    """The root of the mean squared error, in units of the target."""
    return float(np.sqrt(mean_squared_error(p, y)))


def mean_absolute_error(p: Array, y: Array) -> float:
    """The mean of the absolute differences, in units of the target."""
    return float(np.abs(p - _shaped(y, p)).mean())


def r2(p: Array, y: Array) -> float:
    """The share of the target's variance that is predicted: 1 is perfect, 0 is the mean.

    For several targets, the mean of their shares. Rows of one constant target give NaN.
    """
    y = _shaped(y, p)
    residual, total = ((y - p) ** 2).sum(axis=0), ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    if not np.all(total > 0):
        return float("nan")
    return float((1 - residual / total).mean())


METRICS: dict[str, Metric] = {
    function.__name__: function
    for function in (
        accuracy,
        zero_one_loss,
        mean_squared_error,
        root_mean_squared_error,
        mean_absolute_error,
        r2,
    )
}

SMALLER_IS_BETTER = {
    "train_loss",
    "validation_loss",
    "zero_one_loss",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_error",
}


def metrics_of(choices: str | Metric | Iterable[str | Metric]) -> dict[str, Metric]:
    """The metrics by name; a function comes under its own name."""
    if isinstance(choices, str) or callable(choices):
        choices = [choices]
    if not isinstance(choices, Iterable):
        raise SettingError(
            f"metrics = {choices!r}", "a list of names or functions", "metrics=['accuracy']"
        )
    metrics: dict[str, Metric] = {}
    for name, metric in map(_named, choices):
        if name == "loss" or metrics.get(name, metric) is not metric:
            raise SettingError(
                f"a metric of the name {name!r}, which is taken",
                "a name of its own for each metric",
                "def my_metric(p, y): ..., under another name",
            )
        metrics[name] = metric
    return metrics


def _named(choice: Any) -> tuple[str, Metric]:
    if isinstance(choice, type):
        raise SettingError(
            f"metric {choice!r}, a class", "a name, or a function of (p, y)", "an object of it"
        )
    if callable(choice):
        return getattr(choice, "__name__", repr(choice)), choice
    if not isinstance(choice, str) or choice not in METRICS:
        word = str(choice).lower()
        initials = {"".join(part[0] for part in name.split("_")): name for name in METRICS}
        raise SettingError(
            f"metric {choice!r}",
            f"one of {', '.join(METRICS)}, or a function of (p, y)",
            did_you_mean(initials.get(word, word), METRICS, "'accuracy', or 'r2' for numbers"),
        )
    return choice, METRICS[choice]
