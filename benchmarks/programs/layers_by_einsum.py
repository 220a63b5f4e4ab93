"""Layers of one's own whose products are einsums, beside the same by `@` and shifts.

`taskset -c 1 python -m benchmarks.programs.layers_by_einsum [NAME …]`: the processor's microseconds
for a training step of 32 rows in float32, with a gain before the layer, so that dx is needed, and a
linear layer behind it; `head` is a step without the layer.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import numpy as np

import handgrad as hg
from benchmarks.held import hold_machine_code

hold_machine_code()
ROWS, BATCHES, TURNS, SECONDS = 32, 16, 4, 0.15
Array = np.ndarray[Any, np.dtype[np.float32]]
windows = np.lib.stride_tricks.sliding_window_view


def drawn(*shape: int) -> Array:
    """Weights."""
    size = float(np.sqrt(np.prod(shape[1:]) or 1))
    return (np.random.default_rng(0).standard_normal(shape) / size).astype(np.float32)


class Gain(hg.Layer):
    """y = s x, a number for each channel."""

    param_names = ("s",)

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.s = np.ones(shape, np.float32)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.s

    def backward(self, dy: Any) -> Any:
        axes = tuple(k for k in range(dy.ndim) if k == 0 or self.s.shape[k - 1] == 1)
        self.ds = (dy * self.x).sum(axis=axes).reshape(self.s.shape)
        return dy * self.s


class Own(hg.Layer):
    """A layer with weights P, W or both."""

    def __init__(self, **weights: Array) -> None:
        super().__init__()
        self.param_names = tuple(weights)
        for name, value in weights.items():
            setattr(self, name, value)


class Pointwise(Own):
    """By einsum."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("ncij,oc->noij", x, self.P)

    def backward(self, dy: Any) -> Any:
        self.dP = np.einsum("noij,ncij->oc", dy, self.x)
        return np.einsum("noij,oc->ncij", dy, self.P)


class PointwiseOther(Own):
    """By `@`."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        self.x = x.reshape(n, c, h * w)
        return (self.P @ self.x).reshape(n, -1, h, w)

    def backward(self, dy: Any) -> Any:
        n, o, h, w = dy.shape
        dy = dy.reshape(n, o, h * w)
        self.dP = (dy @ self.x.transpose(0, 2, 1)).sum(axis=0)
        return (self.P.T @ dy).reshape(n, -1, h, w)


class Depthwise(Own):
    """By windows and einsum, as docs/add-a-layer.md has it."""

    def forward(self, x: Any) -> Any:
        self.x = x
        self.u = windows(x, (3, 3), axis=(2, 3))
        return np.einsum("ncijkl,ckl->ncij", self.u, self.W)

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("ncijkl,ncij->ckl", self.u, dy)
        dx = np.zeros_like(self.x)
        h, w = dy.shape[2:]
        for k, j in np.ndindex(3, 3):
            dx[:, :, k : k + h, j : j + w] += dy * self.W[:, k, j, None, None]
        return dx


class DepthwiseTwice(Depthwise):
    """Windows and einsum in both directions."""

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("ncijkl,ncij->ckl", self.u, dy)
        v = windows(np.pad(dy, ((0, 0), (0, 0), (2, 2), (2, 2))), (3, 3), axis=(2, 3))
        return np.einsum("ncijkl,ckl->ncij", v, self.W[:, ::-1, ::-1])


class DepthwiseOther(Own):
    """By sums over the places of the kernel."""

    def forward(self, x: Any) -> Any:
        self.x = x
        h, w = x.shape[2] - 2, x.shape[3] - 2
        return sum(
            x[:, :, k : k + h, j : j + w] * self.W[:, k, j, None, None] for k, j in np.ndindex(3, 3)
        )

    def backward(self, dy: Any) -> Any:
        dx, dW = np.zeros_like(self.x), np.zeros_like(self.W)
        h, w = dy.shape[2:]
        for k, j in np.ndindex(3, 3):
            part = self.x[:, :, k : k + h, j : j + w]
            dW[:, k, j] = (part * dy).sum(axis=(0, 2, 3))
            dx[:, :, k : k + h, j : j + w] += dy * self.W[:, k, j, None, None]
        self.dW = dW
        return dx


class CausalConv(Own):
    """A dilated causal convolution; a product by einsum for each place of the kernel."""

    def shifted(self, x: Any, j: int) -> Any:
        t = x.shape[2]
        return np.pad(x, ((0, 0), (0, 0), (2 * j, 0)))[:, :, :t]

    def forward(self, x: Any) -> Any:
        self.parts = [self.shifted(x, j) for j in range(3)]
        return sum(np.einsum("oc,nct->not", W, a) for W, a in zip(self.W, self.parts, strict=True))

    def backward(self, dy: Any) -> Any:
        t = dy.shape[2]
        self.dW = np.stack([np.einsum("not,nct->oc", dy, a) for a in self.parts])
        dx = np.zeros_like(dy)
        for j, W in enumerate(self.W):
            dx[:, :, : t - 2 * j] += np.einsum("oc,not->nct", W, dy)[:, :, 2 * j :]
        return dx


class CausalConvOther(CausalConv):
    """The same by `@`."""

    def forward(self, x: Any) -> Any:
        self.parts = [self.shifted(x, j) for j in range(3)]
        return sum(W @ a for W, a in zip(self.W, self.parts, strict=True))

    def backward(self, dy: Any) -> Any:
        t = dy.shape[2]
        self.dW = np.stack([(dy @ a.transpose(0, 2, 1)).sum(axis=0) for a in self.parts])
        dx = np.zeros_like(dy)
        for j, W in enumerate(self.W):
            dx[:, :, : t - 2 * j] += (W.T @ dy)[:, :, 2 * j :]
        return dx


class Transposed(Own):
    """A transposed convolution, stride 2, kernel 2 by 2: no two places meet."""

    def forward(self, x: Any) -> Any:
        self.x = x
        n, _, h, w = x.shape
        y = np.einsum("ncij,cokl->noikjl", x, self.W)
        return y.reshape(n, -1, 2 * h, 2 * w)

    def backward(self, dy: Any) -> Any:
        n, o, h, w = dy.shape
        dy = dy.reshape(n, o, h // 2, 2, w // 2, 2)
        self.dW = np.einsum("ncij,noikjl->cokl", self.x, dy)
        return np.einsum("noikjl,cokl->ncij", dy, self.W)


class TransposedOther(Own):
    """The same by `@`."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        self.x = x.reshape(n, c, h * w)
        y = self.W.reshape(c, -1).T @ self.x
        y = y.reshape(n, -1, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3)
        return y.reshape(n, -1, 2 * h, 2 * w)

    def backward(self, dy: Any) -> Any:
        n, o, h, w = dy.shape
        dy = dy.reshape(n, o, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4)
        dy = dy.reshape(n, 4 * o, -1)
        self.dW = (self.x @ dy.transpose(0, 2, 1)).sum(axis=0).reshape(self.W.shape)
        return (self.W.reshape(len(self.W), -1) @ dy).reshape(n, -1, h // 2, w // 2)


class Convolution(Own):
    """A convolution by windows and einsum in both directions."""

    def forward(self, x: Any) -> Any:
        self.u = windows(x, (3, 3), axis=(2, 3))
        return np.einsum("ncijkl,ockl->noij", self.u, self.W)

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("ncijkl,noij->ockl", self.u, dy)
        v = windows(np.pad(dy, ((0, 0), (0, 0), (2, 2), (2, 2))), (3, 3), axis=(2, 3))
        return np.einsum("noijkl,ockl->ncij", v, self.W[:, :, ::-1, ::-1])


class Attention(hg.Layer):
    """Attention of x to itself, 4 heads, by einsum."""

    def forward(self, x: Any) -> Any:
        self.x = x
        s = np.einsum("bhqd,bhkd->bhqk", x, x) * x.dtype.type(0.25)
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return np.einsum("bhqk,bhkd->bhqd", self.p, x)

    def backward(self, dy: Any) -> Any:
        dp = np.einsum("bhqd,bhkd->bhqk", dy, self.x)
        ds = self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True)) * dy.dtype.type(0.25)
        dx = np.einsum("bhqk,bhqd->bhkd", self.p, dy)
        dx = dx + np.einsum("bhqk,bhqd->bhkd", ds, self.x)
        return dx + np.einsum("bhqk,bhkd->bhqd", ds, self.x)


class AttentionOther(Attention):
    """The same by `@`."""

    def forward(self, x: Any) -> Any:
        self.x = x
        s = x @ x.transpose(0, 1, 3, 2) * x.dtype.type(0.25)
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p @ x

    def backward(self, dy: Any) -> Any:
        dp = dy @ self.x.transpose(0, 1, 3, 2)
        ds = self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True)) * dy.dtype.type(0.25)
        dx = self.p.transpose(0, 1, 3, 2) @ dy
        return dx + ds.transpose(0, 1, 3, 2) @ self.x + ds @ self.x


class Projection(Own):
    """Heads by one einsum: "ntd,hdk->nhtk"."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("ntd,hdk->nhtk", x, self.W)

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("ntd,nhtk->hdk", self.x, dy)
        return np.einsum("nhtk,hdk->ntd", dy, self.W)


class ProjectionOther(Own):
    """The same by `@` and transposes."""

    def forward(self, x: Any) -> Any:
        n, t, d = x.shape
        self.x = x.reshape(n * t, d)
        h, _, k = self.W.shape
        y = self.x @ self.W.transpose(1, 0, 2).reshape(d, h * k)
        return y.reshape(n, t, h, k).transpose(0, 2, 1, 3)

    def backward(self, dy: Any) -> Any:
        n, h, t, k = dy.shape
        d = self.W.shape[1]
        dy = dy.transpose(0, 2, 1, 3).reshape(n * t, h * k)
        self.dW = (self.x.T @ dy).reshape(d, h, k).transpose(1, 0, 2)
        return (dy @ self.W.transpose(0, 2, 1).reshape(h * k, d)).reshape(n, t, d)


class ThreeOperands(Own):
    """Scores by one einsum of three."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("nti,ij,nsj->nts", x, self.W, x)

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("nti,nts,nsj->ij", self.x, dy, self.x)
        dx = np.einsum("nts,nsj,ij->nti", dy, self.x, self.W)
        return dx + np.einsum("nts,nti,ij->nsj", dy, self.x, self.W)


class ThreeOperandsOther(Own):
    """The same by `@`."""

    def forward(self, x: Any) -> Any:
        self.x, self.z = x, x @ self.W
        return self.z @ x.transpose(0, 2, 1)

    def backward(self, dy: Any) -> Any:
        dz = dy @ self.x
        i = self.x.shape[2]
        self.dW = self.x.reshape(-1, i).T @ dz.reshape(-1, i)
        return dz @ self.W.T + dy.transpose(0, 2, 1) @ self.z


class LowRank(Own):
    """A product of three matrices, as low-rank adapters have."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("ni,ri,or->no", x, self.A, self.B)

    def backward(self, dy: Any) -> Any:
        self.dA = np.einsum("no,or,ni->ri", dy, self.B, self.x)
        self.dB = np.einsum("no,ri,ni->or", dy, self.A, self.x)
        return np.einsum("no,or,ri->ni", dy, self.B, self.A)


class LowRankOther(Own):
    """The same by `@`."""

    def forward(self, x: Any) -> Any:
        self.x, self.z = x, x @ self.A.T
        return self.z @ self.B.T

    def backward(self, dy: Any) -> Any:
        dz = dy @ self.B
        self.dA, self.dB = dz.T @ self.x, dy.T @ self.z
        return dz @ self.A


class Grouped(Own):
    """A matrix for each group of features."""

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.einsum("ngi,goi->ngo", x, self.W)

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("ngo,ngi->goi", dy, self.x)
        return np.einsum("ngo,goi->ngi", dy, self.W)


class GroupedOther(Own):
    """The same by `@` of groups."""

    def forward(self, x: Any) -> Any:
        self.x = x.transpose(1, 0, 2)
        return (self.x @ self.W.transpose(0, 2, 1)).transpose(1, 0, 2)

    def backward(self, dy: Any) -> Any:
        dy = dy.transpose(1, 0, 2)
        self.dW = dy.transpose(0, 2, 1) @ self.x
        return (dy @ self.W).transpose(1, 0, 2)


def two(*layers: Callable[..., hg.Layer], **weights: Array) -> list[list[hg.Layer]]:
    """Each layer with these weights."""
    return [[layer(**weights)] for layer in layers]


PICTURES, SEQUENCES = (16, 16, 16), (16, 64)
CASES: dict[str, tuple[tuple[int, ...], Callable[[], list[list[hg.Layer]]]]] = {
    "head": (PICTURES, lambda: [[]]),
    "pointwise": (PICTURES, lambda: two(Pointwise, PointwiseOther, P=drawn(32, 16))),
    "pointwise, wide": ((64, 8, 8), lambda: two(Pointwise, PointwiseOther, P=drawn(64, 64))),
    "depthwise": (PICTURES, lambda: two(Depthwise, DepthwiseOther, W=drawn(16, 3, 3))),
    "depthwise twice": (PICTURES, lambda: two(DepthwiseTwice, DepthwiseOther, W=drawn(16, 3, 3))),
    "separable": (
        PICTURES,
        lambda: [
            [Depthwise(W=drawn(16, 3, 3)), Pointwise(P=drawn(32, 16))],
            [DepthwiseOther(W=drawn(16, 3, 3)), PointwiseOther(P=drawn(32, 16))],
        ],
    ),
    "convolution": (
        PICTURES,
        lambda: [[Convolution(W=drawn(32, 16, 3, 3))], [hg.Conv2d(16, 32, 3, rng=0)]],
    ),
    "causal": (SEQUENCES, lambda: two(CausalConv, CausalConvOther, W=drawn(3, 16, 16))),
    "transposed": ((16, 8, 8), lambda: two(Transposed, TransposedOther, W=drawn(16, 16, 2, 2))),
    "attention": ((4, 32, 16), lambda: two(Attention, AttentionOther)),
    "projection": ((32, 64), lambda: two(Projection, ProjectionOther, W=drawn(4, 64, 16))),
    "three operands": ((24, 32), lambda: two(ThreeOperands, ThreeOperandsOther, W=drawn(32, 32))),
    "low rank": ((256,), lambda: two(LowRank, LowRankOther, A=drawn(8, 256), B=drawn(128, 8))),
    "grouped": ((8, 32), lambda: two(Grouped, GroupedOther, W=drawn(8, 32, 32))),
}


def microseconds(layers: list[hg.Layer], shape: tuple[int, ...]) -> float:
    """The time of one step, compiled."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((ROWS * BATCHES, *shape)).astype(np.float32)
    y = rng.integers(0, 10, len(x))
    body = [Gain(shape[0], *[1] * (len(shape) - 1)), *layers]
    width = x[:1]
    for layer in body:
        width = layer.forward(width)
    net = hg.Net(*body, hg.Flatten(), hg.Linear(width.size, 10, rng=0))
    kw: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.SGD(1e-4), "rng": 0}
    kw |= {"engine": "compiled", "batch_size": ROWS, "shuffle": False}

    def run(epochs: int) -> float:
        started = time.process_time()
        for _ in hg.train(net, (x, y), epochs=epochs, **kw):
            pass
        return time.process_time() - started

    run(1)
    epochs = max(4, round(SECONDS / max(run(9) - run(1), 1e-4) * 8))
    times = [run(epochs + 1) - run(1) for _ in range(TURNS)]
    return min(times) / epochs / BATCHES * 1e6


def main() -> None:
    for name in sys.argv[1:] or CASES:
        shape, make = CASES[name]
        found = [round(microseconds(layers, shape)) for layers in make()]
        print(json.dumps({name: found}), flush=True)


if __name__ == "__main__":
    main()
