"""Trainings that went well, about which the doctor has nothing to say."""

from collections.abc import Callable

import numpy as np

import handgrad as hg
from tests.check.doctor.trainings import (
    Case,
    classes,
    dense,
    diabetes,
    halves,
    loaded,
    rare_class,
    seeds_data,
    table,
)


def spirals(seed: int) -> Case:
    x, y = hg.data.make_spirals(400, noise=0.05, rng=seed)
    net = hg.Net(*dense(2, 32, 32, 2, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, (x, y), epochs=200, options={"batch_size": 8})


def deep_residual(seed: int) -> Case:
    data, held, scale = table("wine", seed)
    blocks = [
        hg.Residual(
            hg.LayerNorm(16),
            hg.Linear(16, 16, rng=seed + i),
            hg.ReLU(),
            hg.Linear(16, 16, rng=seed + 50 + i),
        )
        for i in range(10)
    ]
    net = hg.Net(scale, hg.Linear(13, 16, rng=seed), *blocks, hg.Linear(16, 3, rng=99))
    return Case(net, data, hg.SoftmaxCrossEntropyLoss(), hg.Adam(1e-3), 15, validation=held)


def batch_norm(seed: int) -> Case:
    data, held = loaded("breast_cancer", seed)
    net = hg.Net(
        hg.BatchNorm(30),
        hg.Linear(30, 16, rng=seed),
        hg.BatchNorm(16),
        hg.ReLU(),
        hg.Linear(16, 1, rng=seed + 1),
        hg.Sigmoid(),
    )
    return Case(net, data, hg.BinaryCrossEntropyLoss(), hg.SGD(0.05), 15, validation=held)


def dropout(seed: int) -> Case:
    data, held, scale = table("breast_cancer", seed)
    net = hg.Net(
        scale,
        hg.Linear(30, 32, rng=seed),
        hg.ReLU(),
        hg.Dropout(0.3),
        hg.Linear(32, 16, rng=seed + 1),
        hg.ReLU(),
        hg.Dropout(0.3),
        hg.Linear(16, 2, rng=seed + 2),
        hg.Softmax(),
    )
    return Case(net, data, optimizer=hg.Adam(3e-3), epochs=20, validation=held)


def imbalanced_learnt(seed: int) -> Case:
    x, y = rare_class(seed, apart=4.0)
    net = hg.Net(*dense(4, 16, 2, seed=seed), hg.Softmax())
    return Case(net, (x, y), epochs=30)


def unbalanced_small(seed: int) -> Case:
    x, y = hg.data.load("iris")
    rows = np.r_[0:50, 50:70, 100:108]
    net = hg.Net(hg.Standardize.of(x), *dense(4, 8, 3, activation=hg.Tanh, seed=seed), hg.Softmax())
    return Case(net, (x[rows], y[rows]), epochs=60, options={"batch_size": 8})


def sine(seed: int) -> Case:
    x, y = hg.data.make_sine(200, rng=seed)
    net = hg.Net(*dense(1, 32, 1, activation=hg.Tanh, seed=seed))
    return Case(net, (x, y), hg.MSELoss(), hg.Adam(0.01), 80)


def few_distinct_rows(seed: int) -> Case:
    """Answers to six questions, yes or no: the same rows come again and again."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (400, 6)).astype(float)
    y = (x.sum(axis=1) > 3).astype(int)
    data, held = halves(x, y, seed)
    net = hg.Net(*dense(6, 16, 2, seed=seed), hg.Softmax())
    return Case(net, data, validation=held)


def moons_in_parallel(seed: int) -> Case:
    x, y = hg.data.make_moons(300, rng=seed)
    branches = hg.Parallel(
        hg.Net(hg.Linear(2, 8, rng=seed), hg.GELU()),
        hg.Net(hg.Linear(2, 8, rng=seed + 1), hg.Tanh()),
        join="concatenate",
    )
    net = hg.Net(branches, hg.Linear(16, 2, rng=seed + 2), hg.Softmax())
    return Case(net, (x, y), optimizer=hg.Adam(0.01), epochs=40)


HEALTHY: dict[str, Callable[[int], Case]] = {
    "seed": seeds_data,
    "iris": classes("iris", 8, activation=hg.Tanh, epochs=60),
    "wine": classes("wine", 16),
    "breast cancer": classes("breast_cancer", 16, epochs=15),
    "digits": classes("digits", 64, epochs=15),
    "diabetes": diabetes,
    "spirals": spirals,
    "deep residual": deep_residual,
    "batch normalisation": batch_norm,
    "dropout": dropout,
    "imbalanced, learnt": imbalanced_learnt,
    "unbalanced, small": unbalanced_small,
    "sine": sine,
    "few distinct rows": few_distinct_rows,
    "moons, in parallel": moons_in_parallel,
}
