"""Recurrent layers: what they take and give, what is refused, and what a state means."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input
from tests.bad_input.refused import refused

KINDS: tuple[Callable[..., hg.Layer], ...] = (hg.layers.RNN, hg.GRU, hg.LSTM)
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("t", [1, 2, 5])
def test_gradients_are_right_for_any_number_of_steps(
    kind: Any, return_sequences: bool, t: int
) -> None:
    layer = kind(3, 2, return_sequences=return_sequences, rng=0)
    report = hg.check_gradients(layer, x=np.random.default_rng(t).normal(size=(4, t, 3)))
    assert report.ok, str(report)


@each_kind
def test_the_last_h_is_the_last_of_all(kind: Any) -> None:
    every, last = (kind(3, 2, return_sequences=all, rng=0) for all in (True, False))
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_array_equal(every.forward(x)[:, -1], last.forward(x))


@each_kind
def test_a_step_does_not_see_those_after_it(kind: Any) -> None:
    layer = kind(3, 2, return_sequences=True, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_array_equal(layer.forward(x[:, :2]), layer.forward(x)[:, :2])


@each_kind
def test_what_comes_out_follows_from_what_goes_in(kind: Any) -> None:
    assert kind(3, 2).shape_out((7, 3)) == (2,)
    assert kind(3, 2).shape_out((..., 3)) == (2,)
    assert kind(3, 2, return_sequences=True).shape_out((..., 3)) == (..., 2)
    net = hg.Net(hg.Tanh(), kind(3, 2, return_sequences=True), hg.Linear(2, 4), kind(4, 5))
    assert (net.shape_in, net.n_in, net.n_out) == ((..., 3), 3, 5)
    assert net.predict(np.ones((6, 7, 3))).shape == (6, 5)
    assert example_input(net, 6).ndim == 3
    assert hg.check_gradients(net).ok


def test_codes_before_a_recurrence_are_sequences_of_codes() -> None:
    net = hg.Net(hg.Embedding(9, 4, rng=0), hg.GRU(4, 3, rng=0), hg.Linear(3, 2, rng=0))
    assert example_input(net, 6).ndim == 2
    assert hg.check_gradients(net, hg.SoftmaxCrossEntropyLoss()).ok


@each_kind
def test_a_recurrence_after_the_last_h_of_another_is_refused(kind: Any) -> None:
    with refused(
        hg.errors.ShapeError,
        "layer 2 of 2",
        "was given an array of shape (n, 4)",
        "expected: 3 axes",
        "return_sequences=True",
    ):
        hg.Net(kind(3, 4), kind(4, 5))


@each_kind
@pytest.mark.parametrize("shape", [(5, 3), (5, 0, 3), (5, 2, 2, 3)])
def test_what_are_no_sequences_is_refused(kind: Any, shape: tuple[int, ...]) -> None:
    net = hg.Net(kind(3, 4))
    with refused(
        hg.errors.ShapeError,
        f"an array of shape {shape}\n",
        "expected: sequences of at least one step, (rows, steps, 3)",
        "try: x.reshape(len(x), -1, 3)",
    ):
        net.forward(np.ones(shape, np.float32))


def test_settings_are_refused() -> None:
    with refused(hg.errors.SettingError, "return_sequences='all'", "try: return_sequences=True"):
        hg.GRU(3, 4, return_sequences="all")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "n_out = 0"):
        hg.LSTM(3, 0)


def test_an_lstm_can_hold_a_number_for_as_long_as_it_takes() -> None:
    """i = 0 and f = 1 but in the first step: c is what was read then, after 50 steps too."""
    lstm: Any = hg.LSTM(2, 1, dtype=np.float64)
    lstm.W = [[0, 200], [0, 0], [0.5, 0], [0, 0]]
    lstm.U, lstm.b = np.zeros((4, 1)), [-100, 100, 0, 100]
    x = np.random.default_rng(0).normal(size=(3, 50, 2))
    x[:, :, 1], x[:, 0, 1] = 0, 1
    c = np.tanh(0.5 * x[:, 0, 0])
    np.testing.assert_allclose(lstm.forward(x)[:, 0], np.tanh(c), rtol=1e-14)


def test_a_gru_that_keeps_h_keeps_zero() -> None:
    """z = 1: h is what it was at first, 0, and nothing of the input is seen."""
    gru: Any = hg.GRU(2, 3, dtype=np.float64)
    gru.b = [0, 0, 0, 100, 100, 100, 0, 0, 0]
    assert (gru.forward(np.ones((4, 5, 2))) == 0).all()
