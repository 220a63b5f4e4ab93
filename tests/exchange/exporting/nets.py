"""Random nets over the pages of the textbook, as after a training."""

from collections.abc import Callable

import numpy as np

import handgrad as hg
from handgrad.textbook.layers import Array

ACTIVATIONS: tuple[Callable[[], hg.Layer], ...] = (
    lambda: hg.Tanh(),
    lambda: hg.ReLU(),
    lambda: hg.layers.LeakyReLU(0.1),
    lambda: hg.Sigmoid(),
    lambda: hg.layers.SiLU(),
    lambda: hg.GELU(),
    lambda: hg.layers.GELUTanh(),
    lambda: hg.layers.ELU(0.7),
    lambda: hg.layers.SELU(),
    lambda: hg.layers.Softplus(),
    lambda: hg.layers.Mish(),
    lambda: hg.Softmax(),
    lambda: hg.Dropout(0.3),
)
OF_WIDTH: tuple[Callable[[int], hg.Layer], ...] = (
    lambda n: hg.BatchNorm(n),
    lambda n: hg.LayerNorm(n),
    lambda n: hg.layers.RMSNorm(n),
    lambda n: hg.layers.FeatureScale(n),
    lambda n: hg.Standardize(np.linspace(-1, 1, n), np.linspace(0.5, 2, n)),
    lambda n: hg.Residual(hg.Linear(n, 3), hg.Tanh(), hg.Linear(3, n)),
    lambda n: hg.Parallel(hg.Linear(n, n), hg.Net(hg.Linear(n, n), hg.ReLU()), join="sum"),
)


def random_net(seed: int) -> tuple[hg.Net, Array]:
    """A net of 1 to 5 blocks, float32 or float64, and rows that it takes."""
    rng = np.random.default_rng(seed)
    layers, x, n = _start(rng)
    members = x.ndim == 3
    for _ in range(rng.integers(1, 6)):
        k = int(rng.integers(1, 9))
        layers.append(hg.tables.EnsembleLinear(n, k, x.shape[1]) if members else hg.Linear(n, k))
        layers.append(ACTIVATIONS[rng.integers(len(ACTIVATIONS))]())
        n = k
        if rng.random() < 0.5 and not members:
            layers.append(OF_WIDTH[rng.integers(len(OF_WIDTH))](n))
    dtype = (np.float32, np.float64)[rng.integers(2)]
    net = hg.Net(*layers, dtype=dtype)
    net.parameters[:] = rng.normal(scale=0.7, size=net.parameters.shape)
    net.running_state[:] = rng.uniform(0.2, 2, net.running_state.shape)
    return net, x if net.integer_input else x.astype(dtype)


def _start(rng: np.random.Generator) -> tuple[list[hg.Layer], Array, int]:
    """What stands before the blocks, seven rows for it, and how many numbers it puts out."""
    n = int(rng.integers(1, 9))
    match rng.integers(8):
        case 0:
            return [hg.Embedding(5, 3)], rng.integers(0, 5, 7), 3
        case 1:
            codes = rng.integers(0, 5, (7, 2)).astype(float)
            first = hg.tables.TabularEmbedding(5, 3, n_codes=2, n_numbers=n)
            return [first], np.concatenate([rng.normal(size=(7, n)), codes], axis=1), n + 6
        case 2:
            codes = rng.integers(0, 5, (7, 2, 1)).astype(float)
            embedding = hg.tables.EnsembleEmbedding(5, 3, 2, n_codes=1, n_numbers=n)
            waves = hg.tables.EnsemblePeriodicEmbedding(n + 3, n, 2, n_waves=2)
            x = np.concatenate([rng.normal(size=(7, 2, n)), codes], axis=2)
            return [embedding, waves], x, waves.n_out
    return [], rng.normal(size=(7, n)), n
