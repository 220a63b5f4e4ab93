"""The losses and steps of scikit-learn: their gradients, and how they relate to the textbook's."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.estimators.fit_loop import AdamSolver, SGDSolver
from handgrad.tables.estimators.losses import (
    BinaryLogLoss,
    HalfPoissonDeviance,
    HalfSquaredLoss,
    L2PenaltyOfABatch,
    LogLoss,
)
from handgrad.textbook.layers import Array

RNG = np.random.default_rng(1)
Z = RNG.standard_normal((6, 3))
W = RNG.uniform(0.5, 2, 6)
CLASSES, LABELS, COUNTS = RNG.integers(0, 3, 6), RNG.integers(0, 2, (6, 3)), RNG.poisson(2, (6, 3))
LOSSES: list[tuple[Any, Any]] = [
    (LogLoss(), CLASSES),
    (BinaryLogLoss(), LABELS),
    (HalfPoissonDeviance(), COUNTS),
]


def slopes(loss: Any, z: Array, y: Array, w: Array | None) -> Array:
    """The gradient as small steps measure it."""
    found = np.zeros_like(z)
    for i in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[i] = 1e-6
        found[i] = (loss.forward(z + step, y, w) - loss.forward(z - step, y, w)) / 2e-6
    return found


@pytest.mark.parametrize("w", [None, W])
@pytest.mark.parametrize(("loss", "y"), LOSSES)
def test_the_gradient_is_what_small_steps_measure(loss: Any, y: Array, w: Any) -> None:
    loss.forward(Z, y, w)
    np.testing.assert_allclose(loss.backward(), slopes(loss, Z, y, w), atol=1e-8)


@pytest.mark.parametrize("w", [None, W])
def test_squares_have_the_gradient_of_their_sum_over_the_columns(w: Any) -> None:
    loss = HalfSquaredLoss()
    loss.forward(Z, COUNTS, w)
    np.testing.assert_allclose(loss.backward(), 3 * slopes(loss, Z, COUNTS, w), atol=1e-8)


@pytest.mark.parametrize("w", [None, W])
def test_they_are_the_textbooks_but_for_a_factor(w: Any) -> None:
    pairs: list[tuple[Any, Any, Array, float]] = [
        (LogLoss(), hg.SoftmaxCrossEntropyLoss(), CLASSES, 1),
        (BinaryLogLoss(), hg.SigmoidBinaryCrossEntropyLoss(), LABELS, 3),
        (HalfSquaredLoss(), hg.MSELoss(), COUNTS, 0.5),
    ]
    for own, textbooks, y, factor in pairs:
        expected = factor * textbooks.forward(Z, y, w)
        assert own.forward(Z, y, w) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_certain_errors_cost_no_more_than_the_type_can_tell(dtype: Any) -> None:
    z, most = np.array([[900.0, -900.0]], dtype), -np.log(np.finfo(dtype).eps)
    assert LogLoss().forward(z, np.array([1])) == pytest.approx(most)
    assert BinaryLogLoss().forward(z, np.array([[0, 1]])) == pytest.approx(2 * most, rel=0.1)
    assert LogLoss().forward(z, np.array([0])) > 0


@pytest.mark.parametrize(("loss", "y"), LOSSES)
def test_inverse_links_are_the_textbooks(loss: Any, y: Array) -> None:
    of = {
        hg.losses.kinds.ClassLabels(): hg.SoftmaxCrossEntropyLoss(),
        hg.losses.kinds.BinaryLabels(): hg.SigmoidBinaryCrossEntropyLoss(),
    }
    textbooks = of.get(loss.target_kind, hg.losses.PoissonNLLLoss())
    expected = textbooks.input_kind.inverse_link(Z)
    np.testing.assert_allclose(loss.input_kind.inverse_link(Z), expected)


def test_the_penalty_is_that_of_the_textbook_for_each_row() -> None:
    own, textbooks = L2PenaltyOfABatch(0.3), hg.penalties.L2Penalty(0.3)
    assert own.value(Z, 4.0) == pytest.approx(textbooks.value(Z, 1) / 4)
    np.testing.assert_allclose(own.gradient(Z, 4.0), textbooks.gradient(Z, 1) / 4)


def steps(optimizer: Any, rates: list[float]) -> Array:
    w, state = np.ones(3), [np.zeros(3) for _ in optimizer.state_names]
    for step, rate in enumerate(rates, 1):
        w, *state = optimizer.update(w, Z[step], *state, learning_rate=rate, step=step)
    return w


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_constant_rate_makes_sgd_that_of_the_textbook(nesterov: bool) -> None:
    settings: dict[str, Any] = {"momentum": 0.8, "nesterov": nesterov}
    own, textbooks = SGDSolver(**settings), hg.SGD(0.1, **settings)
    np.testing.assert_allclose(steps(own, [0.1] * 4), steps(textbooks, [0.1] * 4))
    assert not np.allclose(steps(own, [0.1, 0.3]), steps(textbooks, [0.1, 0.3]))


def test_without_epsilon_adam_is_that_of_the_textbook() -> None:
    own = AdamSolver(beta_1=0.8, beta_2=0.9, epsilon=0.0)
    textbooks = hg.Adam(0.1, betas=(0.8, 0.9), eps=0.0)
    np.testing.assert_allclose(steps(own, [0.1] * 4), steps(textbooks, [0.1] * 4))
