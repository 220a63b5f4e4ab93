"""PyTorch's modules of the deeper nets."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg
from benchmarks.deep_cases import BLOCKS, FEATURES, HEADS, LENGTH, LETTERS, DeepCase


def _lenet() -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


class _GRU(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(28, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.out(self.gru(x)[0][:, -1])


class _GRUWrittenOut(nn.Module):  # type: ignore[misc, unused-ignore]
    """The same, its steps in Python: a graph of a whole step cannot have `nn.GRU` in it."""

    def __init__(self) -> None:
        super().__init__()
        shapes = (192, 28), (192, 64), (192,), (192,)
        self.weights = nn.ParameterList(torch.empty(shape) for shape in shapes)
        self.out = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        W, U, b, v = self.weights
        a, h = x @ W.T + b, torch.zeros(len(x), U.shape[1])
        for i in range(x.shape[1]):
            ar, az, an = a[:, i].chunk(3, dim=1)
            ur, uz, un = (h @ U.T + v).chunk(3, dim=1)
            r, z = torch.sigmoid(ar + ur), torch.sigmoid(az + uz)
            n = torch.tanh(an + r * un)
            h = (1 - z) * n + z * h
        return self.out(h)


class _Attention(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, d: int) -> None:
        super().__init__()
        self.projected, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x: Any) -> Any:
        heads = (*x.shape[:2], HEADS, x.shape[-1] // HEADS)
        q, k, v = (a.view(heads).transpose(1, 2) for a in self.projected(x).chunk(3, dim=-1))
        z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(z.transpose(1, 2).reshape(x.shape))


class _Residual(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, d: int, *layers: Any) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(d), *layers)

    def forward(self, x: Any) -> Any:
        return x + self.layers(x)


class _Letters(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, n_letters: int, length: int, d: int) -> None:
        super().__init__()
        self.letters, self.places = (nn.Embedding(size, d) for size in (n_letters, length))

    def forward(self, x: Any) -> Any:
        return self.letters(x) + self.places.weight


def transformer(
    n_letters: int = LETTERS, length: int = LENGTH, blocks: int = BLOCKS, d: int = FEATURES
) -> Any:
    """A small language model over so many letters, of which it sees `length` at once."""
    layers = []
    for _ in range(blocks):
        alone = nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)
        layers += [_Residual(d, _Attention(d)), _Residual(d, *alone)]
    return nn.Sequential(
        _Letters(n_letters, length, d), *layers, nn.LayerNorm(d), nn.Linear(d, n_letters)
    )


NETS: dict[str, Callable[[], Any]] = {"LeNet-5": _lenet, "GRU": _GRU, "transformer": transformer}

WRITTEN_OUT = NETS | {"GRU": _GRUWrittenOut}


def deep_net(case: DeepCase, nets: Mapping[str, Callable[[], Any]] = NETS) -> Any:
    """The net with the case's first weights."""
    return with_weights(nets[case.name](), case.weights())


def with_weights(net: Any, weights: Iterable[Any]) -> Any:
    """The net with these arrays as its parameters, in their order."""
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    return net


def with_weights_of(like: hg.Net, net: Any) -> Any:
    """The net with the weights of handgrad's."""
    layers = (layer for _, layer in like.walk())
    weights = [np.array(getattr(layer, name)) for layer in layers for name in layer.param_names]
    return with_weights(net, weights)
