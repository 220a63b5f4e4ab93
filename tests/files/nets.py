"""Nets of all kinds to be saved, and layers of one's own."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import handgrad as hg
from tests.contracts.table import LAYERS

X = np.random.default_rng(0).normal(3, 2, size=(20, 3))


class Scale(hg.Layer):
    """y = s x; keeps nothing of its argument but the size of an array."""

    param_names = ("s",)

    def __init__(self, n: int) -> None:
        super().__init__()
        self.s = np.ones(n)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        self.ds = (self.x * dy).sum(axis=0)
        return self.s * dy


class Choose(hg.Layer):
    """y = x[:, columns]; an array among the settings, a word, and a number that is no size."""

    def __init__(self, columns: Any, *, kind: str = "plain", factor: float = 1.0) -> None:
        super().__init__()
        self.columns, self.kind, self.factor = np.asarray(columns), kind, factor

    def forward(self, x: Any) -> Any:
        return self.factor * x[:, self.columns]


class Both(hg.Layer):
    """y = a(x) + b(x), for two layers in a tuple."""

    def __init__(self, pair: tuple[hg.Layer, hg.Layer]) -> None:
        super().__init__()
        self.layers = pair

    def forward(self, x: Any) -> Any:
        return self.layers[0].forward(x) + self.layers[1].forward(x)


class Tower(hg.Net):
    """A net that makes its layers itself, out of widths."""

    def __init__(self, *widths: int) -> None:
        super().__init__(*(hg.Linear(a, b) for a, b in pairwise(widths)), hg.Tanh())


OWN: dict[str, type[hg.Layer]] = {
    kind.__name__: kind for kind in (Scale, Choose, Both, Tower)
}  # fmt: skip


def usual(dtype: Any = np.float32, seed: int = 0) -> hg.Net:
    """A net with state, nets within nets and frozen weights; random numbers everywhere."""
    slope = hg.Net(hg.layers.LeakyReLU(0.2), dtype=dtype)
    net = hg.Net(
        hg.Standardize.of(X + seed),
        hg.Net(hg.Linear(3, 4, rng=seed, dtype=dtype), hg.Tanh(), slope, dtype=dtype),
        hg.Linear(4, 2, rng=seed + 1, dtype=dtype).freeze(),
        hg.Softmax(),
        dtype=dtype,
    )
    return with_random_numbers(net, seed)


def with_random_numbers(net: hg.Net, seed: int = 0) -> hg.Net:
    """The net with other numbers than it began with, none of them zero."""
    rng = np.random.default_rng(seed)
    for array in net.state().values():
        assert array.dtype == net.dtype
    net.parameters[...] = rng.uniform(0.5, 1.5, net.parameters.shape)
    net.running_state[...] = rng.uniform(0.5, 1.5, net.running_state.shape)
    return net


def _own() -> hg.Net:
    return hg.Net(Scale(3), Choose([2, 0, 0], factor=2), Scale(3))


def _composed() -> hg.Net:
    return hg.Net(hg.Linear(3, 2), Both((hg.Linear(2, 2), hg.Net(hg.Tanh()))), Tower(2, 5, 4))


NETS: dict[str, Callable[[Any], hg.Net]] = {
    "usual": usual,
    "without layers": lambda dtype: hg.Net(dtype=dtype),
    "own": lambda dtype: with_random_numbers(hg.Net(_own(), dtype=dtype)),
    "composed": lambda dtype: with_random_numbers(hg.Net(_composed(), dtype=dtype)),
} | {
    name: lambda dtype, make=make: with_random_numbers(hg.Net(make(), dtype=dtype))
    for name, make in LAYERS.items()
}
