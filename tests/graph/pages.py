"""Pages that a later textbook needs, written as a user would: all of them must record."""

from typing import Any

import numpy as np

import handgrad as hg


class Dropout(hg.Layer):
    """y = m x / k, m drawn anew each step    dx = m dy / k    in prediction y = x."""

    def __init__(self, keep: float = 0.8) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Any) -> Any:
        if not self.training:
            return x
        self.mask = (self.rng.random(x.shape) < self.keep).astype(x.dtype) / self.keep
        return self.mask * x

    def backward(self, dy: Any) -> Any:
        return self.mask * dy


class BatchNorm(hg.Layer):
    """y = g (x − μ) / s + b over the batch, and running means for prediction."""

    param_names = ("g", "b")
    state_names = ("mean", "var")

    def __init__(self, n: int) -> None:
        super().__init__()
        self.g, self.b = np.ones(n), np.zeros(n)
        self.mean, self.var = np.zeros(n), np.ones(n)

    def forward(self, x: Any) -> Any:
        if not self.training:
            return self.g * (x - self.mean) / np.sqrt(self.var + 1e-5) + self.b
        n = len(x)
        var = x.var(axis=0)
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        self.var = 0.9 * self.var + 0.1 * var * n / (n - 1)
        self.s = np.sqrt(var + 1e-5)
        self.z = (x - x.mean(axis=0)) / self.s
        return self.g * self.z + self.b

    def backward(self, dy: Any) -> Any:
        self.dg, self.db = (dy * self.z).sum(axis=0), dy.sum(axis=0)
        dz = self.g * dy
        return (dz - dz.mean(axis=0) - self.z * (dz * self.z).mean(axis=0)) / self.s


class Conv1d(hg.Layer):
    """y[n, i] = Σₖ x[n, i + k] w[k], by windows; dx gathers each window's share."""

    param_names = ("w",)

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.w = np.linspace(-1, 1, size)

    def forward(self, x: Any) -> Any:
        self.x = x
        windows = np.lib.stride_tricks.sliding_window_view(x, len(self.w), axis=1)
        return np.einsum("nik,k->ni", windows, self.w)

    def backward(self, dy: Any) -> Any:
        size = len(self.w)
        windows = np.lib.stride_tricks.sliding_window_view(self.x, size, axis=1)
        self.dw = np.einsum("nik,ni->k", windows, dy)
        dx = np.zeros_like(self.x)
        for k in range(size):
            dx[:, k : k + dy.shape[1]] += dy * self.w[k]
        return dx


class Attention(hg.Layer):
    """y = softmax(x xᵀ / √d) x for each row of a batch of sequences (n, steps, d)."""

    def forward(self, x: Any) -> Any:
        self.x = x.reshape(len(x), -1, 2)
        scores = self.x @ self.x.swapaxes(1, 2) / 2**0.5
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return (self.p @ self.x).reshape(len(x), -1)

    def backward(self, dy: Any) -> Any:
        dy = dy.reshape(self.x.shape)
        dp = dy @ self.x.mT
        ds = self.p * (dp - (self.p * dp).sum(axis=-1, keepdims=True)) / 2**0.5
        dx = self.p.mT @ dy + (ds + ds.mT) @ self.x
        return dx.reshape(len(dx), -1)


class Distances(Attention):
    """Adds to each score the number that a table, R (5,), has for how far 3 steps are apart."""

    param_names = ("R",)
    table: tuple[int, ...] = (5,)

    def __init__(self) -> None:
        super().__init__()
        self.R = np.array([0.3, -0.2, 0.5, 1.1, -0.7]).reshape(self.table)
        self.apart = np.arange(3)[:, None] - np.arange(3) + 2

    def forward(self, x: Any) -> Any:
        self.x = x.reshape(len(x), -1, 2)
        scores = self.x @ self.x.swapaxes(1, 2) / 2**0.5 + self.R[self.apart]
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return (self.p @ self.x).reshape(len(x), -1)

    def backward(self, dy: Any) -> Any:
        dp = dy.reshape(self.x.shape) @ self.x.mT
        ds = self.p * (dp - (self.p * dp).sum(axis=-1, keepdims=True))
        dR = np.zeros_like(self.R)
        np.add.at(dR, self.apart, ds.sum(axis=0))
        self.dR = dR
        return super().backward(dy)


class DistancesOfHeads(Distances):
    """The same with a table for each head, R (1, 5), of one head."""

    table = (1, 5)

    def forward(self, x: Any) -> Any:
        self.x = x.reshape(len(x), -1, 2)
        scores = (self.x @ self.x.swapaxes(1, 2) / 2**0.5)[:, None] + self.R[:, self.apart]
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.p = (e / e.sum(axis=-1, keepdims=True))[:, 0]
        return (self.p @ self.x).reshape(len(x), -1)

    def backward(self, dy: Any) -> Any:
        dp = dy.reshape(self.x.shape) @ self.x.mT
        ds = self.p * (dp - (self.p * dp).sum(axis=-1, keepdims=True))
        dR = np.zeros_like(self.R)
        every_head: Any = (slice(None), self.apart)
        np.add.at(dR, every_head, ds.sum(axis=0)[None])
        self.dR = dR
        return Attention.backward(self, dy)


class TwoInputs(hg.Layer):
    """y = a w + b for a tuple of inputs (a, b)    da = dy w    db = dy    dw = Σₙ dy a."""

    param_names = ("w",)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.w = np.linspace(0.5, 1.5, n)

    def forward(self, x: Any) -> Any:
        self.a, b = x
        return self.a * self.w + b

    def backward(self, dy: Any) -> Any:
        self.dw = (dy * self.a).sum(axis=0)
        return dy * self.w, dy


class Residual(hg.Layer):
    """y = x + f(x), a layer made of a layer."""

    def __init__(self, branch: hg.Layer) -> None:
        super().__init__()
        self.layers = [branch]

    def forward(self, x: Any) -> Any:
        return x + self.layers[0].forward(x)

    def backward(self, dy: Any) -> Any:
        return dy + self.layers[0].backward(dy)


class Flatten(hg.Layer):
    """y[n, i] = x[n, a, b], all of a row side by side    dx has the shape of x."""

    def forward(self, x: Any) -> Any:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.shape)


class KeepsItsSizes(hg.Layer):
    """y = x / width, with sizes that are kept as plain numbers    dx = dy / width."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.shape = 0, ()
        self.rows: Any = None

    def forward(self, x: Any) -> Any:
        self.width, self.shape, self.rows = x.shape[1], x.shape, len(x)
        return x / self.width

    def backward(self, dy: Any) -> Any:
        return dy.reshape(self.rows, -1).reshape(self.shape) / self.width
