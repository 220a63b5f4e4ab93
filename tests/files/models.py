"""Fitted estimators of all kinds to be saved, and rows for any of them."""

import warnings
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

import handgrad as hg
from tests.tables.tabular.frames import cells, reviews, target

COLUMNS = cells(80)
CLASSES = np.where(target(COLUMNS) > 60, "high", "low")


def estimators() -> dict[str, Any]:
    """Fitted estimators; small ones, so that what a mutation meets is words more than numbers."""
    table, numbers = pa.table(COLUMNS), target(COLUMNS)
    texts, opinions = reviews(60)
    x, y = hg.data.load("iris")
    small: dict[str, Any] = {"n_members": 2, "epochs": 1, "random_state": 0}
    perceptron: dict[str, Any] = {"max_iter": 2, "random_state": 0}
    mlp = hg.MLPClassifier((3,), "tanh", class_weight={"high": 2.0, "low": 1}, **perceptron)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return {
            "TabularClassifier": hg.TabularClassifier(**small).fit(table, CLASSES),
            "TabularRegressor": hg.TabularRegressor(**small).fit(x, x[:, 0]),
            "TabularSurvival": hg.TabularSurvival(**small).fit(x, x[:, 0] * np.where(y, 1, -1)),
            "texts": hg.TabularClassifier(**small).fit(pa.table({"review": texts}), opinions),
            "TableEncoder": hg.tables.TableEncoder().fit(table),
            "MLPClassifier": hg.MLPClassifier(
                (3, 2), [hg.layers.ELU(0.5), "tanh"], **perceptron
            ).fit(x, y),
            "labels": hg.MLPClassifier((), early_stopping=True, **perceptron).fit(x, np.eye(3)[y]),
            "MLPRegressor": hg.MLPRegressor("poisson", (3,), solver="lbfgs", max_iter=3).fit(x, y),
            "Pipeline": make_pipeline(hg.tables.TableEncoder(), mlp).fit(table, CLASSES),
            "numbers in a Pipeline": make_pipeline(
                hg.tables.TableEncoder(), hg.MLPRegressor(hidden_layer_sizes=(2,), **perceptron)
            ).fit(table, numbers),
        }


def rows_for(model: Any) -> Any:
    """Three rows that a model takes, whatever columns it says it has."""
    first = model[0] if hasattr(model, "steps") else model
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        return np.zeros((3, first.n_features_in_))
    return pa.table({name: [*COLUMNS.get(name, [None] * 3)][:3] for name in names})


def outputs(model: Any) -> Any:
    """What a model makes of such rows."""
    for name in ("predict_proba", "predict", "transform"):
        if hasattr(model, name):
            return getattr(model, name)(rows_for(model))
    raise AssertionError
