"""Rows for the tests of the estimators, and scikit-learn's estimators beside ours."""

from typing import Any, NamedTuple

import numpy as np
import sklearn
from packaging.version import Version
from sklearn import neural_network

import handgrad as hg
from handgrad.textbook.layers import Array

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 6))
WEIGHTS = RNG.integers(0, 4, 90) + 0.5 * RNG.random(90)
SCORES = X[:, :3] + 0.5 * RNG.standard_normal((90, 3))


class Task(NamedTuple):
    """An estimator's class in both libraries, and targets for the rows X."""

    theirs: Any
    ours: Any
    y: Array
    settings: dict[str, Any]


CLASSIFIERS = (neural_network.MLPClassifier, hg.MLPClassifier)
REGRESSORS = (neural_network.MLPRegressor, hg.MLPRegressor)
TASKS = {
    "binary": Task(*CLASSIFIERS, np.where(SCORES[:, 0] > 0, "yes", "no"), {}),
    "classes": Task(*CLASSIFIERS, SCORES.argmax(axis=1) + 3, {}),
    "labels": Task(*CLASSIFIERS, (SCORES > 0).astype(int), {}),
    "number": Task(*REGRESSORS, SCORES[:, 0], {}),
    "numbers": Task(*REGRESSORS, SCORES, {}),
    "counts": Task(
        *REGRESSORS, RNG.poisson(np.exp(SCORES[:, 0])).astype(float), LOSS := {"loss": "poisson"}
    ),
    "several counts": Task(*REGRESSORS, RNG.poisson(np.exp(SCORES)).astype(float), LOSS),
}

# Before 1.9 scikit-learn's early stopping asks names of classes whether they are NaN.
STOPS_EARLY_ON_NAMES = Version(sklearn.__version__) >= Version("1.9")


def target(task: str, *, early_stopping: bool) -> Array:
    """The targets of a task, as both libraries take them."""
    y = TASKS[task].y
    if early_stopping and y.dtype.kind == "U" and not STOPS_EARLY_ON_NAMES:
        return (y == "yes").astype(int)
    return y
