"""Watches a copy of a net: what goes into each layer and what comes out, in order."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.layers import Array, Layer
from handgrad.net import Net
from handgrad.net.minibatches import Inputs, number_of_rows


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer's `forward` or `backward`: what came in, and what went out."""

    where: str
    layer: Layer
    method: str
    came: Any
    went: Any

    @property
    def holds_weights(self) -> bool:
        """Whether the layer has a matrix of weights: a bias or a scale alone is none."""
        return any(getattr(self.layer, name).ndim > 1 for name in self.layer.param_names)


def watched(net: Net) -> tuple[Net, list[Call]]:
    """A copy of `net`, and a list to which its layers append each call from now on."""
    twin, calls = copy.deepcopy(net), list[Call]()
    for where, layer in (*places(twin), (type(net).__name__, twin)):
        for method in ("forward", "backward"):
            layer.__dict__[method] = _noting(where, layer, method, calls)
    return twin, calls


def places(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """All layers within, each with its place: `layer 2 of 4, Residual: layer 1 of 2, Tanh()`."""
    for i, inner in enumerate(layer.layers, 1):
        shown = type(inner).__name__ if inner.layers else repr(inner)
        where = f"{prefix}layer {i} of {len(layer.layers)}, {shown}"
        yield where, inner
        yield from places(inner, f"{where}: ")


def _noting(where: str, layer: Layer, method: str, calls: list[Call]) -> Any:
    page = getattr(layer, method)

    def noting(came: Inputs) -> Inputs:
        went = page(came)
        calls.append(Call(where, layer, method, came, went))
        return went

    return noting


def sampled(x: Inputs, most: int) -> Array:
    """The indices of all rows of `x`, or of `most` of them, evenly spaced.

    >>> sampled(np.zeros((9, 1)), 3)
    array([0, 4, 8])
    """
    n = number_of_rows(x)
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def finite(x: Inputs | tuple[Array | None, ...]) -> bool:
    """Whether all numbers in an array, or in each of a tuple of arrays, are finite."""
    parts = x if isinstance(x, tuple) else (x,)
    return all(bool(np.isfinite(part).all()) for part in parts if part is not None)


def per_row(x: Array) -> Array:
    """(n, …) as (n, k): the numbers of each row side by side."""
    return x.reshape(len(x), -1)


def row_norm(x: Array) -> float:
    """The root mean square, over the rows, of how long each row is."""
    wide = per_row(x).astype(np.float64)
    return float(np.sqrt((wide**2).sum(axis=1).mean()))


def passed_back(layer: Layer, x: Array, dy: Array) -> Array:
    """`backward` after `forward`, of the page itself: nothing is noted."""
    with layer.mode(training=False):
        type(layer).forward(layer, x)
        return np.asarray(type(layer).backward(layer, dy))
