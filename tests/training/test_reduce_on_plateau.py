"""`reduce_on_plateau`: the learning rate falls when nothing gets better, as PyTorch's does."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.training.by_hand import HELD, X, Y, classifier, fit


def scripted(values: list[float]) -> Iterator[hg.training.EpochReport]:
    for epoch, value in enumerate(values, 1):
        yield hg.training.EpochReport(
            epoch, 0.0, {}, value, {"error_rate": value, "zero_one_loss": value}
        )


def rates(values: list[float], monitor: str = "validation_loss", **settings: Any) -> list[float]:
    """The learning rate after every epoch, 1 before the first."""
    optimizer = hg.SGD(1.0)
    usual: dict[str, Any] = {"patience": 1, "factor": 0.5, "monitor": monitor}
    reports = hg.training.reduce_on_plateau(scripted(values), optimizer, **usual | settings)
    return [optimizer.learning_rate for _ in reports]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 4, 3, 2], [1, 1, 1, 1]),
        ([5, 5, 5, 5, 5], [1, 1, 0.5, 0.5, 0.25]),
        ([5, 6, 4, 6, 6, 3], [1, 1, 1, 1, 0.5, 0.5]),
        ([math.nan] * 4, [1, 0.5, 0.5, 0.25]),
        ([5, math.nan, math.nan, 4], [1, 1, 0.5, 0.5]),
        ([1, 1 - 1e-5, 1 - 2e-5], [1, 1, 0.5]),
    ],
)
def test_it_falls_after_more_than_patience_epochs(
    values: list[float], expected: list[float]
) -> None:
    assert rates(values) == expected
    assert rates(values, "zero_one_loss") == expected


def test_of_a_metric_more_is_better() -> None:
    assert rates([1, 2, 3, 3, 3], "error_rate") == [1, 1, 1, 1, 0.5]
    assert rates([-3, -2, -1], "error_rate") == [1, 1, 1]
    assert rates([3, 2, 1], "error_rate") == [1, 1, 0.5]


def test_it_does_not_fall_below_the_smallest() -> None:
    assert rates([5] * 7, smallest=0.3) == [1, 1, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert rates([5] * 3, smallest=2.0) == [1, 1, 1]


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_the_next_epoch_takes_the_lower_rate(engine: Any) -> None:
    optimizer = hg.SGD(0.5)
    reports = hg.train(
        classifier(), (X, Y), loss=hg.CrossEntropyLoss(), optimizer=optimizer, epochs=6, rng=0,
        engine=engine, schedule=hg.schedules.exponential(0.5),
    )  # fmt: skip
    lowered = hg.training.reduce_on_plateau(
        reports, optimizer, patience=1, factor=0.5, monitor="train_loss", threshold=0.99
    )
    found = [report.learning_rate / 0.5 ** ((2 * i + 1) / 12) for i, report in enumerate(lowered)]
    np.testing.assert_allclose(found, [0.5, 0.5, 0.5, 0.25, 0.25, 0.125])


def test_fit_composes_it_and_leaves_the_optimizer_alone() -> None:
    optimizer, net, twin = hg.SGD(1.0), classifier(), classifier()
    options: dict[str, Any] = {"optimizer": optimizer, "validation": HELD, "epochs": 60}
    history = fit(net, reduce_on_plateau=2, early_stopping=30, **options)
    again = fit(twin, reduce_on_plateau=2, early_stopping=30, **options)
    assert optimizer.learning_rate == 1.0
    assert len(set(history["learning_rate"])) > 1
    assert history["learning_rate"] == again["learning_rate"]
    np.testing.assert_array_equal(net.parameters, twin.parameters)


def test_runs_that_share_an_optimizer_lower_it_each_for_itself() -> None:
    runs = [{"net": classifier(), "rng": seed} for seed in range(3)]
    shared: dict[str, Any] = {
        "data": (X, Y), "loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(1.0), "epochs": 40,
        "reduce_on_plateau": 1, "validation": 0.3,
    }  # fmt: skip
    for seed, history in enumerate(hg.fit_many(runs, **shared)):
        arguments = {name: value for name, value in shared.items() if name != "data"}
        expected = hg.fit(classifier(), (X, Y), rng=seed, **arguments)
        assert history["learning_rate"] == expected["learning_rate"]


def test_what_cannot_be_is_refused() -> None:
    optimizer = hg.SGD(0.1)
    wrongs: tuple[dict[str, Any], ...] = (
        {"patience": 0},
        {"factor": 1.0},
        {"factor": 0},
        {"threshold": 1},
        {"smallest": -1},
    )
    for wrong in wrongs:
        with refused(hg.errors.SettingError, next(iter(wrong))):
            hg.training.reduce_on_plateau(iter(()), optimizer, **wrong)
    net = classifier()
    with refused(hg.errors.SettingError, "reduce_on_plateau = 0", net=net):
        fit(net, reduce_on_plateau=0)
