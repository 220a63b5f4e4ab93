"""Bounds, and the sums that what is measured goes through before it meets them."""

import pytest
from benchmarks.measures.load import unavoidable
from benchmarks.measures.training import steps_and_rest
from benchmarks.part import Comparison, Limit, compared
from benchmarks.workers import Timing


@pytest.mark.parametrize(
    ("value", "at_least", "reached"), [(2, True, True), (1.9, True, False), (2, False, True)]
)
def test_a_bound_itself_is_reached(value: float, at_least: bool, reached: bool) -> None:
    assert Limit("x", value, 2, "s", at_least=at_least).reached is reached


def test_a_time_above_its_bound_is_not_reached() -> None:
    assert not Limit("x", 2.1, 2, "s", at_least=False).reached


def test_a_ratio_without_a_bound_misses_none() -> None:
    assert Comparison("x", "JAX", 0.1).reached
    assert not Comparison("x", "JAX", 0.99, 1).reached


def test_the_fastest_of_a_family_counts_and_carries_its_bound() -> None:
    timings = [
        Timing("M", peer, 1, seconds, seconds, seconds, 5, 1, 0.1)
        for peer, seconds in (
            ("handgrad", 2.0),
            ("PyTorch, 1 thread", 8.0),
            ("PyTorch, 2 threads", 5.0),
        )
    ]
    assert compared(timings, "M", "M", {"PyTorch": 3}) == [Comparison("M", "PyTorch", 2.5, 3)]


def test_an_epoch_is_its_steps_and_a_rest() -> None:
    # 200 steps of 0.4 and 5 more are 85; 20 steps of 0.4 and 5 more are 13
    assert steps_and_rest((200, 85.0), (20, 13.0)) == pytest.approx((0.4, 5.0))


@pytest.mark.parametrize(
    ("cores", "beside", "ratio"), [(2, 0, 1), (2, 1, 1.5), (1, 0, 2), (4, 1, 1)]
)
def test_two_nets_share_what_cores_there_are(cores: int, beside: int, ratio: float) -> None:
    assert unavoidable(cores, beside) == pytest.approx(ratio)
