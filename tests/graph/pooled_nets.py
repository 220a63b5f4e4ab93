"""Nets in which windows are pooled, and reductions of each row are reduced again."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg


class LengthOne(hg.Layer):
    """y = x / s, s the length of each row: what a sum over all other axes gives is reduced again.

    dx = (dy − y Σ dy y) / s
    """

    def forward(self, x: Any) -> Any:
        self.s = np.sqrt((x * x).sum(axis=-1, keepdims=True) + 1)
        self.y = x / self.s
        return self.y

    def backward(self, dy: Any) -> Any:
        return (dy - self.y * (dy * self.y).sum(axis=-1, keepdims=True)) / self.s


class GroupsCentred(hg.Layer):
    """Each row of two groups of numbers, y = x − the mean of its group; dx in the same way."""

    def forward(self, x: Any) -> Any:
        groups = x.reshape(len(x), 2, -1)
        return (groups - groups.mean(axis=2, keepdims=True)).reshape(x.shape)

    def backward(self, dy: Any) -> Any:
        return self.forward(dy)


class Summits(hg.Layer):
    """Of (n, k) numbers the sum without an axis for it, and with one: y = x (Σ x)  Σ x."""

    def forward(self, x: Any) -> Any:
        self.x, self.s = x, x.sum(axis=1)
        return x * self.s[:, np.newaxis]

    def backward(self, dy: Any) -> Any:
        return dy * self.s[:, np.newaxis] + (dy * self.x).sum(axis=1, keepdims=True)


class RowsMean(hg.Layer):
    """(n, k) to (n, 1): the mean of each row, which a net may end with."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return x.mean(axis=1, keepdims=True)

    def backward(self, dy: Any) -> Any:
        return np.zeros_like(self.x) + dy / self.x.shape[1]


class TwiceReduced(hg.Layer):
    """(n, a, b, c) to (n, 1, c) to (n, c): x is summed over a and averaged over b, one by one."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return x.sum(axis=1).mean(axis=1, keepdims=True).max(axis=1)

    def backward(self, dy: Any) -> Any:
        return np.zeros_like(self.x) + dy[:, np.newaxis, np.newaxis] / self.x.shape[2]


class OverPlaces(hg.Layer):
    """(n, c, h, w) to (n, c): the mean of each picture's plane, as pages of pictures write it."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return x.mean(axis=(2, 3))

    def backward(self, dy: Any) -> Any:
        size = self.x.shape[2] * self.x.shape[3]
        return np.zeros_like(self.x) + dy[:, :, np.newaxis, np.newaxis] / size


Layers = Callable[[], tuple[hg.Layer, ...]]


def sequence(*behind: Callable[[], hg.Layer], width: int = 6) -> tuple[tuple[int, ...], Layers]:
    """A convolution over sequences of two numbers, and what comes behind it."""
    return (2, 9), lambda: (
        hg.layers.Conv1d(2, width, 3, rng=1),
        hg.ReLU(),
        hg.layers.Transpose(2, 1),
        *(make() for make in behind),
    )


def picture(*behind: Callable[[], hg.Layer], width: int = 6) -> tuple[tuple[int, ...], Layers]:
    """A convolution over pictures, and what comes behind it."""
    return (2, 6, 5), lambda: (
        hg.Conv2d(2, width, 3, rng=1),
        hg.Tanh(),
        *(make() for make in behind),
    )


# The shape of a row, and the layers: n below and above the number of channels.
POOLED: dict[str, tuple[tuple[int, ...], Layers]] = {
    "mean": sequence(hg.layers.MeanOverTime),
    "max": sequence(hg.layers.MaxOverTime),
    "one channel": sequence(hg.layers.MeanOverTime, hg.Softmax, width=1),
    "mean, LayerNorm": sequence(hg.layers.MeanOverTime, lambda: hg.LayerNorm(6)),
    "max, LayerNorm": sequence(hg.layers.MaxOverTime, lambda: hg.LayerNorm(6)),
    "mean, Softmax": sequence(hg.layers.MeanOverTime, hg.Softmax),
    "max, Softmax": sequence(hg.layers.MaxOverTime, hg.Softmax),
    "twenty channels": sequence(hg.layers.MeanOverTime, lambda: hg.LayerNorm(20), width=20),
    "a window of one": (
        (2, 9),
        lambda: (
            hg.layers.Conv1d(2, 2, 1, rng=1),
            hg.layers.Transpose(2, 1),
            hg.layers.MeanOverTime(),
            hg.Softmax(),
        ),
    ),
    "two convolutions": (
        (2, 13),
        lambda: (
            hg.layers.Conv1d(2, 4, 3, stride=2, rng=1),
            hg.ReLU(),
            hg.layers.Conv1d(4, 6, 3, stride=2, rng=2),
            hg.layers.Transpose(2, 1),
            hg.layers.MaxOverTime(),
            hg.LayerNorm(6),
            hg.Linear(6, 3, rng=3),
        ),
    ),
    "Residual": sequence(
        hg.layers.MeanOverTime, lambda: hg.Residual(hg.LayerNorm(6), hg.Linear(6, 6, rng=2))
    ),
    "twice normalized": sequence(hg.layers.MeanOverTime, lambda: hg.LayerNorm(6), hg.Softmax),
    "Linear between": sequence(
        hg.layers.MeanOverTime, lambda: hg.Linear(6, 5, rng=2), lambda: hg.LayerNorm(5)
    ),
    "Tanh between": sequence(hg.layers.MeanOverTime, hg.Tanh, lambda: hg.LayerNorm(6)),
    "BatchNorm between": sequence(
        hg.layers.MeanOverTime, lambda: hg.BatchNorm(6), lambda: hg.LayerNorm(6)
    ),
    "picture": (
        (2, 6, 5),
        lambda: (
            hg.Conv2d(2, 6, 3, rng=1),
            hg.ReLU(),
            hg.layers.Reshape(6, 12),
            hg.layers.Transpose(2, 1),
            hg.layers.MeanOverTime(),
            hg.LayerNorm(6),
        ),
    ),
    "planes": picture(OverPlaces, lambda: hg.LayerNorm(6)),
    "planes, Softmax": picture(OverPlaces, hg.Softmax),
    "planes, length one": picture(OverPlaces, LengthOne),
    "planes, groups": picture(OverPlaces, GroupsCentred),
    "planes, groups, Softmax": picture(OverPlaces, GroupsCentred, hg.Softmax),
    "planes, sums": picture(OverPlaces, Summits),
    "planes, mean": picture(OverPlaces, RowsMean),
    "planes, mean, sums": picture(OverPlaces, RowsMean, Summits),
    "axis by axis": picture(TwiceReduced, lambda: hg.LayerNorm(3)),
    "length one": sequence(hg.layers.MeanOverTime, LengthOne),
    "groups": sequence(hg.layers.MaxOverTime, GroupsCentred, hg.Softmax),
    "softmax of places": sequence(hg.Softmax, hg.layers.MeanOverTime, hg.Softmax),
    "LayerNorm of places": sequence(lambda: hg.LayerNorm(6), hg.layers.MeanOverTime, hg.Softmax),
    "attention": sequence(
        lambda: hg.MultiheadAttention(6, 2, rng=2), hg.layers.MeanOverTime, lambda: hg.LayerNorm(6)
    ),
    "recurrence": sequence(lambda: hg.GRU(6, 4, rng=2), lambda: hg.LayerNorm(4)),
    "Parallel": sequence(
        hg.layers.MeanOverTime,
        lambda: hg.Parallel(hg.LayerNorm(6), hg.Softmax(), join="concatenate"),
        hg.Softmax,
    ),
}
# Those that have something without a counterpart with the batch last.
STAYING = ("attention", "recurrence")


def pooled_net(name: str, dtype: Any = np.float64) -> hg.Net:
    """The net of that name."""
    return hg.Net(*POOLED[name][1](), dtype=dtype)


def rows_of(name: str, n: int, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Inputs for it, and targets."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, *POOLED[name][0])).astype(dtype)
    shape = pooled_net(name).predict(x[:2], engine="eager").shape
    return x, rng.standard_normal((n, *shape[1:])).astype(dtype)
