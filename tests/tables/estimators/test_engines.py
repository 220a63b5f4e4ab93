"""Machine code for fits: kept by their form, made where a fit pays, never for sparse rows."""

import copy
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import handgrad as hg
from handgrad.engines.compiled import engine as compiled
from handgrad.engines.compiled import plan
from handgrad.engines.fingerprint import TRACES
from handgrad.tables.estimators import fit_loop, rows
from handgrad.textbook.net import sparse_rows
from tests.tables.estimators.data import TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
Y = TASKS["classes"].y


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the engines that fit, beginning with nothing kept."""
    names: list[str] = []
    made = fit_loop.FitJob.engine

    def noted(job: Any) -> Any:
        engine = made(job)
        names.append(engine.name)
        return engine

    monkeypatch.setattr(fit_loop.FitJob, "engine", noted)
    monkeypatch.setenv("HANDGRAD_ENGINE", "auto")
    return names


def fit(x: Any = X, y: Any = Y, w: Any = None, **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0, **settings}
    return hg.MLPClassifier(**settings).fit(x, y, sample_weight=w)


def test_a_fit_is_compiled_where_it_pays_alone(
    chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gain = 4 * 5 * (4 * 8e-6 + 6 * 90 * 43 * 1.6e-12)
    for share, name in ((1.01, "eager"), (0.99, "compiled")):
        monkeypatch.setattr(fit_loop, "cost_of_compiling", lambda net, x=share: x * gain)
        fit()
        assert chosen[-1] == name


def test_auto_goes_by_sizes_whatever_was_fit_before(chosen: list[str]) -> None:
    expected = fit().coefs_[0]
    for _ in range(2):
        fit(engine="compiled")
        np.testing.assert_array_equal(fit().coefs_[0], expected)
    assert chosen == ["eager", "compiled", "eager", "compiled", "eager"]


@pytest.mark.parametrize(("engine", "compiled"), [("auto", False), ("compiled", True)])
def test_an_estimator_predicts_by_the_engine_it_fits_by(engine: str, compiled: bool) -> None:
    model = fit(engine=engine)
    model.predict(X)
    assert ("compiled" in model.net_._predictor.made) == compiled
    expected = copy.deepcopy(model).set_params(engine="eager").predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)


def test_no_more_epochs_are_expected_than_most_fits_need(chosen: list[str]) -> None:
    for most in (100, 10_000):
        fit(max_iter=most, tol=10.0, n_iter_no_change=1)
    assert chosen == ["eager", "eager"]


def test_a_long_fit_is_compiled_at_once(chosen: list[str]) -> None:
    rng = np.random.default_rng(0)
    hg.MLPRegressor("squared_error", (64,), max_iter=3, batch_size=5).fit(
        rng.standard_normal((30_000, 3)), rng.standard_normal(30_000)
    )
    assert chosen == ["compiled"]


def test_what_was_compiled_serves_other_rows_of_the_form(
    chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    make = plan.plan_of

    def noted(*given: Any, **predicts: Any) -> Any:
        made.append(given)
        return make(*given, **predicts)

    monkeypatch.setattr("handgrad.engines.compiled.plan.plan_of", noted)
    for part, rate in ((slice(70), 0.001), (slice(20, 90), 0.002)):
        expected = fit(X[part], Y[part], engine="eager", learning_rate_init=rate)
        model = fit(X[part], Y[part], engine="compiled", learning_rate_init=rate)
        np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9)
    assert len(made) == 1
    first = slice(70)
    others: list[dict[str, Any]] = [
        {"w": WEIGHTS[first] + 1},
        {"alpha": 0.5},
        {"alpha": 0},
        {"beta_1": 0.5},
        {"solver": "sgd"},
        {"solver": "sgd", "momentum": 0.5},
        {"solver": "lbfgs"},
        {"activation": "tanh"},
        {"batch_size": 30},
        {"early_stopping": True, "batch_size": 60},
        {"x": X[first].astype(np.float32)},
        {"y": TASKS["labels"].y[first]},
    ]
    for i, settings in enumerate(others, 2):
        settings = {"x": X[first], "y": Y[first], **settings}
        model, expected = (fit(**settings, engine=name) for name in ("compiled", "eager"))
        rtol = 1e-3 if settings["x"].dtype == np.float32 else 1e-7
        np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=rtol)
        assert len(made) == i


def test_machine_code_serves_every_learning_rate_of_an_optimizer() -> None:
    losses = {
        fit(solver=hg.optimizers.NAdam(rate), engine="compiled").loss_ for rate in (0.001, 0.1)
    }
    assert (len(TRACES.entries), len(losses)) == (1, 2)


def test_rows_that_stay_sparse_are_fit_by_the_pages(
    chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = sparse.csr_array(X.round())
    expected = fit(X.round(), engine="eager")
    assert isinstance(rows.rows_of(x, np.float64), np.ndarray)
    monkeypatch.setattr(rows, "MOST_AT_ONCE", 90 * 6 * 8 - 1)
    assert not isinstance(rows.rows_of(x, np.float64), np.ndarray)
    model = fit(x, engine="compiled")
    assert chosen == ["eager", "eager"]
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


def test_sparse_rows_become_dense_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(rows, "PREDICTED_AT_ONCE", 32)
    asked: list[int] = []
    getitem = sparse_rows.SparseRows.__getitem__

    def noted(self: Any, which: Any) -> Any:
        dense = getitem(self, which)
        asked.append(len(dense))
        return dense

    monkeypatch.setattr(sparse_rows.SparseRows, "__getitem__", noted)
    fit(sparse.csr_array(X), batch_size=40, max_iter=1).predict(sparse.csr_array(X))
    assert asked == [40, 40, 10, 32, 32, 26]


def test_a_fit_never_runs_past_the_epoch_at_which_it_may_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks: list[int] = []
    run = compiled.CompiledEngine.run_epochs

    def noted(self: Any, orders: Any, rates: Any, so_far: Any = None) -> Any:
        blocks.append(len(orders))
        return run(self, orders, rates, so_far)

    monkeypatch.setattr(compiled.CompiledEngine, "run_epochs", noted)
    model = fit(engine="compiled", tol=100.0, n_iter_no_change=6, max_iter=50)
    assert (model.n_iter_, sum(blocks)) == (8, 8)
    assert max(blocks) == 7
    blocks.clear()
    assert fit(engine="compiled", n_iter_no_change=np.inf, max_iter=50).n_iter_ == 50
    assert blocks == [50]


def test_the_environment_chooses_for_auto(
    chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_ENGINE", "compiled")
    fit()
    fit(engine="eager")
    assert chosen == ["compiled", "eager"]
