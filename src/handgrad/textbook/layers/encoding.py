"""Layers that encode the parsed columns of a table: numbers, times and indices of known values.

A missing number is NaN, a missing or unknown value has the index −1. These layers have no backward
pass: they come first, and a cell of a table has no gradient.
"""

from collections.abc import Sequence

import numpy as np

from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array

# Limit of a squashed z-score, and largest z-score before squashing.
LIMIT, HUGE = 3.0, 1e150


class SelectColumns(Layer):
    """Selection of columns, in any order.

    forward     y[i, j] = x[i, columns[j]]
    shapes      x (n, n_in)    y (n, n_columns)

    >>> SelectColumns(3, [2, 0]).forward(np.array([[5.0, 6.0, 7.0]]))
    array([[7., 5.]])
    """

    ndim = 2

    def __init__(self, n_in: int, columns: Sequence[int] | Array) -> None:
        super().__init__()
        self.n_in, self.n_out, self.columns = n_in, len(columns), np.array(columns)

    def forward(self, x: Array) -> Array:
        return x[:, self.columns]


class RobustScale(Layer):
    """Robust z-score: scaled by median and interquartile range, outliers squashed; 0 if missing.

    forward     z = (x − center) · factor    y = z / √(1 + (z / 3)²)
    shapes      x, y (n, n_numbers)    center, factor (n_numbers,)

    >>> scale = RobustScale(center=[1.0], factor=[0.5])
    >>> scale.forward(np.array([[1.0], [1e9], [np.nan]])).round(6)
    array([[0.],
           [3.],
           [0.]])
    """

    ndim = 2

    def __init__(self, center: Sequence[float] | Array, factor: Sequence[float] | Array) -> None:
        super().__init__()
        self.n_in = self.n_out = len(center)
        self.center, self.factor = np.array(center), np.array(factor)

    def forward(self, x: Array) -> Array:
        z = (np.where(np.isnan(x), self.center, x) - self.center) * self.factor
        z = z.clip(-HUGE, HUGE)  # the square is finite
        return z / np.sqrt(1 + (z / LIMIT) ** 2)


class MissingFlag(Layer):
    """Missing-value flag: 1 for a missing number, else 0.

    forward     y = 1 if x is NaN, else 0
    shapes      x, y (n, n_numbers)

    >>> MissingFlag().forward(np.array([[5.0, np.nan]]))
    array([[0., 1.]])
    """

    ndim = 2

    def forward(self, x: Array) -> Array:
        return np.isnan(x).astype(x.dtype)


class CyclicFeatures(Layer):
    """Cyclic features of times, a sine and a cosine for each period; 0 if missing.

    forward     y = sin(2π x / period), cos(2π x / period)
    shapes      x (n, n_times)    y (n, 2 n_times)    periods (n_times,)

    >>> CyclicFeatures(periods=[4.0]).forward(np.array([[1.0], [2.0], [np.nan]])).round(12)
    array([[ 1.,  0.],
           [ 0., -1.],
           [ 0.,  0.]])
    """

    ndim = 2

    def __init__(self, periods: Sequence[float] | Array) -> None:
        super().__init__()
        self.n_in, self.n_out, self.periods = len(periods), 2 * len(periods), np.array(periods)

    def forward(self, x: Array) -> Array:
        missing = np.isnan(x)
        angle = 2 * np.pi * np.where(missing, 0, x) / self.periods
        waves = [np.where(missing, 0, wave) for wave in (np.sin(angle), np.cos(angle))]
        return np.stack(waves, axis=2).reshape(len(x), 2 * len(self.periods))


class EffectCoding(Layer):
    """Effect coding of two values: −1 for the first, 1 for the second, 0 for any other.

    forward     y = (1 if x = 1) − (1 if x = 0)
    shapes      x, y (n, n_columns)

    >>> EffectCoding().forward(np.array([[0.0, 1.0, -1.0]]))
    array([[-1.,  1.,  0.]])
    """

    ndim = 2

    def forward(self, x: Array) -> Array:
        return (x == 1).astype(x.dtype) - (x == 0).astype(x.dtype)


class OneHot(Layer):
    """One-hot encoding of indices; all 0 for any other value.

    forward     y[i, j] = 1 if x[i] = j, else 0, for each column side by side
    shapes      x (n, n_columns)    y (n, sum of sizes)    sizes (n_columns,)

    >>> OneHot(sizes=[3]).forward(np.array([[0.0], [2.0], [-1.0]]))
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """

    ndim = 2

    def __init__(self, sizes: Sequence[int] | Array) -> None:
        super().__init__()
        self.n_in, self.n_out = len(sizes), int(sum(sizes))
        self.columns = np.repeat(np.arange(len(sizes)), sizes)
        self.indices = np.concatenate([np.arange(float(size)) for size in sizes])

    def forward(self, x: Array) -> Array:
        return (x[:, self.columns] == self.indices).astype(x.dtype)


class EmbeddingCodes(Layer):
    """Codes for an embedding that several columns share, from the `first` of each column on.

    forward     y = first + 1 + x: the first code of a column stands for other values
    shapes      x, y (n, n_columns)    first (n_columns,)

    >>> EmbeddingCodes(first=[0, 10]).forward(np.array([[2.0, -1.0]]))
    array([[ 3., 10.]])
    """

    ndim = 2

    def __init__(self, first: Sequence[int] | Array) -> None:
        super().__init__()
        self.n_in = self.n_out = len(first)
        self.first = np.array(first, float)

    def forward(self, x: Array) -> Array:
        return self.first + 1 + x
