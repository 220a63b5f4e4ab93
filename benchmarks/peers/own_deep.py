"""handgrad's pages of the deeper nets."""

from collections.abc import Callable

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


def _transformer() -> hg.Net:
    d, net = (
        FEATURES,
        hg.Net(hg.Embedding(LETTERS, FEATURES), hg.PositionEmbedding(LENGTH, FEATURES)),
    )
    for _ in range(BLOCKS):
        attention = hg.MultiheadAttention(d, HEADS, causal=True)
        net.add(hg.Residual(hg.LayerNorm(d), attention))
        alone = [hg.Linear(d, 4 * d), hg.GELU(), hg.Linear(4 * d, d)]
        net.add(hg.Residual(hg.LayerNorm(d), *alone))
    return net.add(hg.LayerNorm(d)).add(hg.Linear(d, LETTERS))


NETS: dict[str, Callable[[], hg.Net]] = {
    "LeNet-5": _lenet,
    "GRU": _gru,
    "transformer": _transformer,
}


def deep_net(case: DeepCase) -> hg.Net:
    """The net with the case's first weights."""
    net, weights = NETS[case.name](), iter(case.weights())
    for _, layer in net.walk():
        for name in layer.param_names:
            setattr(layer, name, next(weights))
    return net
