"""The doctor beside a training: what it says, when, and that it leaves no trace."""

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.training.by_hand import assert_same_state

X, Y = hg.data.make_moons(120, rng=0)
HELD = hg.data.make_moons(40, rng=1)


def net() -> hg.Net:
    """With all that has state: running statistics and random streams."""
    return hg.Net(
        hg.Linear(2, 8, rng=0),
        hg.BatchNorm(8),
        hg.Tanh(),
        hg.Residual(hg.Linear(8, 8, rng=1), hg.Dropout(0.2)),
        hg.Linear(8, 2, rng=2),
        hg.Softmax(),
    )


def settings(**more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
    return given | {"epochs": 12, "batch_size": 16, "validation": HELD, "rng": 0} | more


def said(caught: list[warnings.WarningMessage]) -> list[str]:
    return [str(warning.message).split("\n")[0] for warning in caught]


@contextmanager
def listening() -> Iterator[list[warnings.WarningMessage]]:
    """All warnings of what is done within."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def streams(net: hg.Net) -> list[Any]:
    return [layer.rng.bit_generator.state for _, layer in net.walk()]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_training_has_the_same_bits_with_a_doctor(engine: Any) -> None:
    alone, watched, fitted = net(), net(), net()
    expected = [*hg.train(alone, (X, Y), **settings(engine=engine))]
    reports = hg.train(watched, (X, Y), **settings(engine=engine))
    found = [
        *hg.check.diagnosing(
            reports, watched, (X, Y), optimizer=hg.Adam(0.01), validation=HELD, every=1
        )
    ]
    history = hg.fit(fitted, (X, Y), **settings(engine=engine), diagnose=True)
    for other, rows in ((watched, found), (fitted, history)):
        assert_same_state(other, alone.state())
        np.testing.assert_array_equal(other.gradients, alone.gradients)
        assert streams(other) == streams(alone)
        for report, wanted in zip(rows, expected, strict=True):
            assert report.train_loss == wanted.train_loss
            assert report.validation_loss == wanted.validation_loss
            assert report.metrics == wanted.metrics


def test_nothing_of_what_is_given_is_changed() -> None:
    given, loss, optimizer = net(), hg.CrossEntropyLoss(), hg.Adam(0.01)
    history = hg.fit(given, (X, Y), **settings(loss=loss, optimizer=optimizer))
    given.forward(X)
    before = {id(layer): dict(vars(layer)) for _, layer in given.walk()}
    parts = [(part, dict(vars(part))) for part in (loss, optimizer)]
    arrays, where = copy.deepcopy(given.state()), streams(given)
    x, y, predictor = X.copy(), Y.copy(), vars(given._predictor).copy()
    hg.diagnose(given, history, (X, Y), loss=loss, optimizer=optimizer, validation=HELD)
    assert_same_state(given, arrays)
    assert streams(given) == where
    assert vars(given._predictor) == predictor
    for _, layer in given.walk():
        now = vars(layer)
        assert now.keys() == before[id(layer)].keys()
        for name, value in before[id(layer)].items():
            assert now[name] is value, name
    for part, attributes in parts:
        assert {name: id(value) for name, value in vars(part).items()} == {
            name: id(value) for name, value in attributes.items()
        }
    np.testing.assert_array_equal(X, x)
    np.testing.assert_array_equal(Y, y)


def test_the_same_is_found_each_time() -> None:
    given = net()
    history = hg.fit(given, (X * 100, Y), **settings())
    once, again = (hg.diagnose(given, history, (X * 100, Y)) for _ in range(2))
    assert once == again
    assert once


def dead() -> hg.Net:
    sick = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    sick.layers[0].b = [-50.0] * 8
    return sick


def test_each_problem_is_told_once_with_its_epoch_evidence_and_advice() -> None:
    sick = dead()
    reports = hg.train(sick, (X, Y), **settings(epochs=25))
    with listening() as caught:
        epochs = [report.epoch for report in hg.check.diagnosing(reports, sick, (X, Y))]
    assert epochs == [*range(1, 26)]
    (warning,) = caught
    lines = str(warning.message).split("\n")
    assert lines[0] == "after epoch 1: dead units: layer 2 of 4, ReLU()"
    assert lines[1].startswith("  evidence: 8 of 8 units output 0 on all 120 rows")
    assert lines[2].startswith("  try: ")
    assert warning.filename == __file__


@pytest.mark.parametrize(
    ("ill_after", "told"), [(0, 1), (1, 4), (3, 4), (4, 8), (7, 8), (8, 9), (9, 9)]
)
def test_it_looks_after_the_first_epoch_every_so_often_and_at_the_end(
    ill_after: int, told: int
) -> None:
    given = net() if ill_after else dead()
    reports = [hg.training.EpochReport(epoch, 1 / epoch) for epoch in range(1, 10)]
    with listening() as caught:
        for report in hg.check.diagnosing(reports, given, (X, Y), every=4):
            if report.epoch == ill_after:
                given.layers[0].W = np.full((8, 2), np.nan)
    assert [line.split(":")[0] for line in said(caught)] == [f"after epoch {told}"]


def test_what_may_still_be_learned_is_told_at_the_end_only() -> None:
    slow = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    reports = hg.train(slow, (X, Y), **settings(epochs=20, optimizer=hg.SGD(1e-6)))
    with listening() as caught:
        for _ in hg.check.diagnosing(reports, slow, (X, Y), every=1):
            assert not caught
    assert said(caught) == ["after epoch 20: learning rate too low: training"]


def rising(n: int) -> list[hg.training.EpochReport]:
    """A validation loss that is lowest in epoch 5, and rises from there on."""
    held = [0.9, 0.8, 0.7, 0.6, 0.5, *[1.5] * (n - 5)]
    return [
        hg.training.EpochReport(i + 1, 0.9 / (i + 1), validation_loss=v) for i, v in enumerate(held)
    ]


def test_over_fitting_is_told_while_it_goes_on_after_more_epochs_than_one_waits() -> None:
    with listening() as caught:
        for report in hg.check.diagnosing(rising(50), net(), (X, Y), every=1):
            assert bool(caught) == (report.epoch >= 35)
    (line,) = said(caught)
    assert line == "after epoch 35: over-fitting: training"


def test_early_stopping_cures_over_fitting() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 10))
    y = ((x[:, 0] + 1.5 * rng.standard_normal(60)) > 0).astype(int)
    wide = hg.Net(hg.Linear(10, 128, rng=0), hg.ReLU(), hg.Linear(128, 2, rng=1), hg.Softmax())
    given = {"epochs": 100, "validation": 0.5, "early_stopping": 20}
    history = hg.fit(wide, (x, y), **settings(**given), diagnose=True)
    assert "had not improved" in history.stopped_because


def test_a_training_that_diverges_is_told_of_before_it_ends() -> None:
    x, y = hg.data.load("diabetes")
    wild = hg.Net(hg.Standardize.of(x), hg.Linear(10, 8, rng=0), hg.ReLU(), hg.Linear(8, 1, rng=1))
    given = settings(loss=hg.MSELoss(), optimizer=hg.SGD(1.0), validation=None)
    with listening() as caught, pytest.raises(hg.errors.DivergenceError):
        hg.fit(wild, (x, y), **given, diagnose=True)
    first, second = said(caught)
    assert first.startswith("in the first epoch: not finite: ")
    assert second == "in the first epoch: learning rate too high: training"


def test_a_share_held_out_by_fit_is_what_the_doctor_sees() -> None:
    x, y = np.repeat(X, 3, axis=0), np.repeat(Y, 3)
    x[np.arange(len(x)) % 3 > 0] += 1e-3 * np.arange(len(x))[np.arange(len(x)) % 3 > 0, None]
    hg.fit(net(), (x, y), **settings(validation=0.2), diagnose=True)
    x[1::3] = x[::3]
    with listening() as caught:
        hg.fit(net(), (x, y), **settings(validation=(x[1::3], y[1::3])), diagnose=True)
    assert said(caught) == ["after epoch 1: leakage: the validation rows"]


# ------------------------------------------------------------------------- what it is given


def test_without_a_loss_it_is_the_usual_one() -> None:
    x = X * 100
    cases = [
        (hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax()), Y),
        (hg.Net(hg.Linear(2, 2, rng=0)), Y),
        (hg.Net(hg.Linear(2, 1, rng=0), hg.Sigmoid()), Y),
        (hg.Net(hg.Linear(2, 2, rng=0), hg.Sigmoid()), np.column_stack([Y, 1 - Y])),
        (hg.Net(hg.Linear(2, 1, rng=0)), X[:, 0]),
        (hg.Net(hg.Linear(2, 2, rng=0)), X),
    ]
    for given, y in cases:
        diagnosis = hg.diagnose(given, None, (x, y))
        assert diagnosis
        assert not any("no loss" in line for line in diagnosis.left_out)


@pytest.mark.parametrize(
    ("given", "y"),
    [
        (hg.Net(hg.Linear(2, 1, rng=0)), Y),
        (hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax()), X),
        (hg.Net(hg.Linear(2, 2, rng=0), hg.Sigmoid()), Y),
        (hg.Net(hg.Linear(2, 3, rng=0)), X),
    ],
)
def test_where_the_loss_is_not_known_it_says_what_was_left_out(given: hg.Net, y: Any) -> None:
    diagnosis = hg.diagnose(given, None, (X, y))
    assert not diagnosis
    assert diagnosis.left_out[0].startswith("gradients, class imbalance, learning rate too low:")
    assert hg.diagnose(given, None, (X * 1000, y)).findings[0].problem == "unscaled inputs"


def test_what_is_left_out_depends_on_what_is_given() -> None:
    history = hg.fit(given := net(), (X, Y), **settings())
    assert hg.diagnose(given, history, (X, Y), validation=HELD).left_out == ()
    left_out = hg.diagnose(given, history, (X, Y)).left_out
    assert left_out == ("leakage: validation=(x_val, y_val) was not given",)
    history = hg.fit(given := net(), (X, Y), **settings(validation=None))
    left_out = hg.diagnose(given, history, (X, Y), validation=HELD).left_out
    assert left_out == ("over-fitting: the training had no validation",)


def test_all_is_well_in_one_line() -> None:
    history = hg.fit(given := net(), (X, Y), **settings())
    diagnosis = hg.diagnose(given, history, (X, Y), validation=HELD)
    assert not diagnosis
    assert str(diagnosis) == "no problems found"


def test_a_diagnosis_prints_each_finding_and_what_was_left_out() -> None:
    lines = str(hg.diagnose(dead(), None, (X, Y))).split("\n")
    assert lines[0] == "dead units: layer 2 of 4, ReLU()"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "  evidence",
        "  try",
        "left out",
        "left out",
    ]


def test_a_history_a_list_or_nothing() -> None:
    history = hg.fit(given := net(), (X, Y), **settings())
    for reports in (history, [*history], iter(history), None):
        assert not hg.diagnose(given, reports, (X, Y))


def test_several_inputs_are_examined_too() -> None:
    class Joined(hg.Layer):
        def forward(self, x: Any) -> Any:
            return np.concatenate(x, axis=1)

        def backward(self, dy: Any) -> Any:
            return dy[:, :2], dy[:, 2:]

    joined = hg.Net(Joined(), hg.Linear(4, 2, rng=0), hg.Softmax())
    pair, held = (X, 100 * X), (X[:10], 100 * X[:10])
    diagnosis = hg.diagnose(joined, None, (pair, Y), validation=(held, Y[:10]))
    assert [f.problem for f in diagnosis.findings] == ["unscaled inputs", "leakage"]
    broken = (X, np.where(X > 1, np.nan, X))
    assert hg.diagnose(joined, None, (broken, Y)).findings[0].where == "the inputs"


def test_frozen_layers_are_examined_too() -> None:
    given = net()
    given.layers[0].freeze()
    history = hg.fit(given, (X, Y), **settings())
    assert not hg.diagnose(given, history, (X, Y))


def test_integers_that_are_looked_up_are_on_no_scale() -> None:
    class Lookup(hg.Layer):
        param_names = ("W",)
        integer_input = True

        def __init__(self) -> None:
            super().__init__()
            self.W = np.random.default_rng(0).standard_normal((1000, 2))

        def forward(self, i: Any) -> Any:
            self.i = i
            return self.W[i[:, 0]]

        def backward(self, dy: Any) -> Any:
            self.dW = np.zeros_like(self.W)
            np.add.at(self.dW, self.i[:, 0], dy)

    given = hg.Net(Lookup(), hg.Softmax())
    i = np.arange(500, 620)[:, None]
    assert not hg.diagnose(given, None, (i, Y))
