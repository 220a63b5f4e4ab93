"""Compiled steps for loops of one's own: the bits of `train`, gradients of inputs and of rows."""

from collections.abc import Callable

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers import Array
from handgrad.training.step import StepEngine

ENGINES: tuple[StepEngine, ...] = ("eager", "compiled", "portable")
each_engine = pytest.mark.parametrize("engine", ENGINES)
LAYERS: dict[str, Callable[[], list[hg.Layer]]] = {
    "dense": lambda: [
        hg.Linear(12, 7, rng=0),
        hg.Tanh(),
        hg.Dropout(0.2),
        hg.Linear(7, 3, rng=1),
        hg.Softmax(),
    ],
    "batch-norm": lambda: [
        hg.Standardize(np.zeros(12), np.full(12, 2.0)),
        hg.Linear(12, 7, rng=0),
        hg.BatchNorm(7),
        hg.ReLU(),
        hg.Linear(7, 3, rng=1),
        hg.Softmax(),
    ],
    "convolution": lambda: [
        hg.layers.Reshape(1, 3, 4),
        hg.Conv2d(1, 4, 2, rng=0),
        hg.ReLU(),
        hg.Flatten(),
        hg.Linear(24, 3, rng=1),
        hg.Softmax(),
    ],
    "recurrence": lambda: [
        hg.layers.Reshape(4, 3),
        hg.GRU(3, 5, rng=0),
        hg.Linear(5, 3, rng=1),
        hg.Softmax(),
    ],
}
each_net = pytest.mark.parametrize("name", LAYERS)


def made(name: str = "dense", dtype: type = np.float32) -> hg.Net:
    return hg.Net(*LAYERS[name](), dtype=dtype)


def rows(n: int = 22) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 12)).astype(np.float32), rng.integers(0, 3, n)


@pytest.mark.slow
@each_engine
@each_net
def test_a_loop_of_steps_leaves_the_bits_of_train(name: str, engine: StepEngine) -> None:
    x, y = rows()
    stepped, trained = made(name), made(name)
    step = hg.compile(
        stepped,
        hg.CrossEntropyLoss(),
        hg.Adam(0.01),
        penalty=hg.penalties.L2Penalty(0.01),
        batch_size=8,
        rng=0,
        engine=engine,
    )
    for _ in range(3):
        for start in range(0, 22, 8):
            step.gradients(x[start : start + 8], y[start : start + 8])
            step.apply()
    for _ in hg.train(
        trained,
        (x, y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.Adam(0.01),
        penalty=hg.penalties.L2Penalty(0.01),
        epochs=3,
        batch_size=8,
        shuffle=False,
        rng=0,
        engine=engine,
    ):
        pass
    np.testing.assert_array_equal(stepped.parameters, trained.parameters)
    np.testing.assert_array_equal(stepped.running_state, trained.running_state)
    np.testing.assert_array_equal(step.predict(x), trained.predict(x, engine=engine))


@each_engine
@each_net
def test_the_gradients_are_those_of_forward_and_backward(name: str, engine: StepEngine) -> None:
    x, y = rows()
    net, by_hand = (made(name, np.float64) for _ in range(2))
    loss = hg.CrossEntropyLoss()
    for of in (net, by_hand):
        of.seed(np.random.default_rng(3))
    p = by_hand.forward(x.astype(float))
    value = loss.forward(p, y)
    dx = by_hand.backward(loss.backward(value))
    by_hand.gather_gradients()
    step = hg.compile(net, hg.CrossEntropyLoss(), engine=engine)
    net.seed(np.random.default_rng(3))
    got = step.gradients(x, y)
    np.testing.assert_allclose(got.loss, value, rtol=1e-12)
    np.testing.assert_allclose(got.dx, dx, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(got.gradients, by_hand.gradients, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(got.predictions, p, rtol=1e-12)


@each_engine
def test_gradients_of_rows_are_those_of_batches_of_one(engine: StepEngine) -> None:
    x, y = rows(9)
    net = made()
    step = hg.compile(net, hg.CrossEntropyLoss(), engine=engine, rng=0)
    of_rows = step.row_gradients(x, y)
    net.seed(np.random.default_rng(0))
    one_by_one = [step.gradients(x[i : i + 1], y[i : i + 1]).gradients.copy() for i in range(9)]
    np.testing.assert_array_equal(of_rows, one_by_one)


@each_engine
def test_without_a_loss_the_gradient_of_the_predictions_is_given(engine: StepEngine) -> None:
    x, _ = rows(6)
    net, dp = made(), np.random.default_rng(1).standard_normal((6, 3))
    step = hg.compile(net, engine=engine, rng=0)
    got = step.gradients(x, dp)
    net.seed(np.random.default_rng(0))
    net.forward(x)
    dx = net.backward(dp.astype(np.float32))
    np.testing.assert_allclose(got.dx, dx, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.loss, (got.predictions * dp).sum(), rtol=1e-4)


def test_indices_have_no_gradient_and_several_inputs_have_one_each() -> None:
    words = hg.Net(hg.Embedding(9, 4, rng=0), hg.Flatten(), hg.Linear(12, 2, rng=1))
    step = hg.compile(words, hg.SoftmaxCrossEntropyLoss(), engine="compiled")
    assert step.gradients([[1, 2, 3], [4, 5, 8]], [0, 1]).dx is None
    with pytest.raises(hg.HandgradError, match="9"):
        step.gradients([[1, 2, 3], [4, 5, 9]], [0, 1])
    both = hg.Net(hg.MultiheadAttention(4, 2, rng=0), hg.Flatten(), hg.Linear(12, 2, rng=1))
    assert hg.compile(both, hg.MSELoss()).gradients(
        np.ones((2, 3, 4)), np.ones((2, 2))
    ).dx.shape == (2, 3, 4)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_parameters_changed_between_calls_are_those_that_count(engine: StepEngine) -> None:
    """As sharpness-aware minimization does: gradients at another point, applied at this one."""
    x, y = rows(8)
    net = made()
    step = hg.compile(net, hg.CrossEntropyLoss(), hg.SGD(0.1), engine=engine, rng=0)
    here = net.parameters.copy()
    net.parameters[...] += 0.1
    there = step.gradients(x, y).gradients.copy()
    net.parameters[...] = here
    step.apply(0.5)
    np.testing.assert_allclose(net.parameters, here - 0.5 * there, rtol=1e-6)


def test_frozen_layers_pass_gradients_on_and_have_none() -> None:
    x, y = rows(8)
    net = made()
    net.layers[3].freeze()
    step = hg.compile(net, hg.CrossEntropyLoss(), hg.SGD(0.1), engine="compiled", rng=0)
    before = net.layers[3].W.copy()
    got = step.gradients(x, y)
    step.apply()
    assert np.abs(got.dx).max() > 0
    np.testing.assert_array_equal(net.layers[3].W, before)


def test_another_loss_in_the_same_process_has_its_own_plan() -> None:
    x, y = rows(8)
    net = made()
    assert hg.compile(net, hg.CrossEntropyLoss(), engine="compiled").gradients(x, y).dx is not None
    for _ in hg.train(
        net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=1, engine="compiled"
    ):
        pass


def test_what_cannot_be_compiled_runs_eagerly_with_a_warning() -> None:
    class Sorted(hg.Layer):
        def forward(self, x: Array) -> Array:
            self.order = np.argsort(x, axis=1)
            return np.take_along_axis(x, self.order, 1)

        def backward(self, d_out: Array) -> Array:
            dx = np.empty_like(d_out)
            np.put_along_axis(dx, self.order, d_out, 1)
            return dx

    x, _ = rows(8)
    step = hg.compile(hg.Net(hg.Linear(12, 2, rng=0), Sorted()), hg.MSELoss())
    with pytest.warns(UserWarning, match="training eagerly, not compiled"):
        assert step.gradients(x, np.zeros((8, 2))).dx.shape == x.shape


def test_mistakes_name_what_came_what_was_expected_and_what_to_try() -> None:
    x, y = rows(8)
    step = hg.compile(made(), hg.CrossEntropyLoss(), hg.Adam(0.01), rng=0)
    with pytest.raises(hg.errors.SettingError, match="apply before the first gradients"):
        step.apply()
    step.gradients(x, y)
    for rows_, targets, message in (
        (np.r_[x, x], np.r_[y, y], r"16 rows\n.*1 to 8 rows\n.*batch_size=16"),
        (x[:0], y[:0], "0 rows"),
        (x[:, :5], y, r"\(5,\) float32\n.*\(12,\) float32, as in the first batch"),
        (x, y[:5], "8 rows of x and 5 targets"),
        (x, y + 3, "label"),
        (x * np.nan, y, "NaN or infinite"),
    ):
        with pytest.raises(hg.HandgradError, match=message):
            step.gradients(rows_, targets)
    without = hg.compile(made(), hg.CrossEntropyLoss())
    without.gradients(x, y)
    with pytest.raises(hg.errors.SettingError, match="a step without an optimizer"):
        without.apply()
    with pytest.raises(hg.errors.SettingError, match="LBFGS"):
        hg.compile(made(), hg.CrossEntropyLoss(), hg.optimizers.LBFGS())
    with pytest.raises(hg.errors.SettingError, match=r"jax.*\n.*eager, compiled, portable"):
        hg.compile(made(), hg.CrossEntropyLoss(), engine="jax")  # type: ignore[arg-type]
    with pytest.raises(hg.errors.SettingError, match="batch_size"):
        hg.compile(made(), hg.CrossEntropyLoss(), batch_size=0)


@each_engine
def test_a_loss_that_is_not_finite_is_an_error_and_changes_no_parameter(engine: StepEngine) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    step = hg.compile(net, hg.MSELoss(), hg.SGD(0.1), engine=engine)
    before, x = net.parameters.copy(), np.full((3, 2), 1e30, np.float32)
    for compute in (step.gradients, step.row_gradients):
        with pytest.raises(hg.errors.DivergenceError, match="finite numbers"):
            compute(x, np.zeros((3, 1)))
    np.testing.assert_array_equal(net.parameters, before)
