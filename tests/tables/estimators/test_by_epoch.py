"""`fit_by_epoch`: the fit as an iterator of reports, with the bits of `fit`."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.errors import SettingError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
HELD_OUT = (X[100:], Y[100:])
KINDS: list[Any] = [
    (hg.MLPClassifier, {}),
    (hg.MLPClassifier, {"early_stopping": True, "n_iter_no_change": 3}),
    (hg.MLPRegressor, {"scale_targets": True}),
]


def model_of(kind: Any, more: dict[str, Any]) -> Any:
    return kind(hidden_layer_sizes=(8,), max_iter=12, tol=0, random_state=1, **more)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize(("kind", "more"), KINDS)
@pytest.mark.parametrize("eval_set", [None, HELD_OUT])
def test_its_end_is_that_of_fit(kind: Any, more: dict[str, Any], eval_set: Any) -> None:
    model, whole = model_of(kind, more), model_of(kind, more)
    reports = [*model.fit_by_epoch(X[:100], Y[:100], eval_set=eval_set)]
    whole.fit(X[:100], Y[:100], eval_set=eval_set)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    np.testing.assert_array_equal(model.net_.parameters, whole.net_.parameters)
    assert [report.train_loss for report in reports] == whole.loss_curve_
    assert len(reports) == model.n_iter_ == whole.n_iter_
    evaluated = eval_set is not None or "early_stopping" in more
    assert (reports[0].validation_loss is not None) == evaluated
    np.testing.assert_array_equal(
        model.set_params(warm_start=True).fit(X, Y).predict(X),
        whole.set_params(warm_start=True).fit(X, Y).predict(X),
    )


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_stopped_fit_has_the_scale_of_the_targets(engine: Any) -> None:
    model = hg.MLPRegressor(scale_targets=True, engine=engine, random_state=0)
    reports = model.fit_by_epoch(X, 1000 + X[:, 0])
    next(reports)
    assert abs(model.predict(X).mean()) < 10
    reports.close()
    assert abs(model.predict(X).mean() - 1000) < 10


def test_a_model_is_as_before_if_the_rows_are_refused() -> None:
    model = model_of(hg.MLPClassifier, {"scoring": "acuracy"})
    with pytest.raises(SettingError, match="did you mean 'accuracy'"):
        next(model.fit_by_epoch(X, Y, eval_set=HELD_OUT))
    assert not hasattr(model, "net_")


def test_lbfgs_has_no_epochs() -> None:
    with pytest.raises(SettingError, match="no epochs"):
        hg.MLPClassifier(solver="lbfgs").fit_by_epoch(X, Y)
