"""Nets of pictures, sequences and attention, with rows of each, for exports."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 7, (9, 6))
CODES[:, 4:] *= RNG.integers(0, 2, (9, 2))  # 0 is padding in some nets
STEPS = RNG.normal(size=(9, 6, 3)).astype(np.float32)
PIXELS = RNG.normal(size=(9, 64)).astype(np.float32)


def pictures() -> hg.Net:
    return hg.Net(
        hg.layers.Reshape(1, 8, 8),
        hg.layers.RandomShift(1),
        hg.Conv2d(1, 4, 3, padding=1, rng=0),
        hg.ReLU(),
        hg.MaxPool2d(3, stride=2, padding=1),
        hg.Conv2d(4, 6, 2, stride=(2, 1), rng=1),
        hg.layers.BatchNorm2d(6),
        hg.layers.AvgPool2d(2),
        hg.Flatten(),
        hg.Linear(6, 3, rng=2),
    )


def channels() -> hg.Net:
    convolution = hg.layers.Conv1d(3, 4, 3, padding=1, rng=0)
    over_time = hg.layers.Transpose(2, 1), hg.layers.MaxOverTime()
    return hg.Net(hg.layers.Transpose(2, 1), convolution, *over_time, hg.Linear(4, 2, rng=1))


def words(padding: int | None) -> hg.Net:
    return hg.Net(
        hg.Embedding(7, 4, padding=padding, rng=0),
        hg.GRU(4, 5, return_sequences=True, rng=1),
        hg.LSTM(5, 3, rng=2),
        hg.Linear(3, 2, rng=3),
    )


def transformer(padding: int | None) -> hg.Net:
    return hg.Net(
        hg.Embedding(7, 4, padding=padding, rng=0),
        hg.layers.PositionEmbedding(6, 4, rng=1),
        hg.Residual(hg.LayerNorm(4), hg.MultiheadAttention(4, 2, causal=True, rng=2)),
        hg.Residual(hg.LayerNorm(4), hg.Linear(4, 8, rng=3), hg.GELU(), hg.Linear(8, 4, rng=4)),
        hg.Linear(4, 7, rng=5),
    )


def mean_of_words() -> hg.Net:
    attention = hg.MultiheadAttention(4, 2, rng=1)
    return hg.Net(
        hg.Embedding(7, 4, padding=0, rng=0), attention, hg.layers.MeanOverTime(), hg.Linear(4, 2)
    )


DEEP: dict[str, tuple[Callable[[], hg.Net], Any]] = {
    "pictures": (pictures, PIXELS),
    "channels": (channels, STEPS),
    "recurrence": (lambda: hg.Net(hg.layers.RNN(3, 4, rng=0), hg.Linear(4, 2, rng=1)), STEPS),
    "words": (lambda: words(None), CODES),
    "words with padding": (lambda: words(0), CODES),
    "transformer": (lambda: transformer(None), CODES),
    "transformer with padding": (lambda: transformer(0), CODES),
    "mean of words": (mean_of_words, CODES),
}
