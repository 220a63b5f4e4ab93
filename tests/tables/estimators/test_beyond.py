"""What scikit-learn's have not: activations of one's own, dropout, weights of classes."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.class_weight import compute_sample_weight

import handgrad as hg
from tests.tables.estimators.data import TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
Y = TASKS["classes"].y
UNEVEN = np.where(X[:, 0] > 1, 1, 0)
ENGINES = pytest.mark.parametrize("engine", ["eager", "compiled"])


def classifier(**settings: Any) -> hg.MLPClassifier:
    return hg.MLPClassifier(
        **{"hidden_layer_sizes": (6, 4), "max_iter": 10, "random_state": 0, **settings}
    )


def test_each_hidden_layer_may_have_an_activation_of_its_own() -> None:
    model = classifier(activation=["relu", "tanh"]).fit(X, Y)
    assert repr(model.net_) == "Net(Linear(6, 6), ReLU(), Linear(6, 4), Tanh(), Linear(4, 3))"
    mixed = classifier(activation=("identity", hg.layers.LeakyReLU(0.3))).fit(X, Y)
    assert repr(mixed.net_) == "Net(Linear(6, 6), Linear(6, 4), LeakyReLU(0.3), Linear(4, 3))"


def test_the_same_activation_for_each_is_that_activation() -> None:
    for name in ("logistic", "relu"):
        one, each = classifier(activation=name), classifier(activation=[name, name])
        np.testing.assert_array_equal(one.fit(X, Y).coefs_[2], each.fit(X, Y).coefs_[2])


def test_weights_before_logistic_units_begin_smaller() -> None:
    model = classifier(activation=["logistic", "relu"], max_iter=1, learning_rate_init=1e-12)
    first, second, last = (abs(coef).max() for coef in model.fit(X, Y).coefs_)
    assert first < (2 / 12) ** 0.5 < second < (6 / 10) ** 0.5
    assert (2 / 7) ** 0.5 < last < (6 / 7) ** 0.5


class Square(hg.Layer):
    """y = x²      dx = 2 x dy"""

    def forward(self, x: Any) -> Any:
        self.x = x
        return x**2

    def backward(self, dy: Any) -> Any:
        return 2 * self.x * dy


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_layer_of_ones_own_is_copied_for_each_hidden_layer(engine: str) -> None:
    given = Square()
    model = classifier(activation=given, engine=engine).fit(X, Y)
    inside = [layer for layer in model.net_.layers if isinstance(layer, Square)]
    assert len(inside) == 2
    assert given not in inside
    again = clone(model).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_engines_agree_on_layers_of_ones_own() -> None:
    a, b = (classifier(activation=Square(), engine=e).fit(X, Y) for e in ("eager", "compiled"))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-8)


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        (["relu"], r"1 activations for 2 hidden layers.*\['relu', 'relu'\]"),
        (["relu", "swish"], r"'swish'.*identity, logistic, tanh, relu"),
        (["relu", 3], "activation 3"),
        ([hg.Tanh], "or a layer"),
    ],
)
def test_wrong_activations_are_refused(activation: Any, said: str) -> None:
    sizes = (6,) if activation == [hg.Tanh] else (6, 4)
    with pytest.raises(hg.errors.SettingError, match=f"(?s){said}"):
        classifier(activation=activation, hidden_layer_sizes=sizes).fit(X, Y)


@ENGINES
def test_dropout_is_repeated_by_the_same_random_state(engine: str) -> None:
    models = [classifier(dropout=0.3, engine=engine).fit(X, Y) for _ in range(2)]
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    other = classifier(dropout=0.3, engine=engine, random_state=1).fit(X, Y)
    assert not np.allclose(models[0].coefs_[0], other.coefs_[0])
    assert not np.allclose(models[0].coefs_[0], classifier().fit(X, Y).coefs_[0])
    np.testing.assert_array_equal(models[0].predict_proba(X), models[0].predict_proba(X))


def test_dropout_is_compiled_to_the_same_numbers() -> None:
    a, b = (classifier(dropout=0.3, engine=e).fit(X, Y) for e in ("eager", "compiled"))
    assert repr(a.net_).count("Dropout(0.3)") == 2
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-8)


@ENGINES
def test_a_pickled_fit_with_dropout_goes_on_the_same(engine: str) -> None:
    model = classifier(dropout=0.5, engine=engine).fit(X, Y)
    twin = pickle.loads(pickle.dumps(model))
    for m in (model, twin):
        m.partial_fit(X, Y)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])


def test_dropout_with_lbfgs_is_refused() -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)dropout=0.5 with solver='lbfgs'.*adam"):
        classifier(dropout=0.5, solver="lbfgs").fit(X, Y)


@ENGINES
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 8.0}])
def test_weights_of_classes_multiply_those_of_rows(
    class_weight: Any, solver: str, engine: str
) -> None:
    settings = {"solver": solver, "engine": engine}
    w = compute_sample_weight(class_weight, UNEVEN)
    model = classifier(class_weight=class_weight, **settings).fit(X, UNEVEN)
    by_rows = classifier(**settings).fit(X, UNEVEN, sample_weight=w)
    np.testing.assert_allclose(model.coefs_[0], by_rows.coefs_[0], rtol=1e-8)
    both = classifier(class_weight=class_weight, **settings).fit(X, UNEVEN, WEIGHTS)
    by_rows = classifier(**settings).fit(X, UNEVEN, sample_weight=w * WEIGHTS)
    np.testing.assert_allclose(both.coefs_[0], by_rows.coefs_[0], rtol=1e-8)
    assert not np.allclose(both.coefs_[0], model.coefs_[0])


def test_weights_of_classes_may_be_those_of_each_label() -> None:
    y = TASKS["labels"].y
    w = compute_sample_weight("balanced", y)
    model, by_rows = classifier(class_weight="balanced").fit(X, y), classifier().fit(X, y, w)
    np.testing.assert_array_equal(model.coefs_[0], by_rows.coefs_[0])


def test_weights_of_classes_do_not_count_in_scores() -> None:
    """Whether a few rows or many are right: the scores are shares of the rows held out."""
    model = classifier(class_weight={0: 1e-3, 1: 1e3}, early_stopping=True, validation_fraction=0.2)
    model.fit(X, UNEVEN)
    assert all(round(18 * s, 9) == round(18 * s) for s in model.validation_scores_ or [])
    weighted = model.fit(X, UNEVEN, sample_weight=WEIGHTS).validation_scores_ or []
    assert any(round(18 * score, 9) != round(18 * score) for score in weighted)


def test_balance_is_not_known_in_a_part_of_the_rows() -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)balanced.*partial_fit.*\{0: 1.0"):
        classifier(class_weight="balanced").partial_fit(X, UNEVEN, classes=[0, 1])
    w = np.where(UNEVEN, 5.0, 1.0)
    model = classifier(class_weight={0: 1.0, 1: 5.0}).partial_fit(X, UNEVEN, classes=[0, 1])
    by_rows = classifier().partial_fit(X, UNEVEN, w, classes=[0, 1])
    np.testing.assert_array_equal(model.coefs_[0], by_rows.coefs_[0])


def test_wrong_weights_of_classes_are_refused() -> None:
    for wrong in ("even", 3.0):
        with pytest.raises(ValueError, match="class_weight"):
            classifier(class_weight=wrong).fit(X, UNEVEN)


def test_a_regressor_has_activations_and_dropout_too() -> None:
    model = hg.MLPRegressor(activation=hg.GELU(), dropout=0.2, max_iter=3, random_state=0)
    assert repr(model.fit(X, X[:, 0]).net_).startswith("Net(Linear(6, 100), GELU(), Dropout(0.2)")
