"""Rows that are not learnt from: given or held out, looked at by any metric, and what is kept."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_sample_weight

import handgrad as hg
from tests.tables.estimators.data import SCORES, TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ENGINES = pytest.mark.parametrize("engine", ["eager", "compiled"])
FIT, HELD = slice(60), slice(60, 90)
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 12, "random_state": 0}


def fitted(task: str = "classes", w: Any = None, held: Any = None, **settings: Any) -> Any:
    _, kind, y, usual = TASKS[task]
    given = (X[HELD], y[HELD]) if held is None else held
    model = kind(**SETTINGS | usual | settings)
    return model.fit(X[FIT], y[FIT], sample_weight=w, eval_set=given)


@ENGINES
@pytest.mark.parametrize("task", TASKS)
def test_the_curves_are_loss_and_score_of_the_rows_given(task: str, engine: str) -> None:
    y = TASKS[task].y
    model = fitted(task, engine=engine)
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 12
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[HELD], y[HELD]))
    assert model.best_validation_score_ == max(model.validation_scores_)
    z = model.net_.predict(X[HELD])
    labels = model._validate_more(X[HELD], y[HELD])[1].reshape(30, -1)
    expected = model._loss.forward(z, model._targets(labels))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_rows_that_are_only_looked_at_change_nothing(task: str) -> None:
    _, kind, y, _ = TASKS[task]
    alone = kind(**SETTINGS).fit(X[FIT], y[FIT])
    looked_at = fitted(task)
    assert alone.validation_loss_curve_ is alone.validation_scores_ is None
    assert looked_at.loss_curve_ == alone.loss_curve_
    np.testing.assert_array_equal(looked_at.coefs_[0], alone.coefs_[0])


def test_grown_loss_alone_stops_a_fit_that_is_only_looked_at() -> None:
    settings: dict[str, Any] = {"tol": 0.05, "n_iter_no_change": 3, "max_iter": 100}
    model = fitted(**settings, scoring="log_loss")
    alone = hg.MLPClassifier(**SETTINGS | settings).fit(X[FIT], Y[FIT])
    assert model.n_iter_ == alone.n_iter_ < 100
    assert model.best_loss_ == alone.best_loss_


@ENGINES
def test_early_stopping_goes_by_the_rows_given_and_keeps_the_best_weights(engine: str) -> None:
    settings: dict[str, Any] = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 200}
    model = fitted(learning_rate_init=0.05, engine=engine, **settings)
    assert model.n_iter_ < 200
    assert len(model.validation_scores_) == model.n_iter_
    best = int(np.argmax(model.validation_scores_)) + 1
    as_then = fitted(learning_rate_init=0.05, engine=engine, max_iter=best)
    np.testing.assert_array_equal(model.coefs_[0], as_then.coefs_[0])
    assert model.score(X[HELD], TASKS["classes"].y[HELD]) == model.best_validation_score_


def test_all_rows_are_learnt_from_where_others_are_given() -> None:
    early = fitted(early_stopping=True, max_iter=1)
    alone = fitted(max_iter=1)
    assert early.loss_curve_ == alone.loss_curve_
    assert early.t_ == 60


@ENGINES
def test_running_averages_are_those_of_the_best_epoch(engine: str) -> None:
    settings: dict[str, Any] = {"normalization": "batch", "learning_rate_init": 0.1}
    settings |= {"engine": engine, "scoring": "loss"}
    model = fitted(early_stopping=True, n_iter_no_change=3, **settings | {"max_iter": 60})
    best = int(np.argmin(model.validation_scores_)) + 1
    assert best < model.n_iter_
    as_then = fitted(**settings | {"max_iter": best})
    np.testing.assert_array_equal(model.net_.running_state, as_then.net_.running_state)
    np.testing.assert_array_equal(model.predict_proba(X), as_then.predict_proba(X))


NAMES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "log_loss": (lambda y, p: log_loss(y, p), "smaller"),
    "neg_log_loss": (lambda y, p: -log_loss(y, p), "larger"),
    "roc_auc": (lambda y, p: roc_auc_score(y, p, multi_class="ovr"), "larger"),
    "roc_auc_ovo": (lambda y, p: roc_auc_score(y, p, multi_class="ovo"), "larger"),
    "f1_macro": (lambda y, p: f1_score(y, p.argmax(1) + 3, average="macro"), "larger"),
    "zero_one_loss": (lambda y, p: np.mean(y != p.argmax(1) + 3), "smaller"),
}


@pytest.mark.parametrize("name", NAMES)
def test_any_metric_may_be_looked_at_by_its_name(name: str) -> None:
    metric, better = NAMES[name]
    model = fitted(scoring=name)
    y = TASKS["classes"].y[HELD]
    expected = metric(y, model.predict_proba(X[HELD]))
    assert model.validation_scores_[-1] == pytest.approx(expected)
    best = {"smaller": min, "larger": max}[better](model.validation_scores_)
    assert model.best_validation_score_ == best


@pytest.mark.parametrize("name", ["loss", "mean_absolute_error", "neg_mean_absolute_error"])
def test_a_figure_of_which_less_is_better_stops_and_keeps_the_least(name: str) -> None:
    settings: dict[str, Any] = {"early_stopping": True, "learning_rate_init": 0.05}
    settings |= {"n_iter_no_change": 3, "max_iter": 300}
    model = fitted("number", scoring=name, **settings)
    assert model.n_iter_ < 300
    sign = -1 if name.startswith("neg") else 1
    least = min(sign * score for score in model.validation_scores_)
    assert sign * model.best_validation_score_ == least
    if name != "loss":
        found = mean_absolute_error(TASKS["number"].y[HELD], model.predict(X[HELD]))
        assert found == pytest.approx(least)


def test_a_function_is_a_scorer_of_scikit_learn_or_a_metric_of_ours() -> None:
    seen: list[Any] = []

    def fraction(model: Any, x: Any, y: Any) -> float:
        seen.append((x.shape, sorted({*y.tolist()})))
        return float((model.predict(x) == y).mean())

    usual = fitted().validation_scores_
    assert fitted(scoring=fraction).validation_scores_ == pytest.approx(usual)
    assert {*map(str, seen)} == {"((30, 6), [3, 4, 5])"}
    assert fitted(scoring=hg.metrics.accuracy).validation_scores_ == pytest.approx(usual)
    assert fitted(scoring=make_scorer(balanced_accuracy_score)).validation_scores_ == (
        pytest.approx(fitted(scoring="balanced_accuracy").validation_scores_)
    )


@pytest.mark.parametrize("scoring", [None, "log_loss", "neg_log_loss", "loss"])
def test_weights_of_rows_given_count_in_figures(scoring: Any) -> None:
    y, w = TASKS["classes"].y, WEIGHTS[HELD] + 0.1
    model = fitted(held=(X[HELD], y[HELD], w), scoring=scoring)
    p = model.predict_proba(X[HELD])
    expected = log_loss(y[HELD], p, sample_weight=w)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)
    if scoring is None:
        expected = model.score(X[HELD], y[HELD], sample_weight=w)
    assert abs(model.validation_scores_[-1]) == pytest.approx(expected)
    assert model.validation_scores_ != fitted(scoring=scoring).validation_scores_


def test_a_scorer_that_takes_no_weights_gets_none() -> None:
    def least(model: Any, x: Any, y: Any) -> float:
        return float(model.predict_proba(x).min())

    y = TASKS["classes"].y
    model = fitted(held=(X[HELD], y[HELD], WEIGHTS[HELD]), scoring=least)
    assert len(model.validation_scores_) == 12


def test_classes_weigh_in_the_validation_loss_as_among_the_rows_to_fit() -> None:
    y = np.where(X[:, 0] > 0.8, 1, 0)
    w = compute_sample_weight("balanced", y[FIT])
    of_class = {c: w[y[FIT] == c][0] for c in (0, 1)}
    curves: list[Any] = []
    for weight in ("balanced", of_class):
        model = hg.MLPClassifier(class_weight=weight, **SETTINGS)
        model.fit(X[FIT], y[FIT], eval_set=(X[HELD], y[HELD]))
        curves.append(model.validation_loss_curve_)
    np.testing.assert_allclose(*curves)
    expected = log_loss(
        y[HELD], model.predict_proba(X[HELD]), sample_weight=[of_class[c] for c in y[HELD]]
    )
    assert curves[1][-1] == pytest.approx(expected)


def test_a_list_of_one_set_and_sparse_rows_and_frames_are_taken() -> None:
    y = TASKS["classes"].y
    curve = fitted().validation_loss_curve_
    for held in ([(X[HELD], y[HELD])], [X[HELD], y[HELD]], (sparse.csr_array(X[HELD]), y[HELD])):
        np.testing.assert_allclose(fitted(held=held).validation_loss_curve_, curve)
    table = pd.DataFrame(X, columns=[*"abcdef"])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="X does not have valid feature names")
        model: Any = hg.MLPClassifier(**SETTINGS, scoring="neg_log_loss", early_stopping=True)
        model.fit(table[FIT], y[FIT], eval_set=(table[HELD], y[HELD]))
        alone = hg.MLPClassifier(**SETTINGS, scoring="neg_log_loss", early_stopping=True)
        alone.fit(table, y)
    np.testing.assert_allclose(model.validation_loss_curve_, curve)


Y = TASKS["classes"].y
WRONG_SETS: dict[str, tuple[Any, str]] = {
    "a number": (5, "eval_set: 5, of type int"),
    "one part": ((X[HELD],), "eval_set: 1 parts"),
    "no parts": ([], "eval_set: 0 parts"),
    "two sets": ([(X[HELD], Y[HELD]), (X[HELD], Y[HELD])], "eval_set: 2 sets"),
    "other columns": ((X[HELD, :4], Y[HELD]), "eval_set: X has 4 features"),
    "an unknown class": ((X[HELD], Y[HELD] + 1), "eval_set: `y` has classes not in"),
    "too few targets": ((X[HELD], Y[:7]), "eval_set: .*inconsistent numbers"),
    "too few weights": ((X[HELD], Y[HELD], np.ones(7)), "eval_set: sample_weight"),
    "not a number": ((np.full((3, 6), np.nan), Y[:3]), "eval_set: Input X contains NaN"),
}


@pytest.mark.parametrize("given", WRONG_SETS)
def test_wrong_sets_are_refused_before_anything_is_learnt(given: str) -> None:
    held, said = WRONG_SETS[given]
    model = hg.MLPClassifier(**SETTINGS)
    with pytest.raises(hg.errors.DataError, match=rf"(?s){said}.*expected.*try"):
        model.fit(X[FIT], Y[FIT], eval_set=held)
    assert not hasattr(model, "coefs_")


def test_a_set_of_a_regressor_has_as_many_numbers_a_row() -> None:
    with pytest.raises(hg.errors.DataError, match="eval_set with 1 targets a row, beside 3"):
        fitted("numbers", held=(X[HELD], SCORES[HELD, 0]))
    with pytest.raises(hg.errors.DataError, match=r"(?s)eval_set: y from -.*counts"):
        fitted("counts", held=(X[HELD], SCORES[HELD, 0]))


WRONG_SCORES: dict[Any, str] = {
    "accurcy": "did you mean 'accuracy'",
    "r2": "scoring='r2'",
    "f1": "scoring='f1'.*f1_macro",
}


@pytest.mark.parametrize("scoring", WRONG_SCORES)
def test_figures_that_the_rows_have_not_are_refused_before_the_first_epoch(scoring: str) -> None:
    with pytest.raises(hg.HandgradError, match=rf"(?s){WRONG_SCORES[scoring]}"):
        fitted(scoring=scoring)


def test_what_a_scorer_cannot_do_is_refused_before_the_first_epoch() -> None:
    said = "failed on 30 validation rows.*scoring='loss', or 'accuracy'"
    with pytest.raises(hg.errors.SettingError, match=rf"(?s){said}"):
        fitted("binary", scoring="neg_mean_poisson_deviance")
    with pytest.raises(hg.errors.SettingError, match="which is NaN for the 30 validation rows"):
        fitted("binary", scoring=lambda model, x, y: np.nan)


def test_a_refused_fit_leaves_the_fit_before() -> None:
    model = hg.MLPClassifier(**SETTINGS)
    with pytest.raises(hg.errors.SettingError):
        model.set_params(scoring="accurcy").fit(X[FIT], Y[FIT], eval_set=(X[HELD], Y[HELD]))
    assert not hasattr(model, "coefs_")
    model.set_params(scoring=None).fit(X[FIT], Y[FIT])
    p = model.predict_proba(X)
    with pytest.raises(hg.errors.SettingError):
        model.set_params(scoring="accurcy").fit(X[:, :4], Y, eval_set=(X[HELD, :4], Y[HELD]))
    np.testing.assert_array_equal(model.predict_proba(X), p)


def test_scores_have_no_probabilities_to_be_measured() -> None:
    for scoring in ("log_loss", "brier_score_loss", "neg_log_loss"):
        with pytest.raises(hg.errors.SettingError, match=rf"(?s)scoring='{scoring}'.*accuracy"):
            fitted("binary", loss="hinge", scoring=scoring)
    auc = fitted("binary", loss="hinge", scoring="roc_auc")
    y = TASKS["binary"].y[HELD]
    found = roc_auc_score(y, auc.decision_function(X[HELD]))
    assert auc.validation_scores_[-1] == pytest.approx(found)


def test_a_warm_start_goes_on_with_the_curves() -> None:
    model = hg.MLPClassifier(**SETTINGS | {"max_iter": 3}, warm_start=True)
    held = (X[HELD], Y[HELD])
    model.fit(X[FIT], Y[FIT], eval_set=held).fit(X[FIT], Y[FIT], eval_set=held)
    assert len(model.validation_scores_ or []) == len(model.loss_curve_) == 6
    model.fit(X[FIT], Y[FIT])
    assert (len(model.validation_scores_ or []), len(model.loss_curve_)) == (6, 9)
    model.set_params(scoring="loss").fit(X[FIT], Y[FIT], eval_set=held)
    assert model.validation_scores_ == model.validation_loss_curve_
    assert len(model.validation_scores_ or []) == 3
    assert model._state.validated_at == [10, 11, 12]


def test_early_stopping_may_come_and_go_between_warm_starts() -> None:
    model, alone = (hg.MLPClassifier(**SETTINGS, warm_start=True) for _ in range(2))
    model.fit(X[FIT], Y[FIT], eval_set=(X[HELD], Y[HELD]))
    # no epoch is better than the best before: the weights stay those of the last
    model._state.best_validation_score = 2.0
    model.set_params(early_stopping=True).fit(X[FIT], Y[FIT], eval_set=(X[HELD], Y[HELD]))
    alone.fit(X[FIT], Y[FIT]).set_params(max_iter=model.n_iter_).fit(X[FIT], Y[FIT])
    np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])
    early = hg.MLPClassifier(**SETTINGS, warm_start=True, early_stopping=True).fit(X, Y)
    early.set_params(early_stopping=False).fit(X, Y)
    assert early.best_loss_ == min(early.loss_curve_[-early.n_iter_ :])


def test_grids_are_searched_over_what_stops() -> None:
    grid = {"scoring": ["loss", "f1_macro"], "normalization": [None, "batch", "layer"]}
    grid |= {"solver": [hg.AdamW(0.01), "rmsprop"], "loss": ["log_loss", hg.CrossEntropyLoss()]}
    model = hg.MLPClassifier(**SETTINGS | {"max_iter": 3}, early_stopping=True)
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 24
    assert search.best_estimator_.n_iter_ == 3


def test_sets_are_routed() -> None:
    model = hg.MLPClassifier(**SETTINGS)
    assert hasattr(model, "set_fit_request")
    assert "eval_set" in model.get_metadata_routing().fit.requests


def test_an_interrupted_look_keeps_what_was_best(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def stops(model: Any, x: Any, y: Any) -> float:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return -float(len(calls))

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = fitted(scoring=stops, early_stopping=True)
    assert (model.n_iter_, model.best_validation_score_) == (4, -2.0)
    np.testing.assert_array_equal(model.coefs_[0], fitted(max_iter=1).coefs_[0])


def test_groups_and_time_decide_which_rows_early_stopping_holds_out() -> None:
    rng = np.random.default_rng(0)
    who = rng.permutation(np.repeat(np.arange(40), 12))
    x, y = rng.normal(size=(40, 3))[who], rng.integers(0, 2, 40)[who]
    how: Any = {"early_stopping": True, "max_iter": 100, "n_iter_no_change": 100, "random_state": 0}
    how |= {"learning_rate_init": 0.05, "validation_fraction": 0.3}
    random = hg.MLPClassifier(**how).fit(x, y).best_validation_score_
    by_group = hg.MLPClassifier(**how).fit(x, y, groups=who).best_validation_score_
    assert (random or 0) > 0.8 > (by_group or 1)
    model = hg.MLPRegressor(**how).fit(np.arange(200.0)[:, None] / 200, np.arange(200.0),
                                    time=np.arange(200.0))  # fmt: skip
    assert len(model.validation_scores_ or []) > 0


@pytest.mark.parametrize(
    "how", [{}, {"early_stopping": True, "eval_set": (X[HELD], TASKS["classes"].y[HELD])}]
)
def test_groups_without_rows_to_hold_out_are_refused(how: Any) -> None:
    given = {name: how.pop(name) for name in ["eval_set"] if name in how}
    with pytest.raises(hg.errors.SettingError, match="groups= with "):
        hg.MLPClassifier(max_iter=5, **how).fit(
            X, TASKS["classes"].y, groups=np.arange(len(X)) % 9, **given
        )
