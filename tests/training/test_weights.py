"""Rows with weights and classes with weights: what counts, and how much, in loss and metrics."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import handgrad as hg
from handgrad.training.sample_weights import class_weights
from tests.bad_input.refused import refused
from tests.contracts.table import LOSSES
from tests.training.by_hand import HELD, X, Y, assert_same_state, classifier, fit, train

W = np.random.default_rng(7).uniform(0.1, 3, len(Y))
ENGINES = ["eager", "compiled"]
each_engine = pytest.mark.parametrize("engine", ENGINES)


def still(net: hg.Net) -> hg.Net:
    """The net with all its layers frozen, so that an epoch's loss is that of the net as it is."""
    for layer in net.layers:
        layer.freeze()
    return net


def assert_columns_close(
    first: hg.training.History, second: hg.training.History, name: str, rtol: float
) -> None:
    found, expected = (np.array(history[name], float) for history in (first, second))
    np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=name)


@each_engine
@pytest.mark.parametrize("batch_size", [1, 7, 32, 50])
def test_an_epochs_loss_is_the_weighted_mean_over_all_rows(engine: Any, batch_size: int) -> None:
    net = still(classifier(np.float64))
    (report,) = train(net, sample_weight=W, batch_size=batch_size, epochs=1, engine=engine)
    of_row = -np.log(net.predict(X)[np.arange(len(Y)), Y])
    assert report.train_loss == pytest.approx(np.average(of_row, weights=W), rel=1e-12)
    right = net.predict(X).argmax(axis=1) == Y
    assert report.metrics["accuracy"] == pytest.approx(np.average(right, weights=W), rel=1e-12)


@each_engine
def test_evaluation_and_validation_count_rows_as_their_weights_say(engine: Any) -> None:
    net, w = classifier(np.float64), np.linspace(0, 2, 20)
    history = fit(net, validation=(*HELD, w), engine=engine)
    found = hg.evaluate(net, HELD, loss=hg.CrossEntropyLoss(), sample_weight=w)
    assert history[-1].validation_loss == pytest.approx(found.loss, rel=1e-12)
    assert history[-1].validation_metrics["accuracy"] == found.metrics["accuracy"]
    of_row = -np.log(net.predict(HELD[0])[np.arange(20), HELD[1]])
    assert found.loss == pytest.approx(np.average(of_row, weights=w), rel=1e-12)


@pytest.mark.slow
@settings(max_examples=25, derandomize=True)
@given(
    name=st.sampled_from(sorted(LOSSES)),
    weights=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    engine=st.sampled_from(ENGINES),
)
def test_whole_weights_are_rows_that_come_again(name: str, weights: Any, engine: Any) -> None:
    weights = np.array([1, 2, *weights])
    last = {"CrossEntropyLoss": hg.Softmax, "BinaryCrossEntropyLoss": hg.Sigmoid}.get(name)
    net = hg.Net(hg.Linear(3, 2, rng=0), *([last()] if last else []), dtype=np.float64)
    rng, loss = np.random.default_rng(0), LOSSES[name]()
    x = rng.normal(size=(8, 3))
    y: Any = np.arange(8) % 2 if loss.target_kind.indices else rng.integers(0, 2, (8, 2))
    if isinstance(loss.target_kind, hg.losses.kinds.PositiveAmounts):
        y = 1 + y
    rows, twin = np.repeat(np.arange(8), weights), copy.deepcopy(net)
    usual: dict[str, Any] = {"loss": loss, "batch_size": 100, "shuffle": False, "engine": engine}
    first = fit(net, data=(x, y), sample_weight=weights, **usual)
    second = fit(twin, data=(x[rows], y[rows]), **usual)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-9, atol=1e-12)
    assert_columns_close(first, second, "train_loss", 1e-10)
    for metric in first[0].train_metrics:
        assert_columns_close(first, second, f"train_{metric}", 1e-9)


@each_engine
def test_a_row_of_weight_0_changes_nothing_to_the_bit(engine: Any) -> None:
    w = np.where(np.arange(50) % 3 == 0, 0, W)
    net, twin = classifier(), classifier()
    first = fit(net, sample_weight=w, validation=(*HELD, np.arange(20) % 2), engine=engine)
    held = HELD[0][1::2], HELD[1][1::2], np.ones(10)
    second = fit(
        twin, data=(X[w > 0], Y[w > 0]), sample_weight=w[w > 0], validation=held, engine=engine
    )
    assert_same_state(net, twin.state())
    for name in set(first.columns()) - {"seconds"}:
        assert first[name] == second[name]
    assert first[0].rows == (w > 0).sum()


def test_a_row_of_weight_0_may_be_infinitely_wrong() -> None:
    net = hg.Net(hg.Linear(1, 2, rng=0), hg.Softmax())
    net.layers[0].W = [[1000.0], [-1000.0]]
    x, y = np.array([[1.0], [-1.0], [1.0]]), np.array([0, 1, 1])
    w, loss = np.array([1.0, 1.0, 0.0]), hg.CrossEntropyLoss()
    assert hg.evaluate(net, (x, y), loss=loss, sample_weight=w).loss == 0
    (report,) = train(net, data=(x, y), sample_weight=w, epochs=1, engine="eager")
    assert report.train_loss == 0


@each_engine
def test_only_proportions_matter_and_no_size_of_weights_overflows(engine: Any) -> None:
    found: list[Any] = []
    for scale in (1.0, 1e-300, 1e300):
        net = classifier()
        history = fit(net, sample_weight=scale * W, engine=engine)
        found.append((net.parameters.copy(), history["train_loss"]))
    for parameters, losses in found[1:]:
        np.testing.assert_allclose(parameters, found[0][0], rtol=1e-5)
        np.testing.assert_allclose(np.array(losses, float), np.array(found[0][1]), rtol=1e-5)


@each_engine
def test_weights_all_alike_are_no_weights(engine: Any) -> None:
    net, twin = classifier(np.float64), classifier(np.float64)
    first = fit(net, sample_weight=np.full(50, 3), batch_size=7, engine=engine)
    second = fit(twin, batch_size=7, engine=engine)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-10)
    assert_columns_close(first, second, "train_loss", 1e-12)


@each_engine
def test_weights_of_classes_are_weights_of_their_rows_in_the_loss_alone(engine: Any) -> None:
    net, twin = classifier(np.float64), classifier(np.float64)
    of_class = {0: 1.0, 1: 4.0}
    first = fit(net, class_weight=of_class, validation=HELD, engine=engine)
    w, w_held = (np.where(y == 1, 4.0, 1.0) for y in (Y, HELD[1]))
    second = fit(twin, sample_weight=w, validation=(*HELD, w_held), engine=engine)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)
    assert_columns_close(first, second, "train_loss", 1e-12)
    assert_columns_close(first, second, "validation_loss", 1e-12)
    p = net.predict(HELD[0]).argmax(axis=1)
    assert first[-1].metrics["accuracy"] == (p == HELD[1]).mean()


def test_weights_of_classes_and_of_rows_multiply() -> None:
    net, twin = classifier(np.float64), classifier(np.float64)
    fit(net, class_weight={1: 4.0}, sample_weight=W)
    fit(twin, sample_weight=W * np.where(Y == 1, 4.0, 1.0))
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


@pytest.mark.parametrize("sample_weight", [None, W])
def test_balanced_is_scikit_learns(sample_weight: Any) -> None:
    y = np.where(np.arange(50) < 8, 1, 0)
    net, twin = classifier(np.float64), classifier(np.float64)
    fit(net, data=(X, y), class_weight="balanced", sample_weight=sample_weight)
    of_class = compute_class_weight(
        "balanced", classes=np.array([0, 1]), y=y, sample_weight=sample_weight
    )
    if sample_weight is None:
        np.testing.assert_allclose(of_class[y], compute_sample_weight("balanced", y))
    of_row = 1 if sample_weight is None else sample_weight
    fit(twin, data=(X, y), sample_weight=of_class[y] * of_row)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


def test_balanced_weights_are_those_worked_out_by_hand() -> None:
    loss, p, y = hg.CrossEntropyLoss(), np.full((1, 3), 1 / 3), np.array([0, 0, 0, 2])
    found: Any = class_weights("balanced", loss, p, y, None, "data")
    np.testing.assert_allclose(found, [4 / (2 * 3), 1, 4 / (2 * 1)])


def test_classes_that_have_no_rows_take_no_part_in_the_balance() -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.Softmax())
    twin = copy.deepcopy(net)
    y = np.where(np.arange(50) < 8, 2, 0)
    fit(net, data=(X, y), class_weight="balanced")
    fit(twin, data=(X, y), class_weight={0: 50 / (2 * 42), 2: 50 / (2 * 8), 1: 1.0})
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-5)


def test_answers_of_yes_and_no_have_classes_too() -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0), hg.Sigmoid(), dtype=np.float64)
    twin, loss = copy.deepcopy(net), hg.BinaryCrossEntropyLoss()
    fit(net, loss=loss, class_weight={1: 3})
    fit(twin, loss=loss, sample_weight=1 + 2 * Y)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


def test_a_class_of_weight_0_is_left_out() -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), hg.Softmax())
    twin, y = copy.deepcopy(net), np.arange(50) % 3
    fit(net, data=(X, y), class_weight={2: 0})
    fit(twin, data=(X[y < 2], y[y < 2]), sample_weight=np.ones((y < 2).sum()))
    assert_same_state(net, twin.state())


def test_a_share_that_is_held_out_keeps_its_weights() -> None:
    net, twin = classifier(), classifier()
    history = fit(net, sample_weight=W, validation=0.2)
    generator = np.random.default_rng(0)
    (x, w), (x_held, w_held), y, y_held = hg.data.train_test_split(
        (X, W), Y, test_size=0.2, stratify=True, rng=generator
    )
    expected = fit(
        twin, data=(x, y), sample_weight=w, validation=(x_held, y_held, w_held), rng=generator
    )
    assert history["validation_loss"] == expected["validation_loss"]
    assert_same_state(net, twin.state())


def test_each_of_many_runs_may_have_weights_of_its_own() -> None:
    weights = [None, W, W**2]
    nets, alone = ([classifier() for _ in weights] for _ in range(2))
    shared: dict[str, Any] = {"optimizer": hg.SGD(0.1), "epochs": 4, "rng": 0}
    hg.fit_many(
        [{"net": net, "sample_weight": w} for net, w in zip(nets, weights, strict=True)],
        data=(X, Y), loss=hg.CrossEntropyLoss(), **shared,
    )  # fmt: skip
    for net, one, w in zip(nets, alone, weights, strict=True):
        fit(one, sample_weight=w)
        assert_same_state(net, one.state())


def test_a_metric_of_ones_own_is_given_the_weights_if_it_takes_them() -> None:
    seen: list[Any] = []

    def weighted(p: Any, y: Any, sample_weight: Any = None) -> float:
        seen.append(sample_weight)
        return 0.0

    def plain(p: Any, y: Any) -> float:
        return float(len(y))

    net = classifier()
    found = hg.evaluate(
        net, (X, Y), loss=hg.CrossEntropyLoss(), metrics=[weighted, plain], sample_weight=W
    )
    np.testing.assert_allclose(seen[-1], W / W.max())
    assert found.metrics["plain"] == 50


class OwnLoss(hg.Loss):
    """A loss that was written without a thought of weights."""

    def forward(self, p: Any, y: Any) -> Any:
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return (self.e**2).mean()

    def backward(self, loss: Any = None) -> Any:
        return 2 * self.e / self.e.size


@each_engine
def test_a_loss_that_takes_no_weights_works_without_and_is_refused_with_them(engine: Any) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0), dtype=np.float64)
    twin, data = copy.deepcopy(net), (X, X[:, 0])
    fit(net, data=data, loss=OwnLoss(), engine=engine)
    fit(twin, data=data, loss=hg.MSELoss(), engine=engine)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)
    with refused(
        hg.errors.SettingError, "OwnLoss()", "argument sample_weight", "weighted_mean", net=net
    ):
        fit(net, data=data, loss=OwnLoss(), sample_weight=W, engine=engine)
    with refused(hg.errors.SettingError, "OwnLoss()", net=net):
        hg.evaluate(net, data, loss=OwnLoss(), sample_weight=W)


WRONG: dict[str, tuple[Any, type[hg.HandgradError], tuple[str, ...]]] = {
    "too few": (W[:49], hg.errors.ShapeError, ("shape (49,), for 50 rows",)),
    "a column": (W[:, None], hg.errors.ShapeError, ("shape (50, 1)", "ravel()")),
    "a number": (2.0, hg.errors.ShapeError, ("shape ()",)),
    "below 0": (np.where(np.arange(50) == 7, -1, W), hg.errors.DataError, ("-1 in row 7",)),
    "NaN": (np.where(np.arange(50) == 7, np.nan, W), hg.errors.DataError, ("nan in row 7",)),
    "infinite": (np.where(np.arange(50) == 7, np.inf, W), hg.errors.DataError, ("inf in row 7",)),
    "all 0": (np.zeros(50), hg.errors.DataError, ("rows have weight 0",)),
    "text": (["much"] * 50, hg.errors.DataError, ("a number for each row",)),
    "ragged": ([[1], [1, 2]], hg.errors.DataError, ("different lengths",)),
}


@pytest.mark.parametrize("case", WRONG)
def test_weights_that_cannot_be_used_are_refused(case: str) -> None:
    w, kind, words = WRONG[case]
    net = classifier()
    with refused(kind, "training data", *words, net=net):
        train(net, sample_weight=w)
    with refused(kind, "data", *words, net=net):
        fit(net, sample_weight=w, validation=0.2)
    with refused(kind, "validation data", *words, net=net):
        fit(net, validation=(X, Y, w))
    with refused(kind, "evaluation data", *words, net=net):
        hg.evaluate(net, (X, Y), loss=hg.CrossEntropyLoss(), sample_weight=w)


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ("balance", ("class_weight = 'balance'", "'balanced'")),
        ([1.0, 2.0], ("a dictionary",)),
        ({2: 1.0}, ("the class 2", "from 0 to 1")),
        ({-1: 1.0}, ("the class -1",)),
        ({"yes": 1.0}, ("the class 'yes'",)),
        ({0: -1.0}, ("the class 0 = -1.0",)),
        ({0: float("nan")}, ("the class 0 = nan",)),
        ({0: "much"}, ("the class 0 = 'much'",)),
    ],
)
def test_weights_of_classes_that_cannot_be_used_are_refused(
    class_weight: Any, words: tuple[str, ...]
) -> None:
    net = classifier()
    with refused(hg.errors.SettingError, *words, net=net):
        fit(net, class_weight=class_weight)


def test_numbers_and_several_answers_a_row_have_no_classes_to_weigh() -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0))
    with refused(hg.errors.SettingError, "not classes", "sample_weight", net=net):
        fit(net, data=(X, X), loss=hg.MSELoss(), class_weight="balanced")
    with refused(hg.errors.SettingError, "several per row", net=net):
        answers = np.stack([Y, 1 - Y], axis=1)
        fit(net, data=(X, answers), loss=hg.SigmoidBinaryCrossEntropyLoss(), class_weight={1: 2})
