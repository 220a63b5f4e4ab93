"""`early_stopping`: however training ends, the net has the weights of its best epoch."""

import gc
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.training.by_hand import HELD, X, assert_same_state, classifier, fit, train


def scripted(net: hg.Net, values: list[float]) -> Iterator[hg.training.EpochReport]:
    """Reports with these validation losses; in epoch n the weights are all n."""
    for epoch, value in enumerate(values, 1):
        net.parameters[...] = epoch
        yield hg.training.EpochReport(epoch, 0.0, {}, value, {"error_rate": value, "r2": value})


def run(
    values: list[float], patience: int = 2, monitor: str = "validation_loss"
) -> tuple[int, int]:
    """How many epochs were run, and the epoch whose weights the net then has."""
    net = classifier()
    reports = hg.training.early_stopping(
        scripted(net, values), net, patience=patience, monitor=monitor
    )
    n = len([*reports])
    assert len(set(net.parameters)) == 1
    return n, int(net.parameters[0])


@pytest.mark.parametrize(
    ("values", "patience", "ran", "best"),
    [
        ([5, 4, 3, 2, 1], 2, 5, 5),
        ([5, 4, 6, 3, 4, 5, 1], 2, 6, 4),
        ([5, 4, 6, 3, 4, 5, 1], 3, 7, 7),
        ([1, 2, 3, 4], 1, 2, 1),
        ([3, 3, 3, 3], 2, 3, 1),
        ([math.nan, 3, math.nan, 2, math.nan, math.nan, 1], 2, 6, 4),
        ([math.inf, 5, 4], 2, 3, 3),
        ([math.nan, math.nan, math.nan, 1], 2, 3, 1),
        ([2], 5, 1, 1),
    ],
)
def test_it_stops_after_patience_and_goes_back_to_the_best(
    values: list[float], patience: int, ran: int, best: int
) -> None:
    assert run(values, patience) == (ran, best)


def test_of_a_metric_more_is_better() -> None:
    assert run([1, 3, 2, 1, 9], monitor="r2") == (4, 2)
    assert run([1, 3, 2, 1, 9], monitor="error_rate") == (4, 2)


@pytest.mark.parametrize("name", ["zero_one_loss", "mean_squared_error", "train_loss"])
def test_of_losses_and_errors_less_is_better(name: str) -> None:
    def reports(net: hg.Net) -> Iterator[hg.training.EpochReport]:
        for epoch, value in enumerate([3, 1, 2, 3, 0], 1):
            net.parameters[...] = epoch
            yield hg.training.EpochReport(epoch, value, {name: value})

    net = classifier()
    assert len([*hg.training.early_stopping(reports(net), net, patience=2, monitor=name)]) == 4
    assert set(net.parameters) == {2}


def test_break_gives_the_best_weights() -> None:
    net = classifier()
    for report in hg.training.early_stopping(scripted(net, [2, 1, 3, 4]), net, patience=9):
        if report.epoch == 3:
            break
    assert set(net.parameters) == {2}


def test_a_generator_that_is_closed_gives_the_best_weights() -> None:
    net = classifier()
    reports = hg.training.early_stopping(scripted(net, [2, 1, 3, 4]), net, patience=9)
    for _ in range(3):
        next(reports)
    assert set(net.parameters) == {3}
    reports.close()  # type: ignore[attr-defined]
    assert set(net.parameters) == {2}


def test_an_exception_on_the_way_gives_the_best_weights() -> None:
    net = classifier()

    def failing() -> Iterator[hg.training.EpochReport]:
        yield from scripted(net, [2, 1, 3])
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        list(hg.training.early_stopping(failing(), net, patience=9))
    assert set(net.parameters) == {2}


def test_an_interruption_between_epochs_gives_the_best_weights() -> None:
    net = classifier()

    def interrupted() -> None:
        for report in hg.training.early_stopping(scripted(net, [2, 1, 3]), net, patience=9):
            if report.epoch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gc.collect()
    assert set(net.parameters) == {2}


def test_divergence_gives_the_best_weights() -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    reports = train(net, data=(X, X[:, 0]), loss=hg.MSELoss(), optimizer=hg.SGD(30.0), epochs=500)
    states: list[dict[str, Any]] = []
    stopping = hg.training.early_stopping(reports, net, patience=500, monitor="train_loss")
    with pytest.raises(hg.errors.DivergenceError):
        states.extend(net.state() for report in stopping)
    assert len(states) > 1
    assert_same_state(net, states[0])


def test_running_state_goes_back_with_the_weights() -> None:
    net = hg.Net(hg.Standardize.of(X), hg.Tanh())
    mean = net.layers[0].mean.copy()

    def reports() -> Iterator[hg.training.EpochReport]:
        for epoch in (1, 2, 3):
            yield hg.training.EpochReport(epoch, float(epoch))
            net.running_state[...] = 7

    list(hg.training.early_stopping(reports(), net, patience=9, monitor="train_loss"))
    np.testing.assert_array_equal(net.layers[0].mean, mean)


@pytest.mark.parametrize("monitor", [None, "accuracy", "train_loss", "zero_one_loss"])
def test_fit_ends_with_the_weights_of_its_best_epoch(monitor: str | None) -> None:
    net, metrics = classifier(), ["accuracy", "zero_one_loss"]
    history = fit(
        net, validation=HELD, epochs=60, early_stopping=3, monitor=monitor, metrics=metrics,
        optimizer=hg.SGD(1.0),
    )  # fmt: skip
    monitor = monitor or "validation_loss"
    assert len(history) < 60
    assert history.stopped_because == f"{monitor} had not improved for 3 epochs"
    best = history.best(monitor)
    assert len(history) == best.epoch + 3
    found = hg.evaluate(net, HELD, loss=hg.CrossEntropyLoss(), metrics=metrics)
    assert (found.loss, found.metrics) == (best.validation_loss, best.validation_metrics)


def test_without_validation_fit_watches_the_training_loss() -> None:
    net = classifier()
    history = fit(net, epochs=60, early_stopping=2, optimizer=hg.SGD(20.0))
    assert history.stopped_because == "train_loss had not improved for 2 epochs"
    assert len(history) == history.best("train_loss").epoch + 2
