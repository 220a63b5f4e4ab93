"""Nets from perceptrons of scikit-learn: its predictions, whatever the activation and the type."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import handgrad as hg
from tests.bad_input.refused import refused

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def fitted(mlp: Any, y: Any, dtype: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mlp.fit(X.astype(dtype), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("sizes", [(), (5,), (5, 3)])
def test_it_predicts_what_the_perceptron_does(
    sizes: tuple[int, ...], activation: str, dtype: Any
) -> None:
    settings: dict[str, Any] = {
        "hidden_layer_sizes": sizes,
        "activation": activation,
        "max_iter": 5,
        "random_state": 0,
    }
    rows, close = X.astype(dtype), 1e-6 if dtype == np.float32 else 1e-14
    several = fitted(MLPClassifier(**settings), Y, dtype)
    net = hg.exchange.from_sklearn(several)
    assert net.dtype == dtype
    np.testing.assert_allclose(net.predict(rows), several.predict_proba(rows), close, close)
    two = fitted(MLPClassifier(**settings), Y > 0, dtype)
    p = hg.exchange.from_sklearn(two).predict(rows)
    np.testing.assert_allclose(p[:, 0], two.predict_proba(rows)[:, 1], close, close)
    numbers = fitted(MLPRegressor(**settings), X[:, :2] ** 2, dtype)
    z = hg.exchange.from_sklearn(numbers).predict(rows)
    np.testing.assert_allclose(z, numbers.predict(rows), close, close)


def test_it_has_weights_of_its_own_and_trains_on() -> None:
    mlp = fitted(MLPClassifier((5,), max_iter=5, random_state=0), Y, np.float32)
    before, net = [coef.copy() for coef in mlp.coefs_], hg.exchange.from_sklearn(mlp)
    loss = hg.CrossEntropyLoss()
    history = hg.fit(net, (X, Y), loss=loss, optimizer=hg.Adam(0.01), epochs=20, rng=0)
    assert history[-1].train_loss < history[0].train_loss
    assert all((a == b).all() for a, b in zip(before, mlp.coefs_, strict=True))


@pytest.mark.parametrize("model", [MLPClassifier(), hg.Linear(2, 2), None])
def test_what_is_no_fitted_perceptron_is_refused(model: Any) -> None:
    with refused(hg.errors.SettingError, "a fitted MLPClassifier or MLPRegressor"):
        hg.exchange.from_sklearn(model)
