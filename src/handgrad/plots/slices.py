"""Slices: planes through the space of the features, and how far rows are from them."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers import Array

Features = tuple[int, int] | Literal["pca"]
FARTHEST = 2.0


@dataclass(frozen=True)
class Slice:
    """A plane in the space of the features.

    Parameters
    ----------
    origin : array (n_features,)
        The row at (0, 0).
    steps : array (2, n_features)
        How a row changes along each of the axes.
    readings : array (2, n_features)
        The coordinates of x are `(x - origin) @ readings.T`.
    """

    origin: Array
    steps: Array
    readings: Array

    @classmethod
    def of_features(cls, shown: list[int], at: Array) -> Self:
        """The plane of two features; the others are those of the row `at`."""
        origin, units = np.array(at, np.float64), np.eye(len(at))[shown]
        origin[shown] = 0
        return cls(origin, units, units)

    def rows(self, points: Array) -> Array:
        """The rows at points (n, 2) of the plane."""
        return self.origin + points @ self.steps

    def points(self, x: Array) -> Array:
        """The coordinates of the rows, projected onto the plane, (n, 2)."""
        points: Array = (x - self.origin) @ self.readings.T
        return points

    def near(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Mask of the rows of `x` near the plane, (n,), and the opacity of these.

        Distances are in standard deviations of the rows `spread`.
        """
        away = (x - self.rows(self.points(x))) / deviations(spread)
        others = x.shape[1] - 2
        distance = np.sqrt((away**2).sum(axis=1) / others) if others else np.zeros(len(x))
        near = distance <= FARTHEST
        return near, np.exp(-(distance[near] ** 2) / 2)


def deviations(x: Array) -> Array:
    """Standard deviation of each feature; 1 for those of one value."""
    deviation = x.std(axis=0, dtype=np.float64)
    return np.where(deviation > 0, deviation, 1.0)


def principal_directions(centred: Array) -> tuple[Array, Array]:
    """First two principal directions, (2, n_features), and their fractions of the variance."""
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    variances = np.append(lengths**2, 0)  # a single row has only one
    total = variances.sum()
    both = np.zeros((2, centred.shape[1]))
    both[: len(directions[:2])] = directions[:2]
    return both, variances[:2] / (total if total > 0 else 1.0)


def principal_slice(x: Array) -> tuple[Slice, Array]:
    """The plane of the first two principal components of the rows, and their shares of variance.

    The features are standardized first, so that the unit of a feature does not matter.
    """
    mean, deviation = x.mean(axis=0, dtype=np.float64), deviations(x)
    directions, shares = principal_directions((x - mean) / deviation)
    return Slice(mean, directions * deviation, directions / deviation), shares


def two_of(features: object, n_features: int) -> list[int]:
    """Check two different features, by number."""
    if n_features < 2:
        raise ShapeError(
            "x with a single feature",
            "two features or more, for a plane",
            "plot_dataset(x, y), or plot_predictions(net, x, y) for numbers",
        )
    shown = [*features] if isinstance(features, tuple | list) else []
    whole = all(isinstance(i, int | np.integer) and 0 <= i < n_features for i in shown)
    if len(shown) != 2 or not whole or shown[0] == shown[1]:
        raise SettingError(
            f"features = {features!r}",
            f"two different numbers from 0 to {n_features - 1}",
            "features=(0, 1)",
        )
    return [int(i) for i in shown]


def filler_of(filler: npt.ArrayLike | None, x: Array) -> Array:
    """Row with the fixed values of the features."""
    if filler is None:
        return x.mean(axis=0, dtype=np.float64)
    row = np.asarray(filler)
    if row.shape != x.shape[1:] or row.dtype.kind not in "fiub" or not np.isfinite(row).all():
        raise ShapeError(
            f"a filler of shape {row.shape} and type {row.dtype}",
            f"a row of {x.shape[1]} finite numbers, any for the two features shown",
            "filler=np.median(x, axis=0), or filler=x[0]",
        )
    return row.astype(np.float64)
