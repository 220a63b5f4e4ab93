"""scikit-learn as a second oracle: plain SGD steps of its networks, and its metrics."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.neural_network import MLPClassifier, MLPRegressor

import handgrad as hg
from tests.oracle.compare import assert_close

ACTIVATIONS = {"tanh": hg.Tanh, "relu": hg.ReLU, "logistic": hg.Sigmoid}
N, N_IN, HIDDEN, EPOCHS, BATCH_SIZE = 23, 3, (5, 4), 7, 6
PLAIN = {
    "solver": "sgd",
    "hidden_layer_sizes": HIDDEN,
    "momentum": 0.0,
    "alpha": 0.0,
    "shuffle": False,
    "batch_size": BATCH_SIZE,
}

each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
reproducibly = settings(max_examples=50, derandomize=True, database=None)


def net_for(activation: str, n_out: int, *ending: hg.Layer) -> hg.Net:
    rng = np.random.default_rng(n_out)
    layers: list[hg.Layer] = []
    for n_in, n in zip((N_IN, *HIDDEN), (*HIDDEN, n_out), strict=True):
        linear = hg.Linear(n_in, n, rng=rng, dtype=np.float64)
        linear.b = rng.uniform(-0.5, 0.5, n)
        layers += [linear, ACTIVATIONS[activation]()]
    return hg.Net(*layers[:-1], *ending)


def give_weights(peer: Any, net: hg.Net) -> None:
    """Put the net's weights into the arrays that the peer's optimizer holds."""
    linears = [layer for layer in net.layers if isinstance(layer, hg.Linear)]
    for linear, coef, intercept in zip(linears, peer.coefs_, peer.intercepts_, strict=True):
        coef[...], intercept[...] = linear.W.T, linear.b


def assert_weights_equal(net: hg.Net, peer: Any, what: str) -> None:
    linears = [layer for layer in net.layers if isinstance(layer, hg.Linear)]
    for linear, coef, intercept in zip(linears, peer.coefs_, peer.intercepts_, strict=True):
        assert_close(linear.W, coef.T, what)
        assert_close(linear.b, intercept, what)


def check(
    net: hg.Net, loss: hg.Loss, peer: Any, x: Any, y: Any, learning_rate: float, w: Any = None
) -> None:
    """The same weights after every epoch of minibatches, the last of them shorter."""
    give_weights(peer, net)
    reports = hg.train(
        net,
        (x, y),
        loss=loss,
        optimizer=hg.SGD(learning_rate),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        shuffle=False,
        sample_weight=w,
    )
    weights = {} if w is None else {"sample_weight": w}
    for report in reports:
        peer.partial_fit(x, y, **weights)
        assert_weights_equal(net, peer, f"epoch {report.epoch}")
    assert report.epoch == EPOCHS


@each_activation
def test_a_classifier_of_several_classes_takes_the_same_steps(activation: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, N_IN)), np.arange(N) % 3
    peer = MLPClassifier(activation=activation, learning_rate_init=0.1, random_state=0, **PLAIN)
    peer.partial_fit(x, y, classes=[0, 1, 2])
    softmax, logits = net_for(activation, 3, hg.Softmax()), net_for(activation, 3)
    check(softmax, hg.CrossEntropyLoss(), peer, x, y, learning_rate=0.1)
    check(logits, hg.SoftmaxCrossEntropyLoss(), peer, x, y, learning_rate=0.1)
    assert_close(softmax.predict(x), peer.predict_proba(x), "probabilities")


@each_activation
def test_a_classifier_of_two_classes_takes_the_same_steps(activation: str) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((N, N_IN)), np.arange(N) % 2
    peer = MLPClassifier(activation=activation, learning_rate_init=0.1, random_state=0, **PLAIN)
    peer.partial_fit(x, y, classes=[0, 1])
    net = net_for(activation, 1, hg.Sigmoid())
    check(net, hg.BinaryCrossEntropyLoss(), peer, x, y, learning_rate=0.1)
    assert_close(net.predict(x)[:, 0], peer.predict_proba(x)[:, 1], "probabilities")


@each_activation
@pytest.mark.parametrize("n_out", [1, 2])
def test_a_regressor_takes_the_same_steps(activation: str, n_out: int) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((N, N_IN)), rng.standard_normal((N, n_out))
    y = y[:, 0] if n_out == 1 else y
    peer = MLPRegressor(activation=activation, learning_rate_init=0.1, random_state=0, **PLAIN)
    peer.partial_fit(x, y)
    # Its step goes along e / n, that of MSELoss along 2 e / (n n_out), for the same error e.
    check(net_for(activation, n_out), hg.MSELoss(), peer, x, y, learning_rate=0.1 * n_out / 2)


@each_activation
def test_weighted_rows_take_the_same_steps(activation: str) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((N, N_IN)), rng.uniform(0.1, 3, N)
    classes, numbers = np.arange(N) % 3, rng.standard_normal(N)
    peer = MLPClassifier(activation=activation, learning_rate_init=0.1, random_state=0, **PLAIN)
    peer.partial_fit(x, classes, classes=[0, 1, 2])
    net = net_for(activation, 3, hg.Softmax())
    check(net, hg.CrossEntropyLoss(), peer, x, classes, 0.1, w)
    peer = MLPRegressor(activation=activation, learning_rate_init=0.1, random_state=0, **PLAIN)
    peer.partial_fit(x, numbers)
    check(net_for(activation, 1), hg.MSELoss(), peer, x, numbers, 0.05, w)


@reproducibly
@given(n=st.integers(2, 30), k=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_losses_with_weights_are_scikit_learns(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, q = rng.uniform(0.1, 3, n), float(rng.uniform(0.1, 0.9))
    p, y = rng.standard_normal((2, n, k))
    squared = metrics.mean_squared_error(y, p, sample_weight=w)
    assert_close(hg.MSELoss().forward(p, y, w), squared, "MSELoss")
    absolute = metrics.mean_absolute_error(y, p, sample_weight=w)
    assert_close(hg.losses.MAELoss().forward(p, y, w), absolute, "MAELoss")
    pinball = metrics.mean_pinball_loss(y, p, alpha=q, sample_weight=w)
    assert_close(hg.losses.QuantileLoss(q).forward(p, y, w), pinball, "QuantileLoss")
    t = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    hinge = metrics.hinge_loss(2 * t - 1, p[:, 0], sample_weight=w)
    assert_close(hg.losses.HingeLoss().forward(p[:, :1], t, w), hinge, "HingeLoss")
    counts = rng.poisson(2.0, n) + 1
    deviance = metrics.mean_poisson_deviance(counts, np.exp(p[:, 0]), sample_weight=w)
    constant = np.average(counts * np.log(counts) - counts, weights=w)
    found = hg.losses.PoissonNLLLoss().forward(p[:, :1], counts, w)
    assert_close(2 * (found + constant), deviance, "PoissonNLLLoss")


@reproducibly
@given(n=st.integers(1, 30), power=st.floats(1.05, 1.95), seed=st.integers(0, 2**32 - 1))
def test_deviances_are_scikit_learns(n: int, power: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    z, w, amounts = rng.normal(size=(n, 1)), rng.uniform(0.1, 3, n), rng.gamma(2.0, size=n)
    gamma = metrics.mean_gamma_deviance(amounts, np.exp(z[:, 0]), sample_weight=w)
    assert_close(hg.losses.GammaDevianceLoss().forward(z, amounts, w), gamma, "gamma")
    claims = amounts * rng.poisson(0.5, n)
    tweedie = metrics.mean_tweedie_deviance(claims, np.exp(z[:, 0]), sample_weight=w, power=power)
    found = hg.losses.TweedieDevianceLoss(power).forward(z, claims, w)
    assert_close(found, tweedie, "Tweedie")


@reproducibly
@given(n=st.integers(1, 30), k=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_losses_and_metrics_of_classes_are_scikit_learns(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)
    expected = metrics.log_loss(y, p, labels=np.arange(k))
    assert_close(hg.CrossEntropyLoss().forward(p, y), expected, "CrossEntropyLoss")
    assert_close(hg.SoftmaxCrossEntropyLoss().forward(np.log(p), y), expected, "of logits")
    accuracy = metrics.accuracy_score(y, p.argmax(axis=1))
    assert_close(hg.metrics.accuracy(p, y), accuracy, "accuracy")
    assert_close(hg.metrics.zero_one_loss(p, y), metrics.zero_one_loss(y, p.argmax(axis=1)), "0-1")


@reproducibly
@given(n=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_losses_and_metrics_of_yes_and_no_are_scikit_learns(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.uniform(0.001, 0.999, (n, 1)), rng.integers(0, 2, n)
    expected = metrics.log_loss(y, p[:, 0], labels=[0, 1])
    assert_close(hg.BinaryCrossEntropyLoss().forward(p, y), expected, "BinaryCrossEntropyLoss")
    assert_close(hg.metrics.accuracy(p, y), metrics.accuracy_score(y, p[:, 0] >= 0.5), "accuracy")


@reproducibly
@given(n=st.integers(2, 30), k=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_losses_and_metrics_of_numbers_are_scikit_learns(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.standard_normal((2, n, k))
    squared, absolute = metrics.mean_squared_error(y, p), metrics.mean_absolute_error(y, p)
    assert_close(hg.MSELoss().forward(p, y), squared, "MSELoss")
    assert_close(hg.losses.MAELoss().forward(p, y), absolute, "MAELoss")
    assert_close(hg.metrics.mean_squared_error(p, y), squared, "mean_squared_error")
    assert_close(hg.metrics.root_mean_squared_error(p, y), squared**0.5, "its root")
    assert_close(hg.metrics.mean_absolute_error(p, y), absolute, "mean_absolute_error")
    assert_close(hg.metrics.r2(p, y), metrics.r2_score(y, p), "r2")
