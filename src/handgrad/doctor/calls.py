"""Figures of what passes through the layers of a net."""

import numpy as np

from handgrad.layers import Array, Layer
from handgrad.net import LayerCall
from handgrad.net.minibatches import Inputs, number_of_rows


def sampled(x: Inputs, most: int) -> Array:
    """The indices of all rows of `x`, or of `most` of them, evenly spaced.

    >>> sampled(np.zeros((9, 1)), 3)
    array([0, 4, 8])
    """
    n = number_of_rows(x)
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def finite(x: Array | tuple[Array | None, ...]) -> bool:
    """Whether all numbers in an array, or in each of a tuple of arrays, are finite."""
    parts = x if isinstance(x, tuple) else (x,)
    return all(bool(np.isfinite(part).all()) for part in parts if part is not None)


def parts_of(x: Inputs) -> tuple[Array, ...]:
    """One array, or several, as a tuple."""
    return x if isinstance(x, tuple) else (x,)


def per_row(x: Array) -> Array:
    """(n, …) as (n, k): the numbers of each row side by side."""
    return x.reshape(len(x), -1)


def row_norm(x: Array) -> float:
    """The root mean square, over the rows, of how long each row is."""
    wide = per_row(x).astype(np.float64)
    return float(np.sqrt((wide**2).sum(axis=1).mean()))


def holds_weights(call: LayerCall) -> bool:
    """Whether the layer has a matrix of weights: a bias or a scale alone is none."""
    return any(getattr(call.layer, name).ndim > 1 for name in call.layer.param_names)


def passed_back(layer: Layer, x: Array, dy: Array) -> Array:
    """`backward` after `forward`, in prediction mode."""
    with layer.mode(training=False):
        layer.forward(x)
        return np.asarray(layer.backward(dy))
