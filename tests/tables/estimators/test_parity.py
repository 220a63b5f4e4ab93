"""With the same random_state the estimators compute scikit-learn's numbers, over many epochs."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from tests.tables.estimators.data import TASKS, WEIGHTS, Task, X, target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SOLVERS: dict[str, dict[str, Any]] = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "lbfgs": {"solver": "lbfgs", "max_iter": 20},
}
EPOCHS: dict[str, Any] = {"max_iter": 25, "hidden_layer_sizes": (7, 5), "random_state": 3}


def both(task: Task, **settings: Any) -> tuple[Any, Any]:
    """scikit-learn's estimator and ours, with the same settings."""
    settings = {**EPOCHS, **task.settings, **settings}
    engine = settings.pop("engine", "auto")
    return task.theirs(**settings), task.ours(**settings, engine=engine)


def outputs(model: Any, x: Any) -> Any:
    return model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)


def assert_same(models: Iterable[Any], x: Any = X, tolerance: float = 1e-6) -> None:
    """Every fitted attribute and prediction is the same, and of the same type."""
    theirs, ours = models
    for name, value in vars(theirs).items():
        if name.endswith("_") and not name.startswith("_"):
            found = getattr(ours, name)
            assert type(found) is type(value) or np.isscalar(value), name
            if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
                for array, expected in zip(found, value, strict=True):
                    assert array.dtype == expected.dtype, name
                    np.testing.assert_allclose(
                        array, expected, rtol=tolerance, atol=tolerance, err_msg=name
                    )
            elif value is None or isinstance(value, str):
                assert found == value, name
            elif isinstance(value, np.ndarray) and value.dtype.kind in "UO":
                assert (found == value).all(), name
            else:
                np.testing.assert_allclose(found, value, rtol=tolerance, err_msg=name)
    p, expected = outputs(ours, x), outputs(theirs, x)
    assert p.dtype == expected.dtype
    np.testing.assert_allclose(p, expected, rtol=tolerance, atol=tolerance)
    labels = ours.predict(x)
    assert labels.dtype == theirs.predict(x).dtype
    if p is not labels and labels.dtype.kind != "f":
        assert (labels == theirs.predict(x)).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_every_solver_fits_every_task_alike(task: str, solver: str, weighted: bool) -> None:
    w = WEIGHTS if weighted else None
    models = both(TASKS[task], **SOLVERS[solver], batch_size=40)
    assert_same(model.fit(X, TASKS[task].y, sample_weight=w) for model in models)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["classes", "labels", "numbers", "counts"])
def test_every_engine_fits_alike(task: str, solver: str, engine: str) -> None:
    models = both(TASKS[task], **SOLVERS[solver], engine=engine, alpha=0.1, batch_size=40)
    assert_same(model.fit(X, TASKS[task].y, sample_weight=WEIGHTS) for model in models)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation_begins_and_learns_alike(activation: str, solver: str) -> None:
    models = both(TASKS["binary"], **SOLVERS[solver], activation=activation, alpha=0)
    assert_same(model.fit(X, TASKS["binary"].y) for model in models)


@pytest.mark.parametrize("batch_size", [1, 13, 90, "auto"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_size_of_batches_is_cut_alike(batch_size: Any, shuffle: bool) -> None:
    models = both(TASKS["classes"], batch_size=batch_size, shuffle=shuffle, max_iter=8)
    assert_same(model.fit(X, TASKS["classes"].y) for model in models)


POLICIES: dict[str, dict[str, Any]] = {
    "plain momentum": {"nesterovs_momentum": False},
    "no momentum": {"momentum": 0.0},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 1e-2, "max_iter": 200},
}


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_of_the_learning_rate_steps_and_stops_alike(
    policy: str, early_stopping: bool, engine: str
) -> None:
    settings: dict[str, Any] = {"early_stopping": early_stopping, "max_iter": 60}
    settings |= {"validation_fraction": 0.2, "batch_size": 30, "solver": "sgd"}
    settings["learning_rate_init"] = 0.2
    models = both(TASKS["classes"], **settings | POLICIES[policy], engine=engine)
    assert_same(model.fit(X, TASKS["classes"].y) for model in models)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_keeps_the_same_best_weights(task: str, weighted: bool) -> None:
    w = WEIGHTS if weighted else None
    settings = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 100}
    models = both(TASKS[task], **settings, learning_rate_init=0.02)
    y = target(task, early_stopping=True)
    assert_same(model.fit(X, y, sample_weight=w) for model in models)
    assert models[1].n_iter_ < 100


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_it_stops_at_the_same_epoch_when_nothing_improves(engine: str) -> None:
    models = both(TASKS["classes"], tol=0.05, n_iter_no_change=5, max_iter=300, engine=engine)
    assert_same(model.fit(X, TASKS["classes"].y) for model in models)
    assert models[1].n_iter_ < 100


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_goes_on_alike(solver: str, engine: str) -> None:
    random = [np.random.RandomState(0) for _ in range(2)]
    models = both(TASKS["classes"], **{"max_iter": 8, **SOLVERS[solver]}, engine=engine)
    for model, state in zip(models, random, strict=True):
        model.set_params(warm_start=True, max_iter=8, random_state=state)
        for rows in (slice(None), slice(60), slice(None)):
            model.fit(X[rows], TASKS["classes"].y[rows])
    assert_same(models)
    assert random[0].random() == random[1].random()


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "invscaling"])
@pytest.mark.parametrize("task", ["binary", "classes", "labels", "number"])
def test_partial_fit_goes_on_alike(task: str, solver: str, engine: str) -> None:
    settings = SOLVERS.get(solver, {"solver": "sgd", "learning_rate": solver})
    theirs, ours = both(TASKS[task], **settings, engine=engine)
    y = TASKS[task].y
    for model in (theirs, ours):
        classes = np.arange(3) if y.ndim > 1 else np.unique(y)
        given = {"classes": classes} if hasattr(model, "predict_proba") else {}
        for rows in (slice(45), slice(45, 90), slice(20, 65)):
            model.partial_fit(X[rows], y[rows], sample_weight=WEIGHTS[rows] + 0.1, **given)
    assert_same((theirs, ours))


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_warm_start_stops_early_alike(engine: str) -> None:
    settings = {"early_stopping": True, "warm_start": True, "n_iter_no_change": 3, "max_iter": 9}
    models = both(TASKS["classes"], **settings, engine=engine)
    for _ in range(4):
        assert_same(model.fit(X, TASKS["classes"].y) for model in models)
    assert models[1].n_iter_ < 9


def test_partial_fit_goes_on_from_a_fit() -> None:
    theirs, ours = both(TASKS["number"], learning_rate_init=0.01)
    for model in (theirs, ours):
        model.fit(X, TASKS["number"].y).partial_fit(X[:40], TASKS["number"].y[:40])
    assert_same((theirs, ours))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", ["binary", "classes", "numbers", "counts"])
def test_float32_keeps_the_types_that_scikit_learn_keeps(task: str, solver: str) -> None:
    x = X.astype(np.float32)
    models = both(TASKS[task], **{**SOLVERS[solver], "max_iter": 10})
    fitted = [model.fit(x, TASKS[task].y) for model in models]
    assert_same(fitted, x, tolerance=3e-4)
    for other in (X, X.round().astype(int)):
        p, expected = (outputs(model, other) for model in fitted)
        assert p.dtype == expected.dtype


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("at_once", [True, False])
def test_sparse_rows_are_learnt_alike(
    make: Any, early_stopping: bool, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr("handgrad.tables.estimators.rows.MOST_AT_ONCE", 100)
    x = make(np.where(np.abs(X) > 1, X, 0))
    models = both(TASKS["classes"], early_stopping=early_stopping, batch_size=32)
    assert_same((model.fit(x, TASKS["classes"].y) for model in models), x)


def test_sparse_rows_are_learnt_alike_by_lbfgs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.tables.estimators.rows.MOST_AT_ONCE", 100)
    x = sparse.csr_array(np.where(np.abs(X) > 1, X, 0))
    models = both(TASKS["numbers"], **SOLVERS["lbfgs"])
    assert_same((model.fit(x, TASKS["numbers"].y) for model in models), x)


# Where the last digits of a gradient decide at which of several ends a long search comes out: of
# several squared errors it is not the derivative of the loss, in either library; several rates
# have more than one minimum.
ENDS_DIFFER = ("numbers", "several counts")


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for task in TASKS if task not in ENDS_DIFFER])
def test_lbfgs_ends_at_the_same_loss(task: str) -> None:
    models = both(TASKS[task], solver="lbfgs", max_iter=200, alpha=1.0, engine="eager")
    theirs, ours = (model.fit(X, TASKS[task].y) for model in models)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-5)


@pytest.mark.parametrize("task", ENDS_DIFFER)
def test_lbfgs_of_several_numbers_goes_the_same_way(task: str) -> None:
    models = both(TASKS[task], solver="lbfgs", max_iter=40, alpha=1.0, engine="eager")
    theirs, ours = (model.fit(X, TASKS[task].y) for model in models)
    assert ours.n_iter_ == theirs.n_iter_ == 40
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)


def test_a_loss_of_certain_errors_is_clipped_alike() -> None:
    x, y = X * 300, TASKS["classes"].y
    for rows in (x, x.astype(np.float32)):
        theirs, ours = (
            m.fit(rows, y) for m in both(TASKS["classes"], max_iter=3, activation="relu")
        )
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)
        assert ours.loss_ > 1


def test_no_hidden_layer_is_a_linear_model_alike() -> None:
    models = both(TASKS["classes"], hidden_layer_sizes=())
    assert_same(model.fit(X, TASKS["classes"].y) for model in models)


@pytest.mark.parametrize("sizes", [4, [4, 3], np.array([4])])
def test_sizes_may_come_as_scikit_learn_takes_them(sizes: Any) -> None:
    models = both(TASKS["number"], hidden_layer_sizes=sizes, max_iter=4)
    assert_same(model.fit(X, TASKS["number"].y) for model in models)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_iter": 2},
        {"max_iter": 2, "batch_size": 500},
        {"solver": "lbfgs", "max_iter": 2},
        {"solver": "lbfgs", "max_fun": 3},
    ],
)
def test_the_warnings_are_the_same(settings: dict[str, Any]) -> None:
    said = []
    for model in both(TASKS["number"], **settings):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, TASKS["number"].y)
        said.append([(w.category, str(w.message), w.filename) for w in caught])
    theirs, ours = said
    same = 1 if settings.get("solver") == "lbfgs" else 2  # which warns in its own words
    assert [w[:same] for w in ours] == [w[:same] for w in theirs]
    assert any(category is ConvergenceWarning for category, *_ in ours)
    assert all(w[2] == __file__ for w in ours if "lbfgs" not in w[1])


@pytest.mark.parametrize(
    "settings",
    [
        {"max_iter": 3},
        {"early_stopping": True, "max_iter": 3},
        {"tol": 10.0, "n_iter_no_change": 2},
        {"tol": 10.0, "n_iter_no_change": 2, "early_stopping": True, "max_iter": 20},
        {"tol": 10.0, "n_iter_no_change": 1, "solver": "sgd", "learning_rate": "adaptive"},
    ],
)
def test_a_verbose_fit_prints_the_same(
    settings: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for model in both(TASKS["number"], **settings, verbose=True):
        model.fit(X, TASKS["number"].y)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""
