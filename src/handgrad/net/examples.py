"""Small example inputs for any layer, made from what it declares: for tracing and checking."""

import copy
from typing import Any

import numpy as np

from handgrad.errors import SettingError
from handgrad.layers import Array, Layer
from handgrad.losses import Loss


def example_input(layer: Layer, n_rows: int, seed: int = 0) -> Any:
    """Random rows that `layer` can take, (n_rows, n_in); None where no small array fits.

    The number of features is the layer's `n_in` where it says so, else one suggested by the
    shapes of its parameters, tried out on a copy.
    """
    rng = np.random.default_rng(seed)
    dtype = layer.dtype or np.dtype(np.float32)
    for n_in in _widths(layer):
        if layer.integer_input:
            x: Array = rng.integers(0, 2, (n_rows, n_in))
        else:
            x = rng.standard_normal((n_rows, n_in)).astype(dtype)
        if layer.n_in is not None or _failure(layer, x) is None:
            return x
    return None


def example_targets(loss: Loss, p: Array, seed: int = 0) -> Array:
    """Random targets of the kind that `loss` expects, fitting the predictions `p`, (n, …, k)."""
    return loss.target_kind.examples(p, np.random.default_rng(seed))


def required_example(layer: Layer, n_rows: int, seed: int = 0) -> Any:
    """As `example_input`, with an error where nothing fits."""
    x = example_input(layer, n_rows, seed)
    if x is None:
        tried = np.zeros((n_rows, _widths(layer)[0]), layer.dtype or np.float32)
        raise SettingError(
            f"no small array of shape (rows, features) was taken by {layer!r}; of shape "
            f"{tried.shape}, for example: {_failure(layer, tried)}",
            "a layer that says its n_in, or an example",
            "x=..., a few rows of what the layer is made for",
        )
    return x


def _widths(layer: Layer) -> list[int]:
    if layer.n_in is not None:
        return [layer.n_in]
    shapes = [array.shape for array in layer.named_parameters().values()]
    return [*dict.fromkeys([*(size for shape in shapes for size in shape[::-1]), 4, 6, 12, 1])]


def _failure(layer: Layer, x: Array) -> Exception | None:
    """Why a copy of the layer cannot take x; None if it can."""
    trial = copy.deepcopy(layer)
    trial.seed(0)
    try:
        with np.errstate(all="ignore"):
            trial.forward(x)
    except (ValueError, IndexError, TypeError) as error:
        return error
    return None
