"""Shapes of predictions beside targets, and means over rows with weights."""

import numpy as np

from handgrad.textbook.errors import DataError, ShapeError
from handgrad.textbook.module import Array


def in_classes(p: Array, y: Array) -> bool:
    """Return whether `p` has a column for each class, and `y` one class for each row."""
    return p.ndim == 2 and p.shape[1] > 1 and np.size(y) == len(p)


def shaped(y: Array, p: Array) -> Array:
    """Return `y` in the shape of `p`."""
    if np.size(y) != p.size:
        raise ShapeError(
            f"targets of shape {np.shape(y)} for predictions of shape {p.shape}",
            "one target for each prediction",
            "'accuracy' or 'zero_one_loss', for classes",
        )
    return np.reshape(y, p.shape)


def answers(p: Array, y: Array) -> Array:
    """Return `y` as bools in the shape of `p`, which has a column for each answer."""
    odd = np.asarray(y)[~np.isin(y, (0, 1))]
    if odd.size:
        raise DataError(
            f"the target {odd.flat[0]:g}, which is no class of predictions of shape {p.shape}",
            "0 or 1 for one column; 0, 1, 2 … for a column for each class",
            "'r2' or 'root_mean_squared_error', for numbers",
        )
    return shaped(y, p) > 0


def decided(p: Array, y: Array) -> tuple[Array, Array]:
    """The true classes and the predicted ones: of a column each the largest, of one from ½ on."""
    if in_classes(p, y):
        return np.ravel(y), p.argmax(axis=1)
    return answers(p, y), p >= 0.5


def mean(values: Array, sample_weight: Array | None) -> float:
    """The mean of all, (n,) or (n, k), in which each row counts as its weight says."""
    if sample_weight is None:
        return values.mean()
    return np.average(values.reshape(len(values), -1).mean(axis=1), weights=sample_weight)


def row_weights(rows: Array, sample_weight: Array | None) -> Array:
    """Sample weights in float64, 1 by default."""
    return np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, np.float64)
