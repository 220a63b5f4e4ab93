"""Training that leaves the finite numbers stops, says where, and gives the last weights back."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(10, 3))
Y = X.sum(axis=1)


def regressor(dtype: Any = np.float32) -> hg.Net:
    return hg.Net(hg.Linear(3, 1, rng=0, dtype=dtype))


def train(net: hg.Net, learning_rate: float, **options: Any) -> Any:
    usual: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(learning_rate), "epochs": 30}
    options = usual | options
    return hg.train(net, options.pop("data", (X, Y)), rng=0, **options)


def test_the_message_has_epoch_batch_and_learning_rate() -> None:
    net = regressor()
    with refused(
        hg.errors.DivergenceError,
        "loss inf in epoch 1, batch 3, at learning rate 1e+10",
        "a smaller learning rate, 1e+09",
        "hg.Standardize.of(x)",
        net=net,
    ):
        list(train(net, 1e10, batch_size=2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_net_keeps_the_weights_of_the_last_whole_epoch(dtype: Any) -> None:
    net = regressor(dtype)
    states: list[tuple[int, dict[str, Any]]] = []
    reports = train(net, 50.0, batch_size=5, epochs=500)
    with pytest.raises(hg.errors.DivergenceError) as caught:
        states.extend((report.epoch, net.state()) for report in reports)
    epoch, state = states[-1]
    assert epoch > 1
    assert f"in epoch {epoch + 1}, batch" in str(caught.value)
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, state[path])
        assert np.isfinite(array).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_step_that_overflows_in_the_very_last_batch_is_noticed(shuffle: bool) -> None:
    net = regressor()
    with refused(hg.errors.DivergenceError, "a step overflowed in epoch 1, batch 1", net=net):
        list(train(net, 1e39, batch_size=10, epochs=1, shuffle=shuffle))


def test_a_validation_loss_that_overflows_after_the_very_last_batch_is_noticed() -> None:
    net = regressor()
    words = "validation loss inf after the last batch of epoch 1, at learning rate 1e+25"
    with refused(hg.errors.DivergenceError, words, net=net):
        list(train(net, 1e25, validation=(X, Y), batch_size=10, epochs=1))


def test_an_honest_infinity_of_the_validation_loss_is_reported() -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())
    labels = (Y > 0).astype(int)
    loss, data = hg.CrossEntropyLoss(), (X, labels)
    (report,) = train(net, 0.1, data=data, loss=loss, validation=(1e4 * X, 1 - labels), epochs=1)
    assert report.validation_loss == np.inf
    assert np.isfinite(report.train_loss)


def test_running_state_goes_back_too() -> None:
    class Counts(hg.Layer):
        state_names = ("seen",)

        def __init__(self) -> None:
            super().__init__()
            self.seen = np.zeros(1)

        def forward(self, x: Any) -> Any:
            if self.training:
                self.seen += len(x)
            return x

        def backward(self, dy: Any) -> Any:
            return dy

    net = hg.Net(Counts(), hg.Linear(3, 1, rng=0))
    with refused(hg.errors.DivergenceError, "epoch 1", net=net):
        list(train(net, 1e30, batch_size=2))


def test_advice_fits_the_net() -> None:
    labels = (Y > 0).astype(int)
    net = hg.Net(hg.Standardize.of(X), hg.Linear(3, 2, rng=0), hg.Softmax())
    with refused(hg.errors.DivergenceError, "SoftmaxCrossEntropyLoss()", net=net):
        list(train(net, 1e6, data=(X, labels), loss=hg.CrossEntropyLoss(), batch_size=2))
    with pytest.raises(hg.errors.DivergenceError) as caught:
        list(train(net, 1e6, data=(X, labels), loss=hg.CrossEntropyLoss(), batch_size=2))
    assert "Standardize" not in caught.value.hint


def test_any_error_within_an_epoch_gives_the_weights_back() -> None:
    class Fails(hg.Layer):
        calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += self.training
            if self.calls == 8:
                raise RuntimeError("the eighth batch")
            return x

        def backward(self, dy: Any) -> Any:
            return dy

    net = hg.Net(hg.Linear(3, 1, rng=0), Fails())
    reports = train(net, 0.01, batch_size=2)
    next(reports)
    state = net.state()
    with pytest.raises(RuntimeError, match="the eighth batch"):
        next(reports)
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, state[path])
    assert all(layer.training for _, layer in net.walk())
