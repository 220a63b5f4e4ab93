"""Epochs that are run ahead are those that would have been run one by one."""

import copy
import itertools
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import MOST_STORED, CompiledEngine
from handgrad.engines.eager import EagerEngine
from tests.engines.one_epoch import engine_of, run_epochs
from tests.graph import pages

ROWS = np.random.default_rng(0).standard_normal((9, 4))
Y = np.random.default_rng(1).standard_normal((9, 2))
HELD_OUT = np.random.default_rng(2).standard_normal((5, 4))


class Adagrad(hg.optimizers.Optimizer):
    state_names = ("s",)

    def rule(self, w: Any, dw: Any, s: Any, *, learning_rate: Any, step: Any) -> Any:
        s = s + dw * dw
        return w - learning_rate / (1 + 0.01 * step) * dw / (np.sqrt(s) + 0.1), s


def engine(optimizer: hg.optimizers.Optimizer | None = None, batch_size: int = 4) -> CompiledEngine:
    layers = (hg.Linear(4, 3, rng=0), pages.BatchNorm(3), hg.Tanh(), hg.Linear(3, 2, rng=1))
    net = hg.Net(*layers, dtype=np.float64)
    optimizer = optimizer or Adagrad(0.1)
    return engine_of(CompiledEngine, net, hg.MSELoss(), optimizer, ROWS, Y, batch_size, [HELD_OUT])


def orders(epochs: int) -> Any:
    rng = np.random.default_rng(3)
    return np.array([rng.permutation(len(Y)) for _ in range(epochs)])


def seen(compiled: Any, calls: list[Any]) -> list[Any]:
    """What each epoch leaves, epoch by epoch, as a reader of the reports sees it."""
    found = []
    for call in calls:
        for epoch in run_epochs(compiled, call):
            weights = compiled.net.parameters.copy(), compiled.net.running_state.copy()
            found.append((epoch.loss, epoch.predictions.copy(), epoch.held_out[0].copy(), *weights))
    return found


@pytest.mark.parametrize("sizes", [[6], [1, 5], [2, 2, 2], [4, 2]])
def test_each_epoch_leaves_what_it_leaves_alone(sizes: list[int]) -> None:
    alone, together = engine(), engine()
    ends = [0, *itertools.accumulate(sizes)]
    all_orders = orders(6)
    expected = seen(alone, [order[None] for order in all_orders])
    found = seen(together, [all_orders[a:b] for a, b in itertools.pairwise(ends)])
    for one, other in zip(expected, found, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert together.step.item() == alone.step.item()


def test_the_epochs_are_those_of_the_eager_engine() -> None:
    compiled = engine()
    twin = copy.deepcopy(compiled.net)
    eager = engine_of(EagerEngine, twin, hg.MSELoss(), Adagrad(0.1), ROWS, Y, 4, [HELD_OUT])
    pairs = zip(seen(eager, [orders(5)]), seen(compiled, [orders(5)]), strict=True)
    for expected, found in pairs:
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_who_stops_finds_the_net_as_it_was_reported(stop: int) -> None:
    compiled, alone = engine(), engine()
    expected = seen(alone, [order[None] for order in orders(6)])[stop]
    for i, _ in enumerate(run_epochs(compiled, orders(6))):
        if i == stop:
            break
    np.testing.assert_array_equal(compiled.net.parameters, expected[3])
    np.testing.assert_array_equal(compiled.net.running_state, expected[4])


@pytest.mark.parametrize("kind", ["eager", "compiled"])
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_what_is_put_back_is_the_end_of_the_epoch_before(kind: str, stop: int) -> None:
    compiled = engine()
    before = compiled.net.parameters.copy(), compiled.net.running_state.copy()
    states = [before, *(s[3:] for s in seen(engine(), [order[None] for order in orders(6)]))]
    if kind == "eager":
        rows = (ROWS, Y, 4, [HELD_OUT])
        trained: Any = engine_of(EagerEngine, compiled.net, hg.MSELoss(), Adagrad(0.1), *rows)
    else:
        trained = compiled
    for i, _ in enumerate(run_epochs(trained, orders(6))):
        if i == stop:
            trained.put_back()
            break
    for array, expected in zip(
        (trained.net.parameters, trained.net.running_state), states[stop], strict=True
    ):
        np.testing.assert_allclose(array, expected, rtol=1e-10, atol=1e-12)


class Growing(hg.optimizers.Optimizer):
    """Steps that grow until they overflow."""

    def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
        return w + learning_rate * 1e60**step


@pytest.mark.parametrize("ahead", [1, 4])
def test_a_step_that_overflows_is_told_in_its_own_epoch(ahead: int) -> None:
    net = hg.Net(hg.Linear(4, 2, initializer="zeros"), dtype=np.float64)
    net.layers[0].W = 0.0 * net.layers[0].W
    loss = hg.losses.MAELoss()  # linear, so that it is finite while the weights still are
    compiled: Any = engine_of(CompiledEngine, net, loss, Growing(1.0), ROWS, Y, 9, [HELD_OUT])
    found, weights = [], [net.parameters.copy()]
    for start in range(0, 8, ahead):
        for epoch in run_epochs(compiled, orders(8)[start : start + ahead]):
            found.append(epoch)
            weights.append(net.parameters.copy())
            if epoch.diverged_at is not None:
                compiled.put_back()
                break
        if found[-1].diverged_at is not None:
            break
    assert [epoch.diverged_at for epoch in found] == [None] * 5 + [1]
    assert np.isfinite(found[-1].loss)
    np.testing.assert_array_equal(net.parameters, weights[5])


def test_a_call_takes_its_time_but_not_all_memory() -> None:
    small = engine()
    assert small.epochs_at_once(3) == 3
    assert 1000 < small.epochs_at_once(10**9) < 10**6
    x, y = np.zeros((200_000, 4)), np.zeros((200_000, 2))
    net = hg.Net(hg.Linear(4, 2, rng=0), dtype=np.float64)
    large = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 4)
    assert 1 <= large.epochs_at_once(10**9) <= 1 + MOST_STORED // (8 * len(x))
