"""scikit-learn's callbacks on the estimators: tasks, scores, stops, errors, and the same bits."""

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from packaging.version import Version
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from tests.tables.estimators.data import TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ESTIMATORS = (hg.MLPClassifier, hg.MLPRegressor, hg.PictureClassifier)
HAS_CALLBACKS = Version(sklearn.__version__) >= Version("1.9")
Y = TASKS["classes"].y


def test_without_callbacks_in_scikit_learn_the_method_is_refused() -> None:
    for kind in ESTIMATORS:
        assert hasattr(kind(), "set_callbacks") == HAS_CALLBACKS
        if not HAS_CALLBACKS:
            words = f"scikit-learn {sklearn.__version__}.*1.9 or later.*fit_by_epoch"
            with pytest.raises(AttributeError, match=words):
                kind().set_callbacks()


class Noted:
    """Callback that notes the tasks it is told of, and fails or stops the fit at one of them."""

    def __init__(self, fails_at: str = "", stops_at: str = "") -> None:
        self.fails_at, self.stops_at = fails_at, stops_at
        self.told: list[str] = []
        self.models: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self._note("setup", context)

    def teardown(self, estimator: Any, context: Any) -> None:
        self._note("teardown", context)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self._note("begin", context)

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
        self.models.append(fitted_estimator)
        return self._note("end", context) == self.stops_at

    def _note(self, what: str, context: Any) -> str:
        self.told.append(f"{what} {context.task_name} {context.task_id}")
        if self.told[-1] == self.fails_at:
            raise ArithmeticError(self.fails_at)
        return self.told[-1]


@pytest.fixture(autouse=True)
def _with_callbacks(request: pytest.FixtureRequest) -> None:
    if "without_callbacks" not in request.node.name:
        pytest.importorskip("sklearn.callback")


def model_of(kind: Any = hg.MLPClassifier, **settings: Any) -> Any:
    usual: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
    return kind(**usual | settings)


def state_of(model: Any) -> dict[str, Any]:
    """All that a fit leaves, but the callbacks."""
    kept = pickle.loads(pickle.dumps(model)).__dict__
    state = vars(kept.pop("_state", None)) if "_state" in kept else {}
    state = {k: v for k, v in state.items() if k not in ("random_state", "steps")}
    net = {"weights": kept["net_"].parameters.tolist()} if "net_" in kept else {}
    return net | state | {k: repr(v) for k, v in kept.items() if k != "_skl_callbacks"}


SETTINGS: list[tuple[Any, str, dict[str, Any]]] = [
    (hg.MLPClassifier, "classes", {}),
    (hg.MLPClassifier, "binary", {"solver": "sgd", "learning_rate": "adaptive", "max_iter": 60}),
    (hg.MLPClassifier, "labels", {"dropout": 0.3, "normalization": "batch"}),
    (hg.MLPClassifier, "classes", {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 40}),
    (hg.MLPRegressor, "numbers", {"scale_targets": True, "learning_rate": "cosine"}),
    (hg.MLPRegressor, "number", {"solver": "lbfgs"}),
]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(("kind", "task", "settings"), SETTINGS)
def test_a_fit_has_the_bits_of_one_without(
    engine: Any, kind: Any, task: str, settings: dict[str, Any]
) -> None:
    from sklearn.callback import ScoringMonitor

    y = TASKS[task].y if TASKS[task].y.dtype.kind != "U" else (TASKS[task].y == "yes").astype(int)
    model, twin = (model_of(kind, engine=engine, **settings) for _ in range(2))
    score = "r2" if kind is hg.MLPRegressor else "accuracy"
    noted, monitor = Noted(), ScoringMonitor(scoring=score)
    model.set_callbacks(noted, monitor)
    for _ in range(2):
        twin.fit(X, y, WEIGHTS)
        assert state_of(model.fit(X, y, WEIGHTS)) == state_of(twin)
        model.set_params(warm_start=True)
        twin.set_params(warm_start=True)
    name = "iteration" if model.solver == "lbfgs" else "epoch"
    n = twin.n_iter_
    ended = [each for each in noted.told[noted.told.index("teardown fit 0") :] if name in each]
    assert ended[: 2 * n] == [f"{w} {name} {i}" for i in range(n) for w in ("begin", "end")]
    assert [each for each in noted.told if "fit" in each][:4] == [
        "setup fit 0",
        "begin fit 0",
        "end fit 0",
        "teardown fit 0",
    ]
    assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & vars(model).keys()
    scores = [row[score] for row in monitor.get_logs().data if row["task_name"] == name]
    assert len(scores) == n
    if not model.early_stopping:  # else the fit has the best weights, not the last
        assert scores[-1] == model.score(X, y, WEIGHTS)


def test_each_epoch_gives_the_model_of_a_fit_that_long() -> None:
    for settings in ({}, {"scale_targets": True}):
        noted = Noted()
        model_of(hg.MLPRegressor, **settings).set_callbacks(noted).fit(X, TASKS["number"].y)
        for i, model in enumerate(noted.models[:-1], 1):
            shorter = model_of(hg.MLPRegressor, max_iter=i, **settings).fit(X, TASKS["number"].y)
            np.testing.assert_array_equal(model.predict(X), shorter.predict(X))
            assert model.loss_curve_ == shorter.loss_curve_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_hook_stops_the_fit(recwarn: Any, engine: Any, early_stopping: bool, solver: str) -> None:
    settings = {"solver": solver, "early_stopping": early_stopping and solver == "adam"}
    name = "epoch" if solver == "adam" else "iteration"
    noted = Noted(stops_at=f"end {name} 1")
    model = model_of(engine=engine, **settings).set_callbacks(noted).fit(X, Y)
    assert not recwarn.list
    shorter = model_of(engine=engine, max_iter=2, **settings).fit(X, Y)
    np.testing.assert_array_equal(model.net_.parameters, shorter.net_.parameters)
    assert model.n_iter_ == 2
    assert noted.told[-2:] == ["end fit 0", "teardown fit 0"]
    if solver == "adam" and not early_stopping:  # also its solver and random state
        model.set_callbacks()
        for each in (model, shorter):
            each.partial_fit(X, Y)
        np.testing.assert_array_equal(model.net_.parameters, shorter.net_.parameters)


@pytest.mark.parametrize(
    "fails_at", ["setup fit 0", "begin fit 0", "begin epoch 0", "begin epoch 2", "end epoch 2"]
)
@pytest.mark.parametrize("settings", [{}, {"warm_start": True, "scale_targets": True}])
def test_an_exception_in_a_hook_leaves_the_model_as_it_was(
    fails_at: str, settings: dict[str, Any]
) -> None:
    noted = Noted(fails_at=fails_at)
    model = model_of(hg.MLPRegressor, **settings)
    for fitted in (False, True):
        before = state_of(model)
        with pytest.raises(ArithmeticError, match=fails_at):
            model.set_callbacks(noted).fit(X, TASKS["number"].y)
        assert noted.told[-1] == "teardown fit 0"
        assert state_of(model) == before
        if not fitted:
            model.set_callbacks().fit(X, TASKS["number"].y)


def test_refused_rows_and_settings_end_the_callbacks_too() -> None:
    from sklearn.callback import ProgressBar

    for settings, x in (({}, X[:, :, None]), ({"max_iter": "many"}, X), ({"scoring": "best"}, X)):
        noted, model = Noted(), model_of(early_stopping=True, **settings)
        before = state_of(model)
        with pytest.raises(ValueError, match=r"dim 3|'max_iter' parameter|'best'"):
            model.set_callbacks(noted, ProgressBar()).fit(x, Y)
        assert noted.told in ([], ["setup fit 0", "begin fit 0", "teardown fit 0"])
        assert state_of(model) == before
    assert not [each for each in threading.enumerate() if "Progress" in type(each).__name__]


def test_a_partial_fit_and_a_fit_by_epoch_call_none() -> None:
    noted = Noted()
    model = model_of().set_callbacks(noted)
    list(model.fit_by_epoch(X, Y))
    model.partial_fit(X, Y)
    assert noted.told == []


def test_clones_and_pickles_have_the_callbacks() -> None:
    noted = Noted()
    model = clone(model_of().set_callbacks(noted)).fit(X, Y)
    assert len(noted.told) == 2 + 2 + 2 * 4
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(
        copy.deepcopy(model).fit(X, Y).predict_proba(X), model.predict_proba(X)
    )
    assert model.fit(X, Y).set_callbacks() is model
    with pytest.raises(TypeError, match="FitCallback"):
        model.set_callbacks(print)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_of_pipelines_logs_the_scores_of_each_epoch(capsys: Any, n_jobs: Any) -> None:
    from sklearn.callback import ProgressBar, ScoringMonitor

    def search_of(model: Any) -> Any:
        pipeline = make_pipeline(StandardScaler(), model)
        alphas = {"mlpclassifier__alpha": [1e-4, 1.0]}
        return GridSearchCV(pipeline, alphas, cv=2, n_jobs=n_jobs, scoring="neg_log_loss")

    table = pd.DataFrame(X, columns=[*"abcdef"])
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    search = search_of(model_of().set_callbacks(monitor))
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(table, Y)
    twin = search_of(model_of()).fit(table, Y)
    np.testing.assert_array_equal(search.predict_proba(table), twin.predict_proba(table))
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], twin.cv_results_["mean_test_score"]
    )
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == (2 * 2 + 1) * 4
    last = max(rows[:4], key=lambda row: row["task_id"])  # of the refit, which is one level higher
    assert last["neg_log_loss"] == search.score(table, Y)
    assert "MLPClassifier - fit" in capsys.readouterr().out
