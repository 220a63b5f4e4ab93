"""Gradients and then the update: the halves of a step come to the bits of a whole epoch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Engine
from tests.engines.one_epoch import engine_of, run_epoch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 70)
W = RNG.uniform(0.5, 2, 70).astype(np.float32)
BATCH = 16

OPTIMIZERS: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "SGD": lambda: hg.SGD(0.1),
    "Adam, clipped": lambda: hg.Adam(0.01, clip_norm=0.5, weight_decay=0.01),
    "groups": lambda: hg.SGD(0.1, momentum=0.9, groups={"*.b": {"learning_rate_factor": 0.5}}),
}


def small() -> hg.Net:
    return hg.Net(hg.Linear(4, 6, rng=1), hg.Tanh(), hg.Linear(6, 3, rng=2), hg.Softmax())


def with_state_and_draws() -> hg.Net:
    net = hg.Net(hg.Linear(4, 6, rng=1), hg.BatchNorm(6), hg.Dropout(0.3), hg.Linear(6, 3, rng=2))
    net.add(hg.Softmax())
    net.seed(5)
    return net


def wide() -> hg.Net:
    """Its products are shared among threads."""
    return hg.Net(hg.Linear(4, 300, rng=1), hg.ReLU(), hg.Linear(300, 300, rng=2), hg.ReLU(),
                  hg.Linear(300, 3, rng=3), hg.Softmax())  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EagerEngine, CompiledEngine])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("net_of", [small, with_state_and_draws, wide])
@pytest.mark.parametrize("w", [None, W], ids=["alike", "weighted"])
def test_both_halves_come_to_the_bits_of_an_epoch(
    kind: Any, name: str, net_of: Callable[[], hg.Net], w: Any
) -> None:
    whole, halves = net_of(), net_of()
    order = np.random.default_rng(1).permutation(len(Y))
    rows: dict[str, Any] = {"w": w, "penalty": hg.penalties.L2Penalty(0.01), "held_out": [X[:5]]}
    optimizer = OPTIMIZERS[name]()
    fused: Engine = engine_of(kind, whole, hg.CrossEntropyLoss(), optimizer, X, Y, BATCH, **rows)
    whole.gradients[...] = np.nan  # stays where the step uses a gradient up
    expected = run_epoch(fused, order)
    engine: Engine = engine_of(
        kind, halves, hg.CrossEntropyLoss(), OPTIMIZERS[name](), X, Y, BATCH, **rows
    )
    predictions, losses, counts = [], [], []
    for start in range(0, len(Y), BATCH):
        batch = order[start : start + BATCH]
        loss, p = engine.gradients(batch)
        engine.apply(optimizer.learning_rate)
        predictions.append(p)
        losses.append(loss)
        counts.append(len(batch) if w is None else w[batch].sum(dtype=float))
    np.testing.assert_array_equal(halves.parameters, whole.parameters)
    stored = np.isfinite(whole.gradients)
    assert stored.any()
    np.testing.assert_array_equal(halves.gradients[stored], whole.gradients[stored])
    np.testing.assert_array_equal(halves.running_state, whole.running_state)
    np.testing.assert_array_equal(np.concatenate(predictions), expected.predictions)
    np.testing.assert_array_equal(engine.predict_held_out()[0], expected.held_out[0])
    assert engine.step[0] == fused.step[0] == len(losses)
    for mine, other in zip(engine.optimizer_state, fused.optimizer_state, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert np.average(losses, weights=counts) == pytest.approx(expected.loss, rel=1e-12)


@pytest.mark.parametrize("kind", [EagerEngine, CompiledEngine])
def test_the_gradients_may_be_changed_in_between(kind: Any) -> None:
    net = small()
    before = net.parameters.copy()
    engine = engine_of(kind, net, hg.CrossEntropyLoss(), hg.SGD(1.0), X, Y, BATCH)
    engine.gradients(np.arange(5))
    net.gradients[...] = 0.5
    engine.apply(0.5)
    np.testing.assert_array_equal(net.parameters, before - np.float32(0.25))


@pytest.mark.parametrize("kind", [EagerEngine, CompiledEngine])
def test_a_loss_that_is_not_finite_is_handed_out(kind: Any) -> None:
    net = small()
    net.parameters[...] = np.inf
    engine = engine_of(kind, net, hg.CrossEntropyLoss(), hg.SGD(1.0), X, Y, BATCH)
    loss, _ = engine.gradients(np.arange(5))
    assert not np.isfinite(loss)
