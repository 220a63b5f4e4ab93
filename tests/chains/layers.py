"""Every layer of the textbook made to fit rows of a shape, as the text of a program."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input
from tests.graph.spellings.several import TwoTowers

Shape = tuple[int, ...]

# What a net behind a front is made of: every layer of the contracts, by the kind of what it does.
KINDS: dict[str, tuple[str, ...]] = {
    "elementwise": (
        *("Tanh", "ReLU", "LeakyReLU", "Sigmoid", "SiLU", "GELU", "GELUTanh", "ELU", "SELU"),
        *("Softplus", "Mish", "Standardize", "FeatureScale", "Dropout", "GaussianNoise"),
        *("PositionEmbedding", "SinusoidalEncoding", "RotaryEmbedding", "SwiGLU"),
    ),
    "product": (
        *("Linear", "EnsembleLinear", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"),
        *("MultiheadAttention", "EnsemblePeriodicEmbedding", "RNN", "GRU", "LSTM"),
    ),
    "normalisation": ("LayerNorm", "RMSNorm", "BatchNorm", "BatchNorm2d"),
    "reduction over features": ("Softmax",),
    "reduction over time": ("MeanOverTime", "MaxOverTime"),
    "pooling": ("AvgPool2d", "MaxPool2d"),
    "transpose": ("Transpose",),
    "reshape": ("Reshape", "Flatten"),
    "augmentation": ("RandomShift", "RandomHorizontalFlip"),
    "container": ("Net", "Residual", "Parallel", "Bidirectional"),
    "codes": ("Embedding", "TiedEmbedding", "TabularEmbedding", "EnsembleEmbedding"),
}


def _reshape(shape: Shape) -> Shape:
    """Rows of one axis as two, of two as a picture of one channel, pictures as sequences."""
    match shape:
        case (k,):
            return (2, k // 2) if k % 2 == 0 else (k, 1)
        case (t, k):
            return (1, t, k)
    return (shape[0], int(np.prod(shape[1:])))


def _heads(k: int) -> int:
    return 2 if k % 2 == 0 else 1


def _axes(shape: Shape) -> Shape:
    return (2, 1) if len(shape) < 3 else (3, 1, 2)


# The text of each, for rows of a shape and a width; of rows that it does not fit, it is refused.
TEXTS: dict[str, Callable[[Shape, int], str]] = {
    "Linear": lambda s, k: f"hg.Linear({s[-1]}, {k}, rng=1)",
    **{
        name: lambda s, k, name=name: f"hg.layers.{name}()"  # type: ignore[misc]
        for name in (
            *("Tanh", "ReLU", "Sigmoid", "SiLU", "GELU", "GELUTanh", "SELU", "Softplus", "Mish"),
            *("Softmax", "SwiGLU", "MeanOverTime", "MaxOverTime", "Flatten"),
        )
    },
    "LeakyReLU": lambda s, k: "hg.layers.LeakyReLU(0.1)",
    "ELU": lambda s, k: "hg.layers.ELU(0.7)",
    "Standardize": lambda s, k: (
        f"hg.Standardize(np.linspace(-1, 1, {s[-1]}), np.linspace(0.5, 2, {s[-1]}))"
    ),
    "BatchNorm": lambda s, k: f"hg.BatchNorm({s[-1]})",
    "LayerNorm": lambda s, k: f"hg.LayerNorm({s[-1]})",
    "RMSNorm": lambda s, k: f"hg.layers.RMSNorm({s[-1]})",
    "FeatureScale": lambda s, k: f"hg.layers.FeatureScale({s[-1]})",
    "Dropout": lambda s, k: "hg.Dropout(0.3)",
    "GaussianNoise": lambda s, k: "hg.layers.GaussianNoise(0.3)",
    "PositionEmbedding": lambda s, k: f"hg.layers.PositionEmbedding({s[0]}, {s[-1]}, rng=2)",
    "SinusoidalEncoding": lambda s, k: f"hg.layers.SinusoidalEncoding({s[0]}, {s[-1]})",
    "RotaryEmbedding": lambda s, k: f"hg.layers.RotaryEmbedding({s[-1]})",
    "MultiheadAttention": lambda s, k: (
        f"hg.MultiheadAttention({s[-1]}, {_heads(s[-1])}, causal={k % 2 == 0}, "
        f"rotary={s[-1] % 4 == 0}, rng=3)"
    ),
    "RNN": lambda s, k: f"hg.layers.RNN({s[-1]}, {k}, return_sequences={k % 2 == 1}, rng=4)",
    "GRU": lambda s, k: f"hg.GRU({s[-1]}, {k}, return_sequences={k % 2 == 0}, rng=5)",
    "LSTM": lambda s, k: f"hg.LSTM({s[-1]}, {k}, return_sequences={k % 2 == 0}, rng=6)",
    "EnsembleLinear": lambda s, k: f"hg.tables.EnsembleLinear({s[-1]}, {k}, {s[0]}, rng=7)",
    "EnsemblePeriodicEmbedding": lambda s, k: (
        f"hg.tables.EnsemblePeriodicEmbedding({s[-1]}, 1, {s[0]}, n_waves=2, rng=8)"
    ),
    "Conv1d": lambda s, k: (
        f"hg.layers.Conv1d({s[0]}, {k}, 2, padding={k % 2}, dilation={1 + (k % 3 == 0)}, rng=9)"
    ),
    "Conv2d": lambda s, k: (
        f"hg.Conv2d({s[0]}, {k}, ({1 + k % 2}, 2), stride=({1 + (k % 3 == 0)}, 1), "
        f"groups={math.gcd(s[0], k)}, rng=10)"
    ),
    "ConvTranspose1d": lambda s, k: (
        f"hg.layers.ConvTranspose1d({s[0]}, {k}, 2, stride={1 + k % 2}, rng=18)"
    ),
    "ConvTranspose2d": lambda s, k: (
        f"hg.layers.ConvTranspose2d({s[0]}, {k}, (2, 3), stride=({1 + k % 2}, 1), "
        f"padding=({k % 2}, 1), rng=19)"
    ),
    "MaxPool2d": lambda s, k: f"hg.MaxPool2d(2, stride=({1 + k % 2}, 1))",
    "AvgPool2d": lambda s, k: f"hg.layers.AvgPool2d((2, 1), stride=1, padding=({k % 2}, 0))",
    "BatchNorm2d": lambda s, k: f"hg.layers.BatchNorm2d({s[0]})",
    "RandomShift": lambda s, k: "hg.layers.RandomShift(1)",
    "RandomHorizontalFlip": lambda s, k: "hg.layers.RandomHorizontalFlip(0.4)",
    "Reshape": lambda s, k: f"hg.layers.Reshape({', '.join(map(str, _reshape(s)))})",
    "Transpose": lambda s, k: f"hg.layers.Transpose({', '.join(map(str, _axes(s)))})",
    "Net": lambda s, k: f"hg.Net(hg.Linear({s[-1]}, {k}, rng=11), hg.Tanh())",
    "Residual": lambda s, k: (
        f"hg.Residual(hg.LayerNorm({s[-1]}), hg.Linear({s[-1]}, {s[-1]}, rng=12))"
    ),
    "Parallel": lambda s, k: (
        f"hg.Parallel(hg.Linear({s[-1]}, 2, rng=13), hg.Net(hg.Linear({s[-1]}, {k}, rng=14), "
        'hg.Tanh()), join="concatenate")'
    ),
    "Bidirectional": lambda s, k: (
        f"hg.Bidirectional(hg.GRU({s[-1]}, {k}, return_sequences={k % 2 == 1}, rng=20), "
        f"hg.layers.RNN({s[-1]}, 2, return_sequences={k % 2 == 1}, rng=21))"
    ),
    "TiedEmbedding": lambda s, k: (
        f"hg.TiedEmbedding(hg.Embedding(5, {k}, rng=22), hg.Linear({k}, {k}, rng=23))"
    ),
    "Embedding": lambda s, k: f"hg.Embedding(5, {k}, rng=15)",
    "TabularEmbedding": lambda s, k: (
        f"hg.tables.TabularEmbedding(5, {k}, n_codes=2, n_numbers=1, rng=16)"
    ),
    "EnsembleEmbedding": lambda s, k: (
        f"hg.tables.EnsembleEmbedding(5, {k}, 2, n_codes=2, n_numbers=1, rng=17)"
    ),
}


def value_of(text: str) -> Any:
    """What the text of a layer, of a loss, of an optimizer makes."""
    return eval(text, {"hg": hg, "np": np, "TwoTowers": TwoTowers})


def net_of(layers: str) -> str:
    """The text of a net of these layers, in float64: other last digits seldom decide there."""
    return f'hg.Net({layers}, dtype="float64")'


@cache
def shape_behind(layer: str, shape: Shape) -> Shape | None:
    """What a layer makes of rows of a shape: what it says and what it does; None if it refuses.

    Codes are taken for codes only where a net begins, so a layer of them refuses all others.
    """
    try:
        made = value_of(layer)
        if made.integer_input:
            return None
        net = hg.Net(made)
        p = net.predict(np.ones((2, *shape)), engine="eager")
    except hg.HandgradError:
        return None
    found = tuple(p.shape[1:])
    if (said := made.shape_out(shape)) not in (found, None):
        raise AssertionError(f"{layer} says {said} of rows of {shape}, and makes {found}")
    return found


def rows_of(net: hg.Layer, shape: Shape, n: int, rng: np.random.Generator) -> Any:
    """Random rows for a net; codes from 0 to 4 where it takes them, as floats beside numbers."""
    if not net.integer_input:
        return rng.standard_normal((n, *shape))
    codes = rng.integers(0, 5, (n, *shape))
    return codes if getattr(net, "layers", [net])[0].ndim is None else codes.astype(float)


def shape_of_codes(text: str) -> Shape:
    """The shape of a row of codes that a layer of them takes."""
    layer = value_of(text)
    return (5,) if layer.ndim is None else tuple(example_input(layer, 1).shape[1:])
