"""Small example inputs for any layer, made from what it declares: for tracing and checking."""

import copy

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.layers import Array, Layer
from handgrad.layers.layer import closed
from handgrad.losses import Loss


def example_input(layer: Layer, n_rows: int, seed: int = 0) -> Array:
    """Random rows that `layer` takes, (n_rows, *shape_in), of 0 and 1 where it takes codes.

    A layer that does not say what it takes is given rows of 4 features, if it takes them.
    """
    rng = np.random.default_rng(seed)
    shape = (4,) if layer.shape_in is None else closed(layer.shape_in)
    if layer.integer_input:
        x: Array = rng.integers(0, 2, (n_rows, *shape))
    else:
        x = rng.standard_normal((n_rows, *shape)).astype(layer.dtype or np.float32)
    if layer.shape_in is None:
        trial = copy.deepcopy(layer)
        trial.seed(0)
        try:
            with np.errstate(all="ignore"):
                trial.forward(x)
        except (ValueError, IndexError, TypeError, AttributeError) as failure:
            raise SettingError(
                f"{layer!r} does not say what it takes, and fails with rows of 4 features, "
                f"for example: {failure}",
                "an example, or a layer that states n_in, the number of its features",
                "x=..., a few rows of what the layer is made for; or self.n_in = … in its __init__",
            ) from failure
    return x


def example_targets(loss: Loss, p: Array, seed: int = 0) -> Array:
    """Random targets of the kind that `loss` expects, fitting the predictions `p`, (n, …, k)."""
    return loss.target_kind.examples(p, np.random.default_rng(seed))
