"""Solvers, schedules, losses and normalizations of handgrad, by name or as objects."""

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError

import handgrad as hg
from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers import LBFGS
from tests.tables.estimators.data import SCORES, TASKS, WEIGHTS, X

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ENGINES = pytest.mark.parametrize("engine", ["eager", "compiled"])
Y = TASKS["classes"].y


def fitted(task: str = "classes", w: Any = None, **settings: Any) -> Any:
    _, kind, y, usual = TASKS[task]
    given: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 6, "random_state": 0}
    return kind(**given | usual | settings).fit(X, y, sample_weight=w)


# solvers


def by_hand(model: Any, optimizer: Any, epochs: int, schedule: Any = None) -> Array:
    """The weights after so many epochs of one batch each, of the net as the model begins it."""
    settings = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1, "alpha": 0}
    start = clone(model).set_params(**settings, learning_rate="constant").fit(X, Y)
    net, loss = start.net_, hg.SoftmaxCrossEntropyLoss()
    training = hg.train(
        net,
        (X, Y - 3),
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=90,
        schedule=schedule,
    )
    for _ in training:
        pass
    return net.parameters


OPTIMIZERS = {
    "adagrad": hg.optimizers.Adagrad(0.01),
    "rmsprop": hg.optimizers.RMSprop(0.01),
    "adamw": hg.AdamW(0.01),
    "nadam": hg.optimizers.NAdam(0.01),
    "lion": hg.optimizers.Lion(0.01),
    "an object": hg.SGD(0.01, momentum=0.5, weight_decay=0.1, clip_norm=0.2),
    "groups": hg.Adam(0.01, groups={"*.b": {"learning_rate_factor": 0.1}}),
}


@ENGINES
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_takes_its_own_steps(name: str, engine: str) -> None:
    object_, by_name = OPTIMIZERS[name], name not in ("an object", "groups")
    given = {"solver": name, "learning_rate_init": 0.01} if by_name else {"solver": object_}
    model = fitted(**given, alpha=0, engine=engine)
    expected = by_hand(model, object_, 6)
    np.testing.assert_allclose(model.net_.parameters, expected, rtol=1e-6, atol=1e-9)
    assert object_.learning_rate == 0.01


def test_an_object_and_its_name_are_the_same() -> None:
    a, b = fitted(solver="adamw", learning_rate_init=0.02), fitted(solver=hg.AdamW(0.02))
    np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])
    assert isinstance(clone(b).solver, hg.AdamW)
    assert clone(b).fit(X, Y).loss_ == b.loss_
    assert pickle.loads(pickle.dumps(b)).partial_fit(X, Y).loss_ == b.partial_fit(X, Y).loss_


def test_partial_fits_keep_what_an_optimizer_remembers() -> None:
    settings: dict[str, Any] = {"solver": hg.optimizers.NAdam(0.05), "shuffle": False, "alpha": 0.0}
    whole = fitted(**settings, max_iter=4)
    model = hg.MLPClassifier((5,), random_state=0, **settings)
    for _ in range(4):
        model.partial_fit(X, Y, classes=[3, 4, 5])
    np.testing.assert_allclose(model.coefs_[0], whole.coefs_[0], rtol=1e-10)


def test_lbfgs_is_a_name() -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)solver=LBFGS\(\).*solver='lbfgs'"):
        fitted(solver=LBFGS())


def test_an_object_brings_its_own_learning_rate() -> None:
    said = (
        r"(?s)learning_rate_init=0.2 beside solver=AdamW\(0.1\).*solver=hg.optimizers.AdamW\(0.2\)"
    )
    with pytest.raises(hg.errors.SettingError, match=said):
        fitted(solver=hg.AdamW(0.1), learning_rate_init=0.2)


# learning rates


@ENGINES
@pytest.mark.parametrize("solver", ["sgd", hg.SGD(0.1)])
@pytest.mark.parametrize("schedule", ["cosine", hg.schedules.cosine(), "one_cycle", "halves"])
def test_a_schedule_is_followed_over_all_epochs(schedule: Any, solver: Any, engine: str) -> None:
    given = schedule if schedule != "halves" else lambda done: 0.5 if done > 0.4 else 1.0
    settings: dict[str, Any] = {}
    if solver == "sgd":
        settings = {"learning_rate_init": 0.1, "momentum": 0.0}
    model = fitted(learning_rate=given, solver=solver, alpha=0, engine=engine, **settings)
    functions: dict[Any, Any] = {"cosine": hg.schedules.cosine()}
    functions["one_cycle"] = hg.schedules.one_cycle()
    expected = by_hand(model, hg.SGD(0.1), 6, functions.get(given, given))
    np.testing.assert_allclose(model.net_.parameters, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in hg.schedules.__all__ if n != "constant"])
def test_every_schedule_has_its_name(name: str) -> None:
    by_name = fitted(learning_rate=name, learning_rate_init=0.1)
    given = fitted(learning_rate=getattr(hg.schedules, name)(), learning_rate_init=0.1)
    np.testing.assert_array_equal(by_name.coefs_[0], given.coefs_[0])
    assert by_name.loss_ != fitted(learning_rate_init=0.1).loss_


def test_a_warm_start_begins_the_schedule_anew() -> None:
    asked: list[float] = []

    def schedule(done: Any) -> float:
        asked.extend(np.ravel(done).tolist())
        return 1.0

    fitted(learning_rate=schedule, warm_start=True, max_iter=2).fit(X, Y)
    assert asked.count(0.0) >= 2
    assert max(asked) == 0.5


@pytest.mark.parametrize("schedule", ["cosine", lambda done: 1.0])
def test_a_schedule_needs_to_know_how_long_it_will_be(schedule: Any) -> None:
    model = hg.MLPClassifier(learning_rate=schedule)
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        model.partial_fit(X, Y, classes=[3, 4, 5])
    assert "the number of epochs is unknown" in str(caught.value.__cause__)
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)with solver='lbfgs'.*uses a line search"
    ):
        fitted(learning_rate=schedule, solver="lbfgs")


@pytest.mark.parametrize("factor", [-1.0, np.nan])
def test_wrong_factors_are_refused(factor: float) -> None:
    with pytest.raises(hg.errors.SettingError, match="schedule gave"):
        fitted(learning_rate=lambda done: factor)


def test_adaptive_rates_are_for_every_solver_but_adam() -> None:
    given: dict[str, Any] = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}
    for solver in ("adamw", hg.AdamW(0.001)):
        model = fitted(solver=solver, max_iter=60, **given)
        assert model._state.steps.learning_rate < 1e-6
        assert model.n_iter_ < 60
    assert fitted(solver="adam", max_iter=60, **given)._state.steps.learning_rate == 0.001


def test_inverse_scaling_begins_with_the_rate_of_the_object() -> None:
    given: dict[str, Any] = {"learning_rate": "invscaling", "max_iter": 2}
    model = fitted(solver=hg.SGD(0.5), **given)
    assert model._state.steps.learning_rate == pytest.approx(0.5 / (2 * 90 + 1) ** 0.5)


# losses

LOSSES: dict[str, list[tuple[Any, Any, str]]] = {
    "classes": [
        ("label_smoothing", hg.losses.LabelSmoothingCrossEntropyLoss(), "softmax"),
        ("hinge", hg.losses.MultiMarginLoss(), "identity"),
        (hg.CrossEntropyLoss(), hg.CrossEntropyLoss(), "softmax"),
        (
            hg.losses.LabelSmoothingCrossEntropyLoss(0.3),
            hg.losses.LabelSmoothingCrossEntropyLoss(0.3),
            "softmax",
        ),
    ],
    "binary": [
        ("label_smoothing", hg.losses.LabelSmoothingCrossEntropyLoss(), "softmax"),
        ("hinge", hg.losses.HingeLoss(), "identity"),
        ("focal", hg.losses.FocalLoss(), "logistic"),
        (hg.BinaryCrossEntropyLoss(), hg.BinaryCrossEntropyLoss(), "logistic"),
        (hg.CrossEntropyLoss(), hg.CrossEntropyLoss(), "softmax"),
        (hg.losses.MultiMarginLoss(), hg.losses.MultiMarginLoss(), "identity"),
    ],
    "labels": [
        ("hinge", hg.losses.HingeLoss(), "identity"),
        ("focal", hg.losses.FocalLoss(), "logistic"),
        (hg.losses.FocalLoss(1.0, 0.5), hg.losses.FocalLoss(1.0, 0.5), "logistic"),
    ],
    "number": [
        ("absolute_error", hg.losses.MAELoss(), "identity"),
        ("huber", hg.losses.HuberLoss(), "identity"),
        ("quantile", hg.losses.QuantileLoss(), "identity"),
        (hg.losses.HuberLoss(0.1), hg.losses.HuberLoss(0.1), "identity"),
        (hg.MSELoss(), hg.MSELoss(), "identity"),
    ],
    "counts": [(hg.losses.PoissonNLLLoss(), hg.losses.PoissonNLLLoss(), "exp")],
}
CASES = [(task, *case) for task, cases in LOSSES.items() for case in cases]
ALL_LOSSES = pytest.mark.parametrize(
    ("task", "given", "expected", "out"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)


@ALL_LOSSES
@pytest.mark.parametrize("weighted", [False, True])
@ENGINES
def test_every_loss_is_the_one_that_falls(
    task: str, given: Any, expected: Any, out: str, weighted: bool, engine: str
) -> None:
    w = WEIGHTS + 0.1 if weighted else None
    settings = {"loss": given, "learning_rate_init": 0.05, "engine": engine, "alpha": 0}
    model = fitted(task, w, **settings, max_iter=40)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    one = fitted(task, w, **settings | {"learning_rate_init": 1e-300}, max_iter=1)
    y = one._targets(one._validate_more(X, TASKS[task].y)[1].reshape(90, -1))
    weights = () if w is None else (w,)
    assert one.loss_ == pytest.approx(expected.forward(one.net_.predict(X), y, *weights))
    assert model.out_activation_ == out


@ALL_LOSSES
def test_lbfgs_goes_by_every_loss(task: str, given: Any, expected: Any, out: str) -> None:
    model = fitted(task, loss=given, solver="lbfgs", max_iter=30)
    assert model.loss_ < fitted(task, loss=given, max_iter=1).loss_


@ALL_LOSSES
def test_predictions_are_classes_or_numbers_as_ever(
    task: str, given: Any, expected: Any, out: str
) -> None:
    y = TASKS[task].y
    model = fitted(task, loss=given, solver="lbfgs", max_iter=50)
    labels = model.predict(X)
    assert labels.shape == y.shape
    assert labels.dtype.kind == y.dtype.kind
    if hasattr(model, "classes_"):
        assert model.score(X, y) > 0.6
        assert model.score(X, y) > 1.3 * (model.predict(X[::-1]) == y).mean()
    if out in ("softmax", "logistic"):
        p = model.predict_proba(X)
        sums = p.sum(axis=1)
        if task != "labels":
            np.testing.assert_allclose(sums, 1)
            assert (model.classes_[p.argmax(axis=1)] == labels).all()
            link = softmax(model.net_.predict(X), axis=1)
            if out == "softmax" and type(expected) is not hg.CrossEntropyLoss:
                np.testing.assert_allclose(p, link)


def test_two_classes_are_two_columns_for_a_loss_of_classes() -> None:
    model = fitted("binary", loss="label_smoothing")
    assert (model.n_outputs_, model.coefs_[-1].shape) == (2, (5, 2))
    assert model.predict_proba(X).shape == (90, 2)
    assert fitted("binary").n_outputs_ == 1
    early = fitted("binary", loss="label_smoothing", early_stopping=True, validation_fraction=0.3)
    assert max(early.validation_scores_) > 0.5


def test_probabilities_are_the_nets_own_where_the_loss_takes_them() -> None:
    model = fitted(loss=hg.CrossEntropyLoss())
    assert repr(model.net_).endswith("Linear(5, 3), Softmax())")
    np.testing.assert_array_equal(model.predict_proba(X), model.net_.predict(X))
    two = fitted("binary", loss=hg.BinaryCrossEntropyLoss())
    assert repr(two.net_).endswith("Linear(5, 1), Sigmoid())")
    np.testing.assert_array_equal(two.predict_proba(X)[:, 1:], two.net_.predict(X))


def test_scores_are_not_taken_for_probabilities() -> None:
    for task, shape in (("classes", (90, 3)), ("binary", (90,)), ("labels", (90, 3))):
        model = fitted(task, loss="hinge")
        for name in ("predict_proba", "predict_log_proba"):
            assert not hasattr(model, name)
            with pytest.raises(AttributeError) as caught:
                getattr(model, name)(X)
            assert "gives scores, not probabilities" in str(caught.value.__cause__)
        scores = model.decision_function(X)
        assert scores.shape == shape
        z = model.net_.predict(X)
        np.testing.assert_allclose(scores, z if task != "binary" else z[:, 0], atol=1e-12)
    pairs = fitted("binary", loss=hg.losses.MultiMarginLoss())
    z = pairs.net_.predict(X)
    np.testing.assert_allclose(pairs.decision_function(X), z[:, 1] - z[:, 0])
    assert ((pairs.decision_function(X) > 0) == (pairs.predict(X) == "yes")).all()
    assert not hasattr(fitted(), "decision_function")
    with pytest.raises(NotFittedError):
        hg.MLPClassifier(loss="hinge").decision_function(X)


def test_scores_can_be_calibrated() -> None:
    model = hg.MLPClassifier((5,), loss="hinge", max_iter=5, random_state=0)
    assert CalibratedClassifierCV(model, cv=2).fit(X, Y).predict_proba(X).shape == (90, 3)


REFUSED: list[tuple[str, Any, str]] = [
    ("classes", "focal", "loss='focal' for more than two classes.*hinge"),
    ("labels", "label_smoothing", "for several labels a row.*focal, hinge"),
    ("labels", hg.CrossEntropyLoss(), "for several labels a row"),
    ("classes", hg.losses.HingeLoss(), "for more than two classes"),
    ("binary", hg.MSELoss(), "for two classes.*log_loss, label_smoothing, focal, hinge"),
    ("number", hg.CrossEntropyLoss(), "takes probabilities for targets that are classes"),
    ("number", hg.losses.SoftTargetCrossEntropyLoss(), "takes logits"),
    ("number", hg.losses.PoissonNLLLoss(), "y from -.*PoissonNLLLoss.*squared_error"),
]


@pytest.mark.parametrize(("task", "loss", "said"), REFUSED, ids=str)
def test_losses_of_other_targets_are_refused(task: str, loss: Any, said: str) -> None:
    with pytest.raises(hg.HandgradError, match=rf"(?s){said}"):
        fitted(task, loss=loss)


def test_what_is_no_loss_is_refused_in_scikit_learns_words() -> None:
    for loss in ("log_los", hg.CrossEntropyLoss, 3, ["hinge"]):
        with pytest.raises(ValueError, match="The 'loss' parameter of MLPClassifier must be"):
            fitted(loss=loss)


class Squares(hg.Loss):
    """l = mean e², where e = σ(z) − y, of logits z      dz = 2 e σ (1 − σ) / size"""

    input_kind = hg.losses.kinds.Logits()
    target_kind = hg.losses.kinds.BinaryLabels()

    def forward(self, z: Any, y: Any) -> Any:
        self.p = 1 / (1 + np.exp(-z))
        self.e = self.p - y.reshape(z.shape).astype(z.dtype)
        return (self.e**2).mean()

    def backward(self, loss: Any = None) -> Any:
        return 2 * self.e * self.p * (1 - self.p) / self.e.size


@ENGINES
def test_a_loss_of_ones_own_needs_no_link(engine: str) -> None:
    model = fitted("binary", loss=Squares(), learning_rate_init=0.05, max_iter=60, engine=engine)
    assert model.score(X, TASKS["binary"].y) > 0.7
    np.testing.assert_allclose(
        model.predict_proba(X)[:, 1], expit(model.net_.predict(X)[:, 0]), rtol=1e-12
    )
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)weights with Squares\(\).*sample_weight"
    ):
        fitted("binary", WEIGHTS, loss=Squares())


def test_another_loss_of_the_same_kind_may_go_on() -> None:
    model = fitted("number", loss="huber", warm_start=True)
    before = model.loss_
    model.set_params(loss="absolute_error").fit(X, SCORES[:, 0])
    assert model.loss_ != before
    assert isinstance(model._loss, hg.losses.MAELoss)
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)loss='poisson', for a net that was fitted with MAE"
    ):
        model.set_params(loss="poisson").fit(X, np.abs(SCORES[:, 0]))


# normalization


def test_hidden_layers_are_normalized_before_their_activation() -> None:
    model = fitted(normalization="batch", dropout=0.1, hidden_layer_sizes=(5, 4))
    assert [*map(repr, model.net_.layers)] == [
        *("Linear(6, 5)", "BatchNorm(5)", "ReLU()", "Dropout(0.1)"),
        *("Linear(5, 4)", "BatchNorm(4)", "ReLU()", "Dropout(0.1)", "Linear(4, 3)"),
    ]
    assert repr(fitted(normalization="layer").net_) == (
        "Net(Linear(6, 5), LayerNorm(5), ReLU(), Linear(5, 3))"
    )


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_the_engines_agree_on_normalizations(normalization: str) -> None:
    a, b = (
        fitted(normalization=normalization, engine=engine, batch_size=40)
        for engine in ("eager", "compiled")
    )
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-8)
    twin = pickle.loads(pickle.dumps(a))
    np.testing.assert_array_equal(twin.predict_proba(X), a.predict_proba(X))
    np.testing.assert_array_equal(
        twin.partial_fit(X, Y).predict_proba(X), a.partial_fit(X, Y).predict_proba(X)
    )


def test_layers_are_normalized_by_lbfgs_too_but_not_batches() -> None:
    model = fitted(normalization="layer", solver="lbfgs", max_iter=50)
    assert model.score(X, Y) > 0.8
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)normalization='batch' with solver='lbfgs'"
    ):
        fitted(normalization="batch", solver="lbfgs")


@pytest.mark.parametrize(("rows", "size"), [(201, 199), (401, 199), (400, 200), (90, 90)])
def test_no_batch_of_one_row_is_left_by_auto(rows: int, size: int) -> None:
    x = np.resize(X, (rows, 6))
    y = np.arange(rows) % 2
    settings: dict[str, Any] = {"max_iter": 1, "random_state": 0}
    norm = hg.MLPClassifier((3,), normalization="batch", **settings).fit(x, y)
    asked = hg.MLPClassifier((3,), normalization="batch", batch_size=size, **settings).fit(x, y)
    np.testing.assert_array_equal(norm.coefs_[0], asked.coefs_[0])
    plain = hg.MLPClassifier((3,), **settings).fit(x, y)
    usual = hg.MLPClassifier((3,), batch_size=min(200, rows), **settings).fit(x, y)
    np.testing.assert_array_equal(plain.coefs_[0], usual.coefs_[0])


def test_batches_too_small_to_be_normalized_are_refused() -> None:
    with pytest.raises(hg.errors.ShapeError, match=r"(?s)90 rows in batches of 89, the last of 1"):
        fitted(normalization="batch", batch_size=89)
    with pytest.raises(hg.errors.DataError, match=r"(?s)1 sample with normalization='batch'"):
        hg.MLPRegressor(normalization="batch").fit(X[:1], SCORES[:1, 0])


# scaled targets

PRICES = 1e6 + 1e4 * SCORES


@pytest.mark.parametrize("columns", [0, slice(3)])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scaled_targets_are_fitted_as_if_the_caller_scaled_them(columns: Any, solver: str) -> None:
    y = PRICES[:, columns]
    mean, deviation = y.mean(axis=0), y.std(axis=0)
    settings: dict[str, Any] = {"random_state": 0, "max_iter": 20, "solver": solver}
    scaled = hg.MLPRegressor(**settings, scale_targets=True).fit(X, y)
    by_hand = hg.MLPRegressor(**settings).fit(X, (y - mean) / deviation)
    np.testing.assert_allclose(scaled.predict(X), by_hand.predict(X) * deviation + mean)
    assert scaled.loss_ == by_hand.loss_
    np.testing.assert_array_equal(scaled.net_.predict(X).squeeze(), scaled.predict(X))


def test_rows_of_validation_have_the_scale_of_the_training_rows() -> None:
    eval_set = X[60:], PRICES[60:, 0]
    model: Any = hg.MLPRegressor(random_state=0, max_iter=20, scale_targets=True)
    model.fit(X[:60], PRICES[:60, 0], eval_set=eval_set)
    assert model.validation_scores_[-1] == pytest.approx(model.score(*eval_set))
    assert model.validation_loss_curve_[-1] < 1


def test_scaled_targets_that_are_all_equal_are_predicted() -> None:
    model = hg.MLPRegressor(random_state=0, max_iter=1, scale_targets=True, engine="eager")
    np.testing.assert_allclose(model.fit(X, np.full(90, 1e6)).predict(X), 1e6, atol=10)


def test_a_warm_start_with_scaled_targets_goes_on_from_its_predictions() -> None:
    model = hg.MLPRegressor(random_state=0, max_iter=60, scale_targets=True, warm_start=True)
    model.fit(X, PRICES[:, 0])
    before, loss = model.predict(X), model.loss_
    model.set_params(learning_rate_init=1e-300, max_iter=1, solver="sgd").fit(X, PRICES[:, 0])
    np.testing.assert_allclose(model.predict(X), before)
    assert model.loss_ == pytest.approx(loss, rel=0.1)


def test_a_refused_warm_start_with_scaled_targets_changes_no_bit() -> None:
    model = hg.MLPRegressor(max_iter=2, scale_targets=True, warm_start=True, normalization="batch")
    before = model.fit(X, PRICES[:, 0]).predict(X)
    with pytest.raises(hg.errors.ShapeError, match="the last of 1"):
        model.set_params(batch_size=89).fit(X, PRICES[:, 0])
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_fit_that_cannot_scale_its_targets_is_refused() -> None:
    model = hg.MLPRegressor(scale_targets=True)
    with pytest.raises(hg.errors.SettingError, match=r"(?s)scale_targets=True in partial_fit.*fit"):
        model.partial_fit(X, PRICES[:, 0])
    with pytest.raises(hg.errors.SettingError, match=r"(?s)scale_targets=True with HalfPoisson"):
        model.set_params(loss="poisson").fit(X, PRICES[:, 0])
