"""Confidence intervals: rows, groups and blocks of time, and how often they hold the true score."""

from typing import Any

import numpy as np
import pytest

from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.reporting.intervals import (
    half_width,
    interval_of,
    losses_of,
    sums_of,
    units_in,
    wilson,
)
from handgrad.tables.reporting.scores import interval

RNG = np.random.default_rng


def of_accuracy(right: Any, codes: Any = None) -> tuple[float, float]:
    y = np.ones(len(right), int)
    found = interval_of("Accuracy", sums_of("Accuracy", y, 1 * right, None, None), codes)
    assert found is not None
    return found


def test_wilsons_interval_is_scipys_and_takes_fractions_of_rows() -> None:
    assert wilson(0.5, 100) == pytest.approx(interval(0.5, 100), abs=1e-5)
    assert wilson(1.0, 30) == pytest.approx(interval(1.0, 30), abs=1e-5)
    assert wilson(0.3, 20.5)[1] > wilson(0.3, 21.5)[1]


def test_of_independent_rows_it_is_wilsons() -> None:
    right = RNG(0).random(400) < 0.7
    assert of_accuracy(right) == pytest.approx(interval(right.mean(), 400), abs=2e-3)


def test_rows_of_groups_that_are_alike_count_as_one_row_for_each_group() -> None:
    coins = RNG(0).random(40) < 0.7
    each = np.repeat(coins, 12)
    low, high = of_accuracy(each, np.repeat(np.arange(40), 12))
    alone = interval(coins.mean(), 40)
    assert low == pytest.approx(alone[0], abs=0.02)
    assert high == pytest.approx(alone[1], abs=0.02)
    narrow = of_accuracy(each)
    assert high - low > 3 * (narrow[1] - narrow[0])


def test_where_all_are_right_the_interval_is_that_of_as_many_rows_as_groups() -> None:
    low, high = of_accuracy(np.ones(120, bool), np.repeat(np.arange(10), 12))
    assert high == 1
    assert low < interval(1.0, 10)[0]


@pytest.mark.parametrize("name", ["Mean absolute error", "Root mean squared error", "R²"])
@pytest.mark.parametrize("n_groups", [8, 30])
def test_intervals_of_groups_hold_the_true_score_of_all_groups(name: str, n_groups: int) -> None:
    def drawn(rng: Any, n: int) -> tuple[Any, Any]:
        y = np.repeat(rng.normal(size=n), 10) + 0.3 * rng.normal(size=10 * n)
        return y, y + np.repeat(rng.normal(size=n) * 0.6, 10) + 0.2 * rng.normal(size=10 * n)

    y, predicted = drawn(RNG(99), 20_000)
    error = predicted - y
    true = {
        "Mean absolute error": np.abs(error).mean(),
        "Root mean squared error": np.sqrt((error**2).mean()),
        "R²": 1 - (error**2).mean() / y.var(),
    }[name]
    inside = []
    for seed in range(300):
        y, predicted = drawn(RNG(seed), n_groups)
        codes = np.repeat(np.arange(n_groups), 10)
        ends = interval_of(name, sums_of(name, y, predicted, None, None), codes)
        assert ends is not None
        inside.append(ends[0] <= true <= ends[1])
    assert 0.88 <= np.mean(inside) <= 0.99


def test_a_mean_of_groups_has_the_width_of_their_means() -> None:
    values = np.repeat(RNG(0).normal(size=50), 6)
    codes = np.repeat(np.arange(50), 6)
    wide, narrow = half_width(values, codes), half_width(values, None)
    assert wide / narrow == pytest.approx(np.sqrt(6), rel=0.05)


def test_blocks_of_time_are_as_long_as_errors_are_alike() -> None:
    days = RowRoles("day", None, Units(np.arange(400), ordered=True))
    white, slow = RNG(0).normal(size=400), np.cumsum(RNG(1).normal(size=400))
    blocks = [int(units_in(days, losses).max()) + 1 for losses in (white**2, slow)]  # type: ignore[union-attr]
    assert blocks[0] > 40
    assert blocks[1] <= 8
    codes = units_in(days, slow)
    assert codes is not None
    assert (np.diff(codes) >= 0).all()
    assert np.ptp(np.bincount(codes)) <= 1
    assert units_in(RowRoles(), white) is None


def test_weights_count() -> None:
    y, predicted = np.zeros(100), RNG(0).normal(size=100)
    twice = np.where(np.arange(100) < 50, 2.0, 0.0)
    weighted = sums_of("Mean absolute error", y, predicted, None, twice)
    half = sums_of("Mean absolute error", y[:50], predicted[:50], None, None)
    ends = [interval_of("Mean absolute error", sums, None) for sums in (weighted, half)]
    assert ends[0] == pytest.approx(ends[1], rel=0.02)


def test_the_loss_of_a_class_is_that_of_its_probability() -> None:
    p = np.array([[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(
        losses_of(np.array([1, 0]), p.argmax(1), p, True), [-np.log(0.75), 0]
    )
    assert sums_of("ROC AUC", np.array([1, 0]), p.argmax(1), p, None) is None
