"""Recurrences, attention and tables of tokens as users write them: (n, 4, 6) to 4 features."""

from itertools import pairwise
from typing import Any

import numpy as np

import handgrad as hg
from tests.graph.spellings.drawing import drawn


class Recurrence(hg.Layer):
    """h[t] = tanh(x[t] Wᵀ + h[t−1] Uᵀ + b); the last h comes out."""

    param_names = ("W", "U", "b")

    def __init__(self) -> None:
        super().__init__()
        self.W, self.U, self.b = drawn(4, 6), drawn(4, 4), drawn(4)

    def summed(self, dz: list[Any], before: list[Any]) -> Any:
        """Gradients from those of each step's sum and the h before it; the gradients of x[t]."""
        self.dW = sum(d.T @ self.x[:, t] for t, d in enumerate(dz))
        self.dU = sum(d.T @ h for d, h in zip(dz, before, strict=True))
        self.db = sum(d.sum(axis=0) for d in dz)
        return [d @ self.W for d in dz]


class ListOfSteps(Recurrence):
    """All h in a list, stacked at the end."""

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0, :4])]
        for t in range(x.shape[1]):
            self.h.append(np.tanh(x[:, t] @ self.W.T + self.h[-1] @ self.U.T + self.b))
        return self.h[-1]

    def backward(self, dh: Any) -> Any:
        dz: list[Any] = []
        for h in self.h[:0:-1]:
            dz.insert(0, dh * (1 - h**2))
            dh = dz[0] @ self.U
        return np.stack(self.summed(dz, self.h[:-1]), axis=1)


class DictionaryOfSteps(Recurrence):
    """min-char-rnn: `hs[t]`, `hs[-1]` in a dictionary, in reversed(range(t))."""

    def forward(self, x: Any) -> Any:
        self.x, self.hs = x, {-1: np.zeros_like(x[:, 0, :4])}
        for t in range(x.shape[1]):
            self.hs[t] = np.tanh(
                np.dot(x[:, t], self.W.T) + np.dot(self.hs[t - 1], self.U.T) + self.b
            )
        return self.hs[x.shape[1] - 1]

    def backward(self, dh: Any) -> Any:
        dW, dU, db = np.zeros_like(self.W), np.zeros_like(self.U), np.zeros_like(self.b)
        dx = np.zeros_like(self.x)
        for t in reversed(range(self.x.shape[1])):
            dz = (1 - self.hs[t] * self.hs[t]) * dh
            db += dz.sum(axis=0)
            dW += np.dot(dz.T, self.x[:, t])
            dU += np.dot(dz.T, self.hs[t - 1])
            dx[:, t] = np.dot(dz, self.W)
            dh = np.dot(dz, self.U)
        self.dW, self.dU, self.db = dW, dU, db
        return dx


class WrittenIntoAnArray(Recurrence):
    """h written place by place into an array made of the data."""

    def forward(self, x: Any) -> Any:
        self.x, h = x, np.zeros_like(x[:, 0, :4])
        steps = np.empty_like(x[:, :, :4])
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t] @ self.W.T + h @ self.U.T + self.b)
            steps[:, t] = h
        self.steps = steps
        return h

    def backward(self, dh: Any) -> Any:
        dz: list[Any] = []
        for t in range(self.x.shape[1] - 1, -1, -1):
            dz = [dh * (1 - self.steps[:, t] ** 2), *dz]
            dh = dz[0] @ self.U
        first = np.zeros_like(dh)
        before = [first, *(self.steps[:, t] for t in range(len(dz) - 1))]
        return np.concatenate([d[:, None] for d in self.summed(dz, before)], axis=1)


class TimeFirst(ListOfSteps):
    """d2l's way: the steps of x by iterating over its first axis, swapped to time."""

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0, :4])]
        for step in x.swapaxes(0, 1):
            self.h.append(np.tanh(step @ self.W.T + self.h[-1] @ self.U.T + self.b))
        return self.h[-1]


class OneProductForBoth(ListOfSteps):
    """x and h side by side, weights side by side, one product a step."""

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0, :4])]
        V = np.hstack([self.W, self.U])
        for t in range(x.shape[1]):
            self.h.append(np.tanh(np.hstack([x[:, t], self.h[-1]]) @ V.T + self.b))
        return self.h[-1]


class StopsAtPadding(ListOfSteps):
    """A loop that ends where all rows have ended: a branch on data, refused."""

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0, :4])]
        t = 0
        while t < x.shape[1] and x[:, t].any():
            self.h.append(np.tanh(x[:, t] @ self.W.T + self.h[-1] @ self.U.T + self.b))
            t += 1
        return self.h[-1]


class SplitGates(hg.Layer):
    """A gated step: the sum split by np.split, u σ(v), added up over time."""

    param_names = ("W",)

    def __init__(self) -> None:
        super().__init__()
        self.W = drawn(8, 6)

    def forward(self, x: Any) -> Any:
        self.x = x
        u, v = np.split(x @ self.W.T, 2, axis=-1)
        self.u, self.s = u, 1 / (1 + np.exp(-v))
        return np.cumsum(u * self.s, axis=1)[:, -1]

    def backward(self, dy: Any) -> Any:
        dy = dy[:, None] * np.ones_like(self.u)
        dz = np.concatenate([dy * self.s, dy * self.u * self.s * (1 - self.s)], axis=-1)
        self.dW = np.tensordot(dz, self.x, axes=([0, 1], [0, 1]))
        return dz @ self.W


class Moving(hg.Layer):
    """Exponentially weighted mean by a loop over pairs of neighbours."""

    def forward(self, x: Any) -> Any:
        steps = [x[:, 0, :4]]
        for t in range(1, x.shape[1]):
            steps.append(0.5 * steps[-1] + 0.5 * x[:, t, :4])
        self.x = x
        return sum(b - a for a, b in pairwise(steps))

    def backward(self, dy: Any) -> Any:
        dx, share = np.zeros_like(self.x), dy
        for t in range(self.x.shape[1] - 1, 0, -1):
            dx[:, t, :4] = 0.5 * share
            share = 0.5 * share
        dx[:, 0, :4] = share - dy
        return dx


class Attention(hg.Layer):
    """y = softmax(x Aᵀ xᵀ + mask) x B: one head, keys and values those of the input."""

    param_names = ("A", "B")

    def __init__(self) -> None:
        super().__init__()
        self.A, self.B = drawn(6, 6), drawn(6, 4)

    def scores(self, x: Any) -> Any:
        return (x @ self.A) @ x.swapaxes(1, 2)

    def forward(self, x: Any) -> Any:
        self.x, s = x, self.scores(x)
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        self.z = self.p @ x
        return self.z @ self.B

    def backward(self, dy: Any) -> Any:
        self.dB = np.einsum("nti,ntj->ij", self.z, dy)
        dz = dy @ self.B.T
        dp = dz @ self.x.swapaxes(1, 2)
        ds = self.p * (dp - (self.p * dp).sum(axis=-1, keepdims=True))
        self.dA = np.einsum("nti,nts,nsj->ij", self.x, ds, self.x)
        dx = self.p.swapaxes(1, 2) @ dz
        return dx + ds @ self.x @ self.A.T + ds.swapaxes(1, 2) @ self.x @ self.A


class ByEinsum(Attention):
    """Scores by one einsum of three."""

    def scores(self, x: Any) -> Any:
        return np.einsum("nti,ij,nsj->nts", x, self.A, x)


class CausalByTri(Attention):
    """np.where with np.tri."""

    def scores(self, x: Any) -> Any:
        s = super().scores(x)
        return np.where(np.tri(s.shape[-1], dtype=bool), s, -1e9)


class CausalByInfinity(Attention):
    """-inf added above the diagonal, by np.triu."""

    def scores(self, x: Any) -> Any:
        t = x.shape[1]
        return super().scores(x) + np.triu(np.full((t, t), -np.inf, x.dtype), 1)


class CausalByComparing(Attention):
    """Indices compared."""

    def scores(self, x: Any) -> Any:
        t = np.arange(x.shape[1])
        return np.where(t[:, None] >= t, super().scores(x), -np.inf)


class CausalByMaskedWrite(Attention):
    """`s[:, mask] = -inf`: a write at a fixed mask."""

    def scores(self, x: Any) -> Any:
        s = super().scores(x).copy()
        s[:, ~np.tri(s.shape[-1], dtype=bool)] = -1e9
        return s


class CausalByIndices(Attention):
    """np.triu_indices."""

    def scores(self, x: Any) -> Any:
        s = super().scores(x).copy()
        i, j = np.triu_indices(s.shape[-1], 1)
        s[:, i, j] = -1e9
        return s


class RowsOfSequences(Attention):
    """A list over the sequences: a loop over rows, refused."""

    def scores(self, x: Any) -> Any:
        return np.stack([row @ self.A @ row.T for row in x])


class TokensByRows(hg.Layer):
    """E[c]; back by np.add.at."""

    param_names = ("E",)
    integer_input = True

    def __init__(self) -> None:
        super().__init__()
        self.E = drawn(5, 4)

    def forward(self, c: Any) -> Any:
        self.c = c
        return self.E[c]

    def backward(self, dy: Any) -> None:
        dE = np.zeros_like(self.E)
        np.add.at(dE, self.c, dy)
        self.dE = dE


class TokensByTake(TokensByRows):
    """np.take."""

    def forward(self, c: Any) -> Any:
        self.c = c
        return np.take(self.E, c, axis=0)


class TokensByOnes(TokensByRows):
    """Rows of ones and zeros, then a product."""

    def forward(self, c: Any) -> Any:
        self.hot = (c[..., None] == np.arange(5)).astype(self.E.dtype)
        return self.hot @ self.E

    def backward(self, dy: Any) -> None:
        self.dE = np.tensordot(self.hot, dy, axes=([0, 1], [0, 1]))


class TokensByEye(TokensByOnes):
    """np.eye indexed by the tokens."""

    def forward(self, c: Any) -> Any:
        self.hot = np.eye(5, dtype=self.E.dtype)[c]
        return self.hot @ self.E
