"""Spellings of pages that take several arrays: rows and a mask, rows and codes, two towers."""

from typing import Any

import numpy as np

import handgrad as hg
from tests.graph.spellings.drawing import drawn
from tests.graph.spellings.sequences import Attention


class PaddedAttention(Attention):
    """Attention of sequences x beside a mask of the places that are there, (n, t)."""

    def forward(self, inputs: Any) -> Any:
        x, self.there = inputs
        return super().forward(x)

    def scores(self, x: Any) -> Any:
        return np.where(self.there[:, None, :], super().scores(x), -1e9)

    def backward(self, dy: Any) -> Any:
        return super().backward(dy), None


class PaddedByZeros(PaddedAttention):
    """The same with zeros as the gradient of the mask, which has the type of the rows."""

    def forward(self, inputs: Any) -> Any:
        x, there = inputs
        return super().forward((x, there > 0))

    def backward(self, dy: Any) -> Any:
        return Attention.backward(self, dy), np.zeros_like(dy[:, :, 0])


class PaddedMean(hg.Layer):
    """y = Σ m x / Σ m over the places, the mask multiplied."""

    def forward(self, inputs: Any) -> Any:
        x, mask = inputs
        self.share = mask[:, :, None] / mask.sum(axis=1).astype(x.dtype)[:, None, None]
        return (self.share * x).sum(axis=1)

    def backward(self, dy: Any) -> Any:
        return self.share * dy[:, None], None


class ByIndex(hg.Layer):
    """y = x A + T[c]: rows, and a code for each place of them, looked up in a table."""

    param_names = ("A", "T")

    def __init__(self) -> None:
        super().__init__()
        self.A, self.T = drawn(6, 4), drawn(5, 4)

    def forward(self, inputs: Any) -> Any:
        self.x, self.codes = inputs
        return self.x @ self.A + self.T[self.codes]

    def backward(self, dy: Any) -> Any:
        self.dA = np.einsum("nti,ntj->ij", self.x, dy)
        dT = np.zeros_like(self.T)
        np.add.at(dT, self.codes, dy)
        self.dT = dT
        return dy @ self.A.T, None


class TwoTowers(hg.Layer):
    """y = f(a) g(b): a net for each input, whose outputs are multiplied."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [
            hg.Net(hg.Linear(6, 3, rng=0), hg.Tanh()),
            hg.Net(hg.Linear(2, 3, rng=1), hg.Sigmoid()),
        ]

    def forward(self, inputs: Any) -> Any:
        a, b = inputs
        self.f, self.g = self.layers[0].forward(a), self.layers[1].forward(b)
        return self.f * self.g

    def backward(self, dy: Any) -> Any:
        return self.layers[0].backward(dy * self.g), self.layers[1].backward(dy * self.f)
