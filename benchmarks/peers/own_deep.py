"""handgrad's pages of the deeper nets."""

from collections.abc import Callable

import numpy as np

import handgrad as hg
from benchmarks.deep_cases import BLOCKS, FEATURES, HEADS, LENGTH, LETTERS, DeepCase


def _lenet() -> hg.Net:
    pictures = [
        *(hg.Conv2d(1, 6, 5, padding=2), hg.ReLU(), hg.MaxPool2d(2)),
        *(hg.Conv2d(6, 16, 5), hg.ReLU(), hg.MaxPool2d(2)),
    ]
    rows = [hg.Linear(400, 120), hg.ReLU(), hg.Linear(120, 84), hg.ReLU(), hg.Linear(84, 10)]
    return hg.Net(*pictures, hg.Flatten(), *rows)


def _gru() -> hg.Net:
    return hg.Net(hg.GRU(28, 64), hg.Linear(64, 10))


def transformer(
    n_letters: int = LETTERS,
    length: int = LENGTH,
    rng: np.random.Generator | None = None,
    blocks: int = BLOCKS,
    d: int = FEATURES,
) -> hg.Net:
    """A small language model over so many letters, of which it sees `length` at once."""
    net = hg.Net(
        hg.Embedding(n_letters, d, rng=rng), hg.layers.PositionEmbedding(length, d, rng=rng)
    )
    for _ in range(blocks):
        attention = hg.MultiheadAttention(d, HEADS, causal=True, rng=rng)
        alone = hg.Linear(d, 4 * d, rng=rng), hg.GELU(), hg.Linear(4 * d, d, rng=rng)
        net.add(hg.Residual(hg.LayerNorm(d), attention))
        net.add(hg.Residual(hg.LayerNorm(d), *alone))
    return net.add(hg.LayerNorm(d)).add(hg.Linear(d, n_letters, rng=rng))


NETS: dict[str, Callable[[], hg.Net]] = {
    "LeNet-5": _lenet,
    "GRU": _gru,
    "transformer": transformer,
}


def deep_net(case: DeepCase) -> hg.Net:
    """The net with the case's first weights."""
    net, weights = NETS[case.name](), iter(case.weights())
    for _, layer in net.walk():
        for name in layer.param_names:
            setattr(layer, name, next(weights))
    return net
