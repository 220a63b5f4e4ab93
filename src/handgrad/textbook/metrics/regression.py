"""Metrics of predicted numbers."""

import numpy as np

from handgrad.textbook.metrics.shapes import mean, shaped
from handgrad.textbook.module import Array


def mean_squared_error(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Mean squared error, in squared units of the target.

    Parameters
    ----------
    p : array, (n,) or (n, k)
        Predictions.
    y : array, (n,) or (n, k)
        Targets.
    sample_weight : array, (n,), optional
        Weight of each row.
    """
    return float(mean((p - shaped(y, p)) ** 2, sample_weight))


def root_mean_squared_error(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Root of the mean squared error, in units of the target.

    Parameters
    ----------
    p : array, (n,) or (n, k)
        Predictions.
    y : array, (n,) or (n, k)
        Targets.
    sample_weight : array, (n,), optional
        Weight of each row.
    """
    return float(np.sqrt(mean_squared_error(p, y, sample_weight)))


def mean_absolute_error(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Mean absolute error, in units of the target.

    Parameters
    ----------
    p : array, (n,) or (n, k)
        Predictions.
    y : array, (n,) or (n, k)
        Targets.
    sample_weight : array, (n,), optional
        Weight of each row.
    """
    return float(mean(np.abs(p - shaped(y, p)), sample_weight))


def r2(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """R², the coefficient of determination: 1 is perfect, 0 predicts the mean.

    For several targets, the mean over them. A constant target gives NaN.

    Parameters
    ----------
    p : array, (n,) or (n, k)
        Predictions.
    y : array, (n,) or (n, k)
        Targets.
    sample_weight : array, (n,), optional
        Weight of each row.
    """
    y = shaped(y, p)
    mean = np.average(y, axis=0, weights=sample_weight)
    residual = np.average((y - p) ** 2, axis=0, weights=sample_weight)
    total = np.average((y - mean) ** 2, axis=0, weights=sample_weight)
    if not np.all(total > 0):
        return float("nan")
    return float((1 - residual / total).mean())
