"""Standardization: all features on one scale."""

from typing import Self

import numpy as np

from handgrad.textbook.errors import DataError, ShapeError
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array


class Standardize(Layer):
    """Standardization: shifts and scales each feature to mean 0 and standard deviation 1.

    forward     y = (x − mean) / scale
    backward    dx = dy / scale
    shapes      x, y, dy, dx (n, …, n_features)    mean, scale (n_features,)
    source      LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998, section 4.3

    `mean` and `scale` hold a number for each feature; `Standardize.of(x_train)` computes them. They
    are running state: saved with the net, never trained. A constant feature is only shifted.

    >>> standardize = Standardize.of(np.array([[1.0, 10.0], [3.0, 10.0]]))
    >>> standardize.forward(np.array([[5.0, 10.0]]))               # (5 − 2)/1, (10 − 10)/1
    array([[3., 0.]])
    >>> standardize.inverse().forward(np.array([[3.0, 0.0]]))
    array([[ 5., 10.]])
    """

    state_names = ("mean", "scale")

    def __init__(self, mean: Array, scale: Array) -> None:
        super().__init__()
        mean, scale = np.atleast_1d(mean), np.atleast_1d(scale)
        if mean.shape != scale.shape or mean.ndim != 1 or not (scale != 0).all():
            raise ShapeError(
                f"mean of shape {mean.shape}, scale of shape {scale.shape} "
                f"with {(scale == 0).sum()} zeros",
                "one mean and one non-zero scale for each feature",
                "Standardize.of(x_train)",
            )
        self.n_in = self.n_out = len(mean)
        self.mean, self.scale = mean, scale

    @classmethod
    def of(cls, x: Array) -> Self:
        """Return the layer that standardizes the rows of `x`, (n, n_features)."""
        try:
            x = np.asarray(x, np.float64)
            usable = x.ndim == 2 and len(x) > 0 and bool(np.isfinite(x).all())
        except (TypeError, ValueError):
            usable = False
        if not usable:
            raise DataError(
                "rows with NaN or infinity, with other than two axes, or none",
                "finite numbers, (rows, features)",
                "x[:, None] for a single feature; fill in or drop missing values",
            )
        scale = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(scale > 0, scale, 1.0))

    def inverse(self) -> "Standardize":
        """Return the inverse layer: x = scale · y + mean."""
        return Standardize(-self.mean / self.scale, 1 / self.scale)

    def forward(self, x: Array) -> Array:
        return (x - self.mean) / self.scale

    def backward(self, dy: Array) -> Array:
        return dy / self.scale

    def __repr__(self) -> str:
        return f"Standardize({self.n_in} features)"
