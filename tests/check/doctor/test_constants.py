"""The loss of the best answer that is the same for every row, and weights of rows in it."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.check.doctor.patient import Case, Judge, Patient, constant_answers
from handgrad.training.validate_data import CheckedData

RNG = np.random.default_rng(0)
CLASSES = (np.arange(60) % 10 > 6).astype(int) + (np.arange(60) % 10 > 8)  # 7 : 2 : 1
YES = (np.arange(60) % 5 == 0).astype(float)[:, None]
NUMBERS = RNG.standard_normal((60, 2)) ** 3 + 1
COUNTS = RNG.poisson(3.0, (60, 1)).astype(float)
AMOUNTS = np.random.default_rng(1).gamma(2.0, size=(60, 1))
SHARES = np.array([0.7, 0.2, 0.1])
ENTROPY = -(SHARES * np.log(SHARES)).sum()
BINARY = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
# of 60 rows 12 have an event in the first interval, 12 of 24 in the second; 24 are censored between
AT_RISK = np.repeat([[1, -1], [0, -1], [0, 1], [0, 0]], [12, 24, 12, 12], axis=0).astype(float)
MEAN, GEOMETRIC = COUNTS.mean(), np.exp(np.log(AMOUNTS).mean())

LOSSES: list[tuple[hg.Loss, Any, int, float]] = [
    (hg.CrossEntropyLoss(), CLASSES, 3, ENTROPY),
    (hg.SoftmaxCrossEntropyLoss(), CLASSES, 3, ENTROPY),
    (hg.BinaryCrossEntropyLoss(), YES, 1, BINARY),
    (hg.SigmoidBinaryCrossEntropyLoss(), YES, 1, BINARY),
    (hg.losses.HingeLoss(), YES, 1, 0.4),  # −1 for all: a loss of 2 for one in five
    (
        hg.losses.MultiMarginLoss(),
        CLASSES,
        3,
        0.3,
    ),  # the first: margins of 2 and 1 over 3 for 3 in ten
    (hg.MSELoss(), NUMBERS, 2, NUMBERS.var(axis=0).mean()),
    (hg.losses.MAELoss(), NUMBERS, 2, np.abs(NUMBERS - np.median(NUMBERS, axis=0)).mean()),
    (hg.losses.PoissonNLLLoss(), COUNTS, 1, MEAN - MEAN * np.log(MEAN)),
    (hg.losses.GammaDevianceLoss(), AMOUNTS, 1, 2 * np.log(AMOUNTS.mean() / GEOMETRIC)),
    # of power 1.5: −8 √y + 4 (y/√m + √m), where the mean of y is m
    (hg.losses.TweedieDevianceLoss(), COUNTS, 1, 8 * (np.sqrt(MEAN) - np.sqrt(COUNTS).mean())),
    (hg.losses.LogisticHazardLoss(), AT_RISK, 2, BINARY + 24 / 60 * np.log(2)),
]


@pytest.mark.parametrize(("loss", "y", "k", "expected"), LOSSES, ids=lambda v: type(v).__name__)
def test_it_is_the_one_on_paper(loss: hg.Loss, y: Any, k: int, expected: float) -> None:
    found = Judge(loss, CheckedData(None, y)).of_a_constant(np.zeros((60, k)))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "y", "k", "expected"),
    LOSSES,
    ids=lambda v: type(v).__name__,
)
def test_members_of_an_ensemble_each_have_that_of_one(
    loss: hg.Loss, y: Any, k: int, expected: float
) -> None:
    members = np.stack([y, y], axis=1)
    found = Judge(loss, CheckedData(None, members)).of_a_constant(np.zeros((60, 2, k)))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "y", "k"),
    [(loss, y, k) for loss, y, k, _ in LOSSES],
    ids=lambda v: type(v).__name__,
)
def test_no_other_constant_is_better(loss: hg.Loss, y: Any, k: int) -> None:
    judge, p = Judge(loss, CheckedData(None, y)), np.zeros((60, k))
    best = judge.of_a_constant(p)
    assert best is not None
    for answer in constant_answers(loss, judge.rows, p):
        for step in RNG.normal(0, 0.05, (20, k)):
            other = (
                np.clip(answer + step, 1e-6, 1 - 1e-6)
                if isinstance(loss.input_kind, hg.losses.kinds.Probabilities)
                else answer + step
            )
            if isinstance(loss.input_kind, hg.losses.kinds.Probabilities) and k > 1:
                other = other / other.sum()
            assert judge.of(np.broadcast_to(other, p.shape)) >= best - 1e-9


@pytest.mark.parametrize(
    "loss", [hg.losses.FocalLoss(), hg.losses.LabelSmoothingCrossEntropyLoss()]
)
def test_of_other_losses_it_is_close(loss: hg.Loss) -> None:
    y, k = (CLASSES, 3) if isinstance(loss.target_kind, hg.losses.kinds.ClassLabels) else (YES, 1)
    found = Judge(loss, CheckedData(None, y)).of_a_constant(np.zeros((60, k)))
    assert found is not None
    steps = [np.full((60, k), a) + b * np.eye(k)[0] for a in (-2.0, 0.0) for b in (0.0, 1.0)]
    assert found <= min(Judge(loss, CheckedData(None, y)).of(p) for p in steps) * 1.25


def test_a_class_without_rows_makes_it_no_infinity() -> None:
    for loss in (hg.CrossEntropyLoss(), hg.SoftmaxCrossEntropyLoss()):
        found = Judge(loss, CheckedData(None, CLASSES)).of_a_constant(np.zeros((60, 5)))
        assert found == pytest.approx(ENTROPY, rel=1e-6)


def test_targets_of_another_kind_have_none() -> None:
    class Pairs(hg.MSELoss):
        target_kind = hg.losses.kinds.TargetKind()

    assert Judge(Pairs(), CheckedData(None, NUMBERS)).of_a_constant(np.zeros((60, 2))) is None


@pytest.mark.parametrize("loss", [hg.CrossEntropyLoss(), hg.SoftmaxCrossEntropyLoss()])
def test_a_weight_of_two_is_a_row_twice(loss: hg.Loss) -> None:
    w = 1.0 + (np.arange(60) < 20)
    twice = np.r_[CLASSES, CLASSES[:20]]
    weighted = Judge(loss, CheckedData(None, CLASSES, w)).of_a_constant(np.zeros((60, 3)))
    assert weighted == pytest.approx(
        Judge(loss, CheckedData(None, twice)).of_a_constant(np.zeros((80, 3)))
    )


def rare(n: int = 400) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = (np.arange(n) % 50 == 0).astype(int)
    return rng.standard_normal((n, 2)) + 1.5 * y[:, None], y


def test_weights_of_classes_are_those_of_the_training() -> None:
    x, y = rare()
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    plain = Case(Patient(net, (x, y)), [])
    even = Case(Patient(net, (x, y), class_weight="balanced"), [])
    assert plain.constant_loss == pytest.approx(0.098, abs=0.001)
    assert even.constant_loss == pytest.approx(np.log(2), abs=1e-6)
    given = hg.evaluate(net, (x, y), loss=hg.CrossEntropyLoss(), sample_weight=np.where(y, 50, 1))
    judge = Case(Patient(net, (x, y), sample_weight=np.where(y, 50, 1)), []).judge
    assert judge is not None
    assert judge.of(net.predict(x)) == pytest.approx(given.loss, rel=1e-5)


def test_places_of_a_rare_class_have_its_weight_each() -> None:
    x = np.zeros((200, 2, 2))
    y = np.repeat([0, 1], [380, 20])[np.random.default_rng(0).permutation(400)].reshape(200, 2)
    net, loss = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax()), hg.CrossEntropyLoss()
    even = Case(Patient(net, (x, y), loss=loss, class_weight="balanced"), [])
    assert even.constant_loss == pytest.approx(np.log(2), abs=1e-6)


def test_a_rare_class_is_learned_with_weights_and_then_nothing_is_said() -> None:
    x, y = rare()
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": 0}
    for class_weight, named in ((None, ["class imbalance"]), ("balanced", [])):
        net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
        history = hg.fit(net, (x, y), **given, epochs=30, class_weight=class_weight)
        diagnosis = hg.diagnose(net, history, (x, y), class_weight=class_weight)
        assert [finding.problem for finding in diagnosis.findings] == named
        if named:
            assert diagnosis.findings[0].advice == 'class_weight="balanced" in hg.fit or hg.train'


def test_rows_of_weight_zero_are_not_looked_at() -> None:
    x, y = rare()
    x, w = x.copy(), np.ones(400)
    x[::2], w[::2] = 1e6, 0
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    assert hg.diagnose(net, None, (x, y)).findings[0].problem == "unscaled inputs"
    assert not hg.diagnose(net, None, (x, y), sample_weight=w)


def test_fit_hands_its_weights_to_the_doctor() -> None:
    x, y = rare()
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": 0}
    w = np.where(y, 49.0, 1.0)
    held = (x[:100], y[:100], w[:100])
    hg.fit(net, (x, y), **given, epochs=30, class_weight="balanced", validation=0.2, diagnose=True)
    with pytest.warns(UserWarning, match="leakage"):
        hg.fit(net, (x, y), **given, epochs=3, sample_weight=w, validation=held, diagnose=True)


def test_a_penalty_that_holds_the_weights_is_no_rate_too_low() -> None:
    x, y = hg.data.make_moons(200, rng=0)
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "rng": 0, "epochs": 20}
    penalty = hg.penalties.L2Penalty(10.0)
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
    hg.fit(net, (x, y), **given, optimizer=hg.SGD(0.05), penalty=penalty)
    history = hg.fit(net, (x, y), **given, optimizer=hg.SGD(0.05), penalty=penalty, diagnose=True)
    assert not hg.diagnose(net, history, (x, y), penalty=penalty)
    assert hg.diagnose(net, history, (x, y)).findings[0].problem == "learning rate too low"


def test_lbfgs_has_no_learning_rate() -> None:
    x, y = hg.data.make_moons(200, rng=0)
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    given: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.optimizers.LBFGS()}
    history = hg.fit(net, (x, y), **given, epochs=6, rng=0, diagnose=True)
    assert not hg.diagnose(net, history, (x, y), **given)
    wild = [
        hg.training.EpochReport(epoch, loss)
        for epoch, loss in enumerate([0.7, 0.7, 0.3, 0.9, 0.3, 0.9], 1)
    ]
    assert hg.diagnose(net, wild, (x, y))
    assert not hg.diagnose(net, wild, (x, y), **given)
    wild = [hg.training.EpochReport(epoch, 0.69 - 0.001 * epoch) for epoch in range(9)]
    assert not hg.diagnose(net, wild, (x, y), **given)
