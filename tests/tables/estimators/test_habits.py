"""What else people do with an estimator: copy, search, chain, route, look, and get wrong."""

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import neural_network
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from tests.tables.estimators.data import CLASSIFIERS, REGRESSORS, TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
Y = TASKS["classes"].y


def fitted(**settings: Any) -> hg.MLPClassifier:
    settings = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, **settings}
    return hg.MLPClassifier(**settings).fit(X, Y)


OWN_PARAMETERS = {
    "engine": "auto",
    "dropout": 0.0,
    "normalization": None,
    "scoring": None,
    "transform_layer": -1,
    "progress": False,
}


@pytest.mark.parametrize(("theirs", "ours"), [CLASSIFIERS, REGRESSORS])
def test_the_parameters_and_their_defaults_are_scikit_learns(theirs: Any, ours: Any) -> None:
    found = ours().get_params()
    own: dict[str, Any] = {"class_weight": None, "loss": "log_loss"}
    own = own if ours is CLASSIFIERS[1] else {"scale_targets": False}
    assert found == theirs().get_params() | own | OWN_PARAMETERS
    assert ours().loss == theirs().loss


@pytest.mark.parametrize(("theirs", "ours"), [CLASSIFIERS, REGRESSORS])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_every_public_attribute_of_scikit_learns_is_there(
    theirs: Any, ours: Any, solver: str
) -> None:
    y = np.arange(len(X)) % 3
    a, b = (kind(solver=solver, max_iter=3).fit(X, y) for kind in (theirs, ours))
    public = {name for name in vars(a) if not name.startswith("_")}
    assert all(hasattr(b, name) for name in public)
    own = {"net_", "class_weight", "scale_targets", "validation_loss_curve_", *OWN_PARAMETERS}
    assert all(name in own or name[0] == "_" for name in {*vars(b)} - public)


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_copies_predict_the_same_and_go_on_alone(twin_of: Any, solver: str) -> None:
    model = fitted(solver=solver)
    before = model.predict_proba(X)
    twin = twin_of(model)
    np.testing.assert_array_equal(twin.predict_proba(X), before)
    assert all(np.shares_memory(c, twin.net_.parameters) for c in twin.coefs_ + twin.intercepts_)
    if solver != "lbfgs":
        ours, theirs = (m.partial_fit(X, Y).predict_proba(X) for m in (twin, model))
        np.testing.assert_array_equal(ours, theirs)
    twin.coefs_[0][...] = 0
    assert model.coefs_[0].any()


def test_the_weights_are_views_and_may_be_replaced() -> None:
    model = fitted()
    first = model.net_.layers[0]
    assert np.shares_memory(model.coefs_[0], first.W)
    assert model.coefs_[0].shape == (6, 5)
    model.coefs_[1][...] = 0
    model.intercepts_[1] = np.array([5.0, 0.0, 0.0])
    assert (model.predict(X) == model.classes_[0]).all()
    model.coefs_ = [np.zeros((6, 5)), np.zeros((5, 3))]
    assert not pickle.loads(pickle.dumps(model)).coefs_[0].any()
    assert not first.W.any()
    model.coefs_[1] = model.coefs_[1] + np.arange(3)
    model.intercepts_ = [np.ones(5), np.zeros(3)]
    model.partial_fit(X, Y)
    assert model.coefs_[1] is not None
    assert (model.predict(X) == model.classes_[2]).all()


def test_a_view_of_the_wrong_weights_is_noticed() -> None:
    model = fitted(hidden_layer_sizes=(6, 6))
    model.coefs_[1] = model.coefs_[0]
    model.predict(X)
    np.testing.assert_array_equal(model.net_.layers[2].W.T, model.coefs_[0])


def test_a_clone_has_the_settings_and_no_weights() -> None:
    twin = clone(fitted(alpha=0.5, engine="eager"))
    assert (twin.alpha, twin.engine) == (0.5, "eager")
    with pytest.raises(NotFittedError):
        twin.predict(X)


def test_grids_are_searched_in_pipelines() -> None:
    searches = []
    for kind in CLASSIFIERS:
        model = make_pipeline(StandardScaler(), kind((4,), max_iter=20, random_state=0))
        grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__solver": ["adam", "lbfgs"]}
        searches.append(GridSearchCV(model, grid, cv=3).fit(X, Y))
    theirs, ours = searches
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("kind", [hg.MLPClassifier, hg.MLPRegressor])
def test_weights_of_rows_are_routed(kind: Any) -> None:
    w = {"sample_weight": WEIGHTS}
    with sklearn.config_context(enable_metadata_routing=True):
        model = kind(hidden_layer_sizes=(4,), max_iter=5, random_state=0)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            cross_validate(model, X, Y, cv=[(range(60), range(60, 90))], params=w)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        split: Any = {"cv": [([*range(60)], [*range(60, 90)])], "return_estimator": True}
        found = cross_validate(model, X, Y, **split, params=w)
        alone = clone(model).fit(X[:60], Y[:60], sample_weight=WEIGHTS[:60])
        score = alone.score(X[60:], Y[60:], sample_weight=WEIGHTS[60:])
        assert found["test_score"] == [pytest.approx(score)]
        assert hasattr(model, "set_partial_fit_request")


@pytest.mark.slow
def test_what_is_imported_is_imported_when_asked_for() -> None:
    code = "import sys, handgrad as hg; a = 'sklearn' in sys.modules; hg.MLPClassifier; print(a)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def refusal(model: Any, *given: Any, method: str = "fit", **named: Any) -> tuple[type, str]:
    """The class of the error, and what it says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            getattr(model, method)(*given, **named)
        except Exception as error:
            return type(error), str(error)
    raise AssertionError(f"{model!r} refused nothing")


WRONG_SETTINGS: list[dict[str, Any]] = [
    {"hidden_layer_sizes": -1},
    {"hidden_layer_sizes": (5, 0)},
    {"hidden_layer_sizes": "five"},
    {"activation": "swish"},
    {"solver": "newton"},
    {"alpha": -1},
    {"batch_size": 0},
    {"batch_size": "all"},
    {"learning_rate": "cosinus"},
    {"learning_rate_init": 0.0},
    {"power_t": -0.5},
    {"max_iter": 0},
    {"max_iter": 2.5},
    {"shuffle": "yes"},
    {"random_state": "zero"},
    {"tol": -1},
    {"warm_start": 3.5},
    {"momentum": 1.5},
    {"nesterovs_momentum": "no"},
    {"early_stopping": "late"},
    {"validation_fraction": 1.0},
    {"early_stopping": True, "validation_fraction": 0.001},
    {"beta_1": 1.0},
    {"beta_2": -0.1},
    {"epsilon": 0.0},
    {"n_iter_no_change": 0},
    {"max_fun": 0},
]


@pytest.mark.parametrize("settings", WRONG_SETTINGS, ids=str)
@pytest.mark.parametrize("kinds", [CLASSIFIERS, REGRESSORS], ids=["classes", "numbers"])
def test_wrong_settings_are_refused_in_the_same_words(kinds: Any, settings: Any) -> None:
    (theirs, said), (ours, found) = (refusal(kind(**settings), X, Y) for kind in kinds)
    assert ours is theirs
    if {*settings} & {"activation", "solver", "learning_rate"}:  # which may be more here
        said = said.split(" must be ")[0]
    assert found.startswith(said) or sorted(found) == sorted(said)


WRONG_ROWS: dict[str, tuple[Any, Any, Any]] = {
    "too few targets": (X, Y[:-1], None),
    "not a number": (np.where(X > 2, np.nan, X), Y, None),
    "infinite": (np.where(X > 2, np.inf, X), Y, None),
    "no rows": (X[:0], Y[:0], None),
    "one axis": (X[0], Y[:6], None),
    "three axes": (X[None], Y, None),
    "words": (np.full((90, 6), "a"), Y, None),
    "no targets": (X, None, None),
    "missing targets": (X, np.where(Y == 3, np.nan, Y), None),
    "too few weights": (X, Y, np.ones(7)),
    "weights of nothing": (X, Y, np.zeros(90)),
    "missing weights": (X, Y, np.full(90, np.nan)),
    "too large": (X * 1e200, Y, None),
}


@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("rows", WRONG_ROWS)
@pytest.mark.parametrize("kinds", [CLASSIFIERS, REGRESSORS], ids=["classes", "numbers"])
def test_wrong_rows_are_refused_in_the_same_words(kinds: Any, rows: str, engine: str) -> None:
    x, y, w = WRONG_ROWS[rows]
    settings = {"max_iter": 5, "activation": "identity", "random_state": 0}
    if rows == "too large":
        settings |= {"solver": "sgd", "learning_rate_init": 1e100, "max_iter": 20}
    with np.errstate(all="ignore"):
        models = (kinds[0](**settings), kinds[1](**settings, engine=engine))
        (theirs, said), (ours, found) = (refusal(m, x, y, sample_weight=w) for m in models)
    assert (ours, found) == (
        theirs,
        said.replace(models[0].__class__.__name__, type(models[1]).__name__),
    )


def test_a_warm_start_with_other_classes_is_refused() -> None:
    said = []
    for kind in CLASSIFIERS:
        model = kind((4,), max_iter=3, warm_start=True).fit(X, Y)
        said.append(refusal(model, X, np.where(Y == 3, 4, Y)))
    assert said[0] == said[1]


def test_partial_fits_are_refused_in_the_same_words() -> None:
    said = []
    for kind in CLASSIFIERS:
        model = kind((4,), max_iter=3)
        first = refusal(model, X, Y, method="partial_fit")
        model.partial_fit(X, Y, classes=[3, 4, 5])
        other = refusal(model, X, Y + 1, method="partial_fit")
        width = refusal(model, X[:, 1:], Y, method="partial_fit")
        early = kind(early_stopping=True)
        stopping = refusal(early, X, Y, method="partial_fit", classes=[3, 4, 5])
        with pytest.raises(AttributeError) as caught:
            _ = kind(solver="lbfgs").partial_fit
        said.append((first, other, width, stopping, str(caught.value.__cause__)))
    assert said[0] == said[1]


def test_what_is_not_fitted_does_not_predict() -> None:
    for method in ("predict", "predict_proba", "predict_log_proba"):
        assert refusal(hg.MLPClassifier(), X, method=method)[0] is NotFittedError
    assert refusal(hg.MLPRegressor(), X, method="predict")[0] is NotFittedError


def test_other_columns_than_those_of_the_fit_are_refused() -> None:
    theirs, ours = (
        refusal(kind((3,), max_iter=2).fit(X, Y), X[:, :4], method="predict")
        for kind in CLASSIFIERS
    )
    assert ours == theirs


def test_negative_counts_are_refused() -> None:
    with pytest.raises(hg.errors.DataError, match=r"(?s)loss='poisson'.*at least 0.*squared_error"):
        hg.MLPRegressor("poisson").fit(X, X[:, 0])


def test_a_fit_that_diverges_leaves_the_weights_of_its_last_whole_epoch() -> None:
    settings: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 1e200, "batch_size": 10}
    model = hg.MLPRegressor("squared_error", (3,), **settings)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, X[:, 0])
    assert np.abs(model.net_.parameters).max() < 10


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_fit_that_diverges_with_early_stopping_keeps_its_best_weights(engine: Any) -> None:
    settings: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 1e3, "random_state": 0}
    settings |= {"early_stopping": True, "hidden_layer_sizes": (), "batch_size": 10}
    theirs, ours = REGRESSORS[0](**settings), REGRESSORS[1](**settings, engine=engine)
    with np.errstate(all="ignore"):
        theirs.fit(X, X[:, 0])
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match="infinity reached in iteration"):
        ours.fit(X, X[:, 0])
    assert 1 < ours.n_iter_ < 10 < theirs.n_iter_
    assert not np.isfinite(ours.loss_)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0])


def test_a_score_of_what_is_not_finite_is_nan() -> None:
    model, y = hg.MLPRegressor(), np.ones((2, 1))
    assert np.isnan(model._usual_score(np.array([[1.0], [np.inf]]), y, None))
    assert np.isfinite(model._usual_score(np.array([[1.0], [2.0]]), y, None))


def test_an_interrupted_fit_keeps_what_it_has_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    from handgrad.tables.estimators import fit_loop

    def interrupted(m: Any, what: str) -> None:
        if m.n_iter_ == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit_loop, "_print", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = fitted()
    assert model.n_iter_ == 3
    monkeypatch.undo()
    np.testing.assert_array_equal(model.predict_proba(X), fitted(max_iter=3).predict_proba(X))


def test_probabilities_of_labels_are_never_quite_certain() -> None:
    y = (X[:, :2] > 0).astype(int)
    model = hg.MLPClassifier((), max_iter=3).fit(X, y)
    for p in (model.predict_proba(X * 1e6), model.predict_proba((X * 1e6).astype(np.float32))):
        assert 0 < p.min() < 1e-300
        assert 1 - 1e-15 < p.max() < 1
    assert np.isfinite(model.predict_log_proba(X * 1e6)).all()


def test_the_net_is_handgrads() -> None:
    model = fitted(hidden_layer_sizes=(5, 4), activation="tanh")
    assert repr(model.net_) == "Net(Linear(6, 5), Tanh(), Linear(5, 4), Tanh(), Linear(4, 3))"
    logits = model.net_.predict(X)
    np.testing.assert_allclose(
        model.predict_proba(X), hg.losses.kinds.ClassLogits().inverse_link(logits)
    )


def test_scikit_learns_name_is_ours() -> None:
    assert hg.MLPClassifier.__name__ == neural_network.MLPClassifier.__name__
    with pytest.raises(AttributeError, match="MLPCluster"):
        _ = getattr(hg, "MLPCluster")  # noqa: B009  a type checker knows that it has none
