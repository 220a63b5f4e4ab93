"""Bounds, and the sums that what is measured goes through before it meets them."""

import pytest
from benchmarks.held import Held
from benchmarks.machine import QUIET
from benchmarks.measures.load import unavoidable
from benchmarks.measures.training import steps_and_rest
from benchmarks.part import (
    KEPT,
    MISSED,
    NOT_DECIDED,
    Comparison,
    Limit,
    Part,
    compared,
    most,
)
from benchmarks.workers import Timing

BUSY = QUIET + 0.01


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"), [(2, True, KEPT), (1.9, True, MISSED), (2, False, KEPT)]
)
def test_a_bound_itself_is_kept(value: float, at_least: bool, verdict: str) -> None:
    assert Limit("x", value, 2, "s", at_least=at_least, others=QUIET).verdict == verdict


def test_a_time_above_its_bound_is_not_kept() -> None:
    assert Limit("x", 2.1, 2, "s", at_least=False, others=0.0).verdict == MISSED


def test_a_ratio_without_a_bound_has_no_verdict() -> None:
    assert not Comparison("x", "JAX", 0.1, others=0.0).verdict
    assert Comparison("x", "JAX", 0.99, 1, others=0.0).verdict == MISSED
    assert Comparison("x", "JAX", 1.0, 1, others=0.0).verdict == KEPT


@pytest.mark.parametrize("others", [BUSY, None])
@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_nothing_is_decided_on_a_machine_not_known_to_be_quiet(
    ratio: float, others: float | None
) -> None:
    assert Comparison("x", "JAX", ratio, 1, others).verdict == NOT_DECIDED
    assert Limit("x", ratio, 1, "s", at_least=True, others=others).verdict == NOT_DECIDED


def test_bounds_are_set_for_full_width() -> None:
    comparisons = [Comparison("x", "JAX", 2.0, 1, 0.0), Comparison("x", "NumPy", 2.0, None, 0.0)]
    limits = [Limit("y", 2.0, 1, "s", at_least=False, others=0.0)]
    for held, verdicts in ((Held(1), [KEPT, MISSED]), (Held(1, avx2=True), [])):
        assert Part("x", "", "", [], comparisons, limits, held=held).verdicts == verdicts


def test_others_are_known_if_they_are_known_everywhere() -> None:
    assert most([0.1, 0.3, 0.2]) == 0.3
    assert most([0.1, None]) is None
    assert most([]) is None


def test_the_fastest_of_a_family_counts_and_carries_its_bound_and_the_load() -> None:
    timings = [
        Timing("M", peer, 1, seconds, seconds, seconds, 5, 1, 0.1, others=others)
        for peer, seconds, others in (
            ("handgrad", 2.0, 0.1),
            ("PyTorch, 1 thread", 8.0, 0.9),
            ("PyTorch, 2 threads", 5.0, 0.2),
        )
    ]
    expected = Comparison("M", "PyTorch", 2.5, 3, 0.2, 2.5, 2.5)
    assert compared(timings, "M", "M", {"PyTorch": 3}) == [expected]


def test_an_epoch_is_its_steps_and_a_rest() -> None:
    # 200 steps of 0.4 and 5 more are 85; 20 steps of 0.4 and 5 more are 13
    assert steps_and_rest((200, 85.0), (20, 13.0)) == pytest.approx((0.4, 5.0))


@pytest.mark.parametrize(
    ("cores", "beside", "ratio"), [(2, 0, 1), (2, 1, 1.5), (1, 0, 2), (4, 1, 1)]
)
def test_two_nets_share_what_cores_there_are(cores: int, beside: int, ratio: float) -> None:
    assert unavoidable(cores, beside) == pytest.approx(ratio)
