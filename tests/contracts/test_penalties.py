"""What every penalty must keep to."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret
from tests.contracts.table import PENALTIES

each_penalty = pytest.mark.parametrize("name", PENALTIES)


def weights(dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).normal(size=(3, 4)).astype(dtype)


def test_the_table_lists_every_penalty() -> None:
    public = {
        name
        for name, kind in vars(hg.penalties).items()
        if isinstance(kind, type) and issubclass(kind, hg.penalties.Penalty)
    }
    assert public - {"Penalty"} == set(PENALTIES)


@each_penalty
def test_the_gradient_is_what_small_steps_measure(name: str) -> None:
    penalty, W, h = PENALTIES[name](), weights(), 1e-6
    slopes = np.zeros_like(W)
    for i in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[i] = h
        slopes[i] = (penalty.value(W + step, 5) - penalty.value(W - step, 5)) / (2 * h)
    np.testing.assert_allclose(penalty.gradient(W, 5), slopes, rtol=1e-6, atol=1e-8)


@each_penalty
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_keeps_dtypes_and_leaves_the_weights_alone(name: str, dtype: Any) -> None:
    penalty, W = PENALTIES[name](), weights(dtype)
    assert penalty.value(W, 5).dtype == dtype
    assert (penalty.gradient(W, 5).dtype, penalty.gradient(W, 5).shape) == (dtype, W.shape)
    np.testing.assert_array_equal(W, weights(dtype))
    assert penalty.value(np.zeros_like(W), 5) == 0


@each_penalty
def test_a_recorded_step_has_it_in_its_loss_and_gradients(name: str) -> None:
    net, loss, penalty = hg.Net(hg.Linear(3, 2, rng=0)), hg.MSELoss(), PENALTIES[name]()
    net.layers[0].b = [0.5, -0.5]
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    given, parameters = {"x": x, "y": y}, net.named_parameters()
    without = interpret(hg.trace(net, loss, x=x, y=y), given, 4, parameters)
    found = interpret(hg.trace(net, loss, penalty, x=x, y=y), given, 4, parameters)
    W = net.layers[0].W
    assert found.loss == without.loss + penalty.value(W, 4)
    np.testing.assert_array_equal(
        found.gradients["0.W"], without.gradients["0.W"] + penalty.gradient(W, 4)
    )
    np.testing.assert_array_equal(found.gradients["0.b"], without.gradients["0.b"])
