"""Fits of the estimators whose bits are compared, of rows drawn as whole numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.predictor import EngineName
from tests.bits.nets import numbers

ROWS = 240


def columns() -> tuple[Any, Any, Any]:
    """Numbers, some missing, and two columns of categories; classes; numbers to be learned."""
    rng = np.random.default_rng(7)
    a = numbers((ROWS, 5), 6, float)
    x = a.astype(object)
    x[::17, 1] = None
    codes = rng.integers(0, 12, (ROWS, 2)) % [12, 3]
    table = np.concatenate([x, np.char.add("v", codes.astype(str)).astype(object)], axis=1)
    return (
        table,
        (a[:, 0] * a[:, 1] > a[:, 2]) + (codes[:, 0] == 3),
        3 * a[:, 0] + a[:, 1] * a[:, 2],
    )


def perceptron(kind: Any, solver: str) -> Callable[[EngineName], dict[str, Any]]:
    def fitted(engine: EngineName) -> dict[str, Any]:
        x, (_, classes, values) = numbers((ROWS, 6), 8, float), columns()
        y = classes if kind is hg.MLPClassifier else values
        settings: dict[str, Any] = {"solver": solver, "max_iter": 6, "early_stopping": True}
        model = kind(
            hidden_layer_sizes=(33,), batch_size=50, random_state=0, engine=engine, **settings
        ).fit(x, y)
        return {
            "parameters": [*model.coefs_, *model.intercepts_],
            "losses": [model.loss_curve_],
            "predictions": [model.net_.predict(x.astype(model.net_.dtype), engine=engine)],
        }

    return fitted


def tabular(kind: Any, **settings: Any) -> Callable[[EngineName], dict[str, Any]]:
    def fitted(engine: EngineName) -> dict[str, Any]:
        x, classes, values = columns()
        y = classes if kind is hg.TabularClassifier else values
        fixed: dict[str, Any] = {"n_members": 2, "epochs": 3, "random_state": 0}
        model = kind(engine=engine, **fixed, **settings).fit(x, y)
        assert model.history_ is not None
        classifier = isinstance(model, hg.TabularClassifier)
        return {
            "parameters": [model.net_.parameters],
            "losses": [model.history_["train_loss"], model.history_["validation_loss"]],
            "epochs": [model.best_epochs_],
            "predictions": [model.predict_proba(x) if classifier else model.predict(x)],
        }

    return fitted


ESTIMATORS: dict[str, Callable[[EngineName], dict[str, Any]]] = {
    "estimator MLPClassifier adam": perceptron(hg.MLPClassifier, "adam"),
    "estimator MLPClassifier sgd": perceptron(hg.MLPClassifier, "sgd"),
    "estimator MLPRegressor adam": perceptron(hg.MLPRegressor, "adam"),
    "estimator MLPRegressor sgd": perceptron(hg.MLPRegressor, "sgd"),
    "estimator TabularClassifier": tabular(hg.TabularClassifier),
    "estimator TabularRegressor": tabular(hg.TabularRegressor),
    "estimator TabularRegressor mae": tabular(hg.TabularRegressor, metric="mae"),
}
