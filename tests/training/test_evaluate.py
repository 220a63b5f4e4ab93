"""`evaluate` and `predict`: any number of rows, in any batches, the same numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from tests.training.by_hand import X, Y, assert_same_state, classifier

floats = st.sampled_from([np.float32, np.float64])
quickly = settings(max_examples=60, derandomize=True)


@quickly
@given(
    n=st.integers(1, 70),
    n_in=st.integers(1, 6),
    n_out=st.integers(2, 5),
    batch_size=st.integers(1, 100),
    dtype=floats,
    given_as=st.sampled_from([np.float32, np.float64, np.int64, np.uint8, bool, list]),
)
def test_predicting_in_batches_is_predicting_at_once(
    n: int, n_in: int, n_out: int, batch_size: int, dtype: Any, given_as: Any
) -> None:
    net = hg.Net(hg.Linear(n_in, n_out, rng=0, dtype=dtype), hg.Softmax())
    x: Any = np.random.default_rng(n).integers(0, 3, (n, n_in))
    x = x.tolist() if given_as is list else x.astype(given_as)
    at_once, in_batches = net.predict(x, batch_size=n), net.predict(x, batch_size=batch_size)
    assert at_once.shape == in_batches.shape == (n, n_out)
    assert at_once.dtype == in_batches.dtype == dtype
    np.testing.assert_allclose(in_batches, at_once, atol=1e-6)

    y = np.arange(n) % n_out
    data, loss = (x, y.tolist()), hg.CrossEntropyLoss()
    whole = hg.evaluate(net, data, loss=loss)
    parts = hg.evaluate(net, data, loss=loss, batch_size=batch_size)
    assert parts.loss == pytest.approx(whole.loss, abs=1e-5)
    assert whole.loss == pytest.approx(-np.log(at_once[np.arange(n), y]).mean(), abs=1e-5)
    assert whole.metrics["accuracy"] == (at_once.argmax(axis=1) == y).mean()


@quickly
@given(
    n=st.integers(2, 40),
    k=st.integers(1, 3),
    batch_size=st.integers(1, 50),
    dtype=floats,
    y_dtype=st.sampled_from([np.float32, np.float64, np.int32, np.int64, bool]),
    seed=st.integers(0, 1000),
)
def test_numbers_are_trained_and_evaluated_in_every_shape_and_type(
    n: int, k: int, batch_size: int, dtype: Any, y_dtype: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    net = hg.Net(hg.Linear(2, k, rng=0, dtype=dtype))
    x, y = rng.normal(size=(n, 2)), rng.integers(0, 2, (n, k)).astype(y_dtype)
    loss, optimizer = hg.MSELoss(), hg.SGD(0.01)
    before = net.state()
    evaluated = hg.evaluate(net, (x, y), loss=loss, batch_size=batch_size)
    assert_same_state(net, before)
    p = net.predict(x).astype(np.float64)
    assert evaluated.loss == pytest.approx(((p - y.astype(float)) ** 2).mean(), abs=1e-5)
    flat = y.ravel() if k == 1 else y
    (report,) = hg.train(
        net, (x, flat), loss=loss, optimizer=optimizer, epochs=1, batch_size=batch_size
    )
    assert report.rows == n
    assert np.isfinite(report.train_loss)
    assert net.parameters.dtype == dtype


def test_evaluation_changes_nothing_and_predicts_in_prediction_mode() -> None:
    modes: list[bool] = []

    class Watch(hg.Layer):
        def forward(self, x: Any) -> Any:
            modes.append(self.training)
            return x

    net = hg.Net(Watch(), hg.Linear(2, 2, rng=0), hg.Softmax())
    before = net.state()
    hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss())
    assert_same_state(net, before)
    assert set(modes) == {False}
    assert all(layer.training for _, layer in net.walk())


def test_inputs_and_targets_are_left_alone() -> None:
    x, y, net = X.copy(), Y.copy(), classifier()
    list(hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=2))
    hg.evaluate(net, (x, y), loss=hg.CrossEntropyLoss())
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_metrics_may_be_chosen_and_left_out() -> None:
    net, loss = classifier(), hg.CrossEntropyLoss()
    assert hg.evaluate(net, (X, Y), loss=loss, metrics=[]).metrics == {}
    found = hg.evaluate(net, (X, Y), loss=loss, metrics=["zero_one_loss", "accuracy"]).metrics
    assert list(found) == ["zero_one_loss", "accuracy"]


def test_predicting_no_rows_gives_no_rows() -> None:
    assert classifier().predict(X[:0]).shape == (0, 2)
