"""scikit-learn's searches and ensembles of these estimators: the same on workers as one by one."""

from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)

import handgrad as hg

X, Y = hg.data.make_moons(120, noise=0.3, rng=0)
LABELS = np.array(["no", "yes"])[Y]


@pytest.fixture(scope="module", autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def perceptron(**settings: Any) -> hg.MLPClassifier:
    how: dict[str, Any] = {"max_iter": 8, "early_stopping": True, "random_state": 0}
    return hg.MLPClassifier(**how | settings)


def table(**settings: Any) -> hg.TabularClassifier:
    return hg.TabularClassifier(n_members=2, epochs=3, random_state=0, **settings)


GRID = {"hidden_layer_sizes": [(3,), (5,)], "alpha": [0.0, 0.1]}


def scores_of(search: Any) -> Any:
    return search.fit(X, LABELS).cv_results_["mean_test_score"]


FOUND: dict[str, Callable[[], Any]] = {
    "cross_val_score": lambda: cross_val_score(table(), X, LABELS, cv=3),
    "GridSearchCV": lambda: scores_of(GridSearchCV(perceptron(), GRID, cv=2)),
    "GridSearchCV of a table": lambda: scores_of(
        GridSearchCV(table(), {"engine": ["eager", "compiled"]}, cv=2)
    ),
    "RandomizedSearchCV": lambda: scores_of(
        RandomizedSearchCV(perceptron(), GRID, n_iter=3, cv=2, random_state=0)
    ),
    "HalvingGridSearchCV": lambda: scores_of(
        HalvingGridSearchCV(
            perceptron(early_stopping=False), GRID, cv=2, min_resources=40, random_state=0
        )
    ),
    "BaggingClassifier": lambda: (
        BaggingClassifier(perceptron(), 4, random_state=0).fit(X, LABELS).predict_proba(X)
    ),
    "VotingClassifier": lambda: (
        VotingClassifier([("a", perceptron()), ("b", table())], voting="soft")
        .fit(X, LABELS)
        .predict_proba(X)
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:Warning")
@pytest.mark.parametrize("what", FOUND)
def test_what_is_found_by_workers_is_what_is_found_one_by_one(what: str) -> None:
    expected = FOUND[what]()
    assert np.isfinite(expected).all()
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend, n_jobs=2):
            np.testing.assert_array_equal(FOUND[what](), expected, backend)
