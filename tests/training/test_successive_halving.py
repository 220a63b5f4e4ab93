"""`successive_halving`: the best trainings go on, with the bits that they would have alone."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.errors import DivergenceError, SettingError
from handgrad.training import EpochReport, successive_halving
from tests.training.by_hand import HELD, X, assert_same_state, classifier, train

FOREVER = 10**6


def scripted(
    loss: float, epochs: int = FOREVER, last: float | None = None
) -> Iterator[EpochReport]:
    """Reports with one validation loss, the `last` with another."""
    for epoch in range(1, epochs + 1):
        value = loss if last is None or epoch < epochs else last
        yield EpochReport(epoch, 0.0, {}, value, {"r2": value})


def diverging(loss: float, at: int) -> Iterator[EpochReport]:
    """Reports up to an epoch in which the training diverges."""
    yield from scripted(loss, at - 1)
    raise DivergenceError(f"loss nan in epoch {at}, batch 1", "finite numbers", "smaller steps")


def test_a_third_continues_for_three_times_the_epochs() -> None:
    trainings = {f"t{i}": scripted(float(i)) for i in (5, 3, 8, 1, 0, 2, 7, 6, 4)}
    first, second = successive_halving(trainings, epochs=2)
    assert (first.epochs, first.kept) == (2, ("t0", "t1", "t2"))
    assert (second.epochs, second.kept) == (6, ("t0",))
    assert second.ranking == tuple(f"t{i}" for i in range(9))
    ran = {name: len(history) for name, history in second.histories.items()}
    assert ran == dict.fromkeys(first.kept, 6) | dict.fromkeys(first.ranking[3:], 2)
    assert next(trainings["t0"]).epoch == 7  # the best is not finished


@pytest.mark.parametrize(
    ("n", "factor", "kept"),
    [(2, 2, [1]), (2, 3, [1]), (5, 2, [2, 1]), (27, 3, [9, 3, 1]), (10, 3, [3, 1])],
)
def test_how_many_are_kept(n: int, factor: int, kept: list[int]) -> None:
    trainings = {str(i): scripted(float(i)) for i in range(n)}
    rounds = [*successive_halving(trainings, factor=factor)]
    assert [len(each.kept) for each in rounds] == kept
    assert [each.epochs for each in rounds] == [factor**i for i in range(len(kept))]


def test_more_of_a_metric_is_better_and_equal_ones_keep_their_order() -> None:
    trainings = {"a": scripted(1.0), "b": scripted(2.0), "c": scripted(2.0), "d": scripted(0.0)}
    (*_, last) = successive_halving(trainings, monitor="r2", factor=2)
    assert last.ranking == ("b", "c", "a", "d")


def test_a_training_counts_by_its_best_epoch() -> None:
    worse_at_last = {"a": scripted(1.0, 2, last=9.0), "b": scripted(2.0)}
    (result,) = successive_halving(worse_at_last, epochs=2)
    assert result.kept == ("a",)
    assert result.histories["a"].best("validation_loss").epoch == 1


def test_one_that_ended_stays_in_the_comparison() -> None:
    trainings = {"short": scripted(0.0, 3)} | {str(i): scripted(float(i)) for i in range(1, 9)}
    first, second = successive_halving(trainings, epochs=4)
    assert "short" in first.kept
    assert second.kept == ("short",)
    assert len(second.histories["short"]) == 3


def test_it_ends_when_all_have_ended() -> None:
    trainings = {str(i): scripted(float(i), 3) for i in range(4)}
    rounds = [*successive_halving(trainings, epochs=3, factor=2)]
    assert [each.epochs for each in rounds] == [3]
    assert rounds[0].kept == ("0", "1")


@pytest.mark.parametrize("at", [1, 2])
def test_one_that_diverges_leaves_and_the_others_go_on(at: int) -> None:
    trainings = {"bad": diverging(-9.0, at), "a": scripted(2.0), "b": scripted(math.inf)}
    (result,) = successive_halving(trainings, epochs=2)
    assert result.ranking == ("a", "b", "bad")
    assert result.kept == ("a",)
    assert result.histories["bad"].stopped_because == f"diverged: loss nan in epoch {at}, batch 1"


def test_nan_is_never_better() -> None:
    (result,) = successive_halving({"a": scripted(math.nan), "b": scripted(9.0)})
    assert result.kept == ("b",)


def test_all_diverged() -> None:
    with pytest.raises(DivergenceError, match=r"all 2 trainings .* diverged: loss nan in epoch 1"):
        next(successive_halving({"a": diverging(0, 1), "b": diverging(0, 1)}))


def test_survivors_have_the_bits_of_one_uninterrupted_training() -> None:
    rates = {"a": 0.001, "b": 0.3, "c": 0.03, "d": 0.1}
    nets = {name: classifier() for name in rates}
    trainings = {
        name: train(nets[name], optimizer=hg.Adam(rate), epochs=9, validation=HELD, rng=1)
        for name, rate in rates.items()
    }
    *_, result = successive_halving(trainings, epochs=2, factor=2)
    best = result.ranking[0]
    assert len([*trainings[best]]) == 9 - result.epochs
    alone = classifier()
    assert len([*train(alone, optimizer=hg.Adam(rates[best]), epochs=9, validation=HELD, rng=1)])
    assert_same_state(nets[best], alone.state())
    np.testing.assert_array_equal(nets[best].predict(X), alone.predict(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trainings": {"a": scripted(1.0)}}, "1 trainings"),
        ({"trainings": [scripted(1.0)]}, "of type list"),
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": 1.5}, "epochs = 1.5"),
        ({"factor": 1}, "factor = 1"),
        ({"monitor": "validation_los"}, "did you mean 'validation_loss'"),
    ],
)
def test_invalid_arguments(arguments: dict[str, Any], message: str) -> None:
    usual = {"trainings": {"a": scripted(1.0), "b": scripted(2.0)}}
    with pytest.raises(SettingError, match=message):
        next(successive_halving(**usual | arguments))
