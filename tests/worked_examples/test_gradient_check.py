"""Wrong derivatives of which it can be said beforehand what would hide them."""

from typing import Any

import numpy as np

import handgrad as hg


class SoftmaxReturningZeros(hg.Softmax):
    """Right only where all entries of dp are alike: p (dp - Σ p dp) = p (c - c) = 0."""

    def backward(self, dp: Any) -> Any:
        return 0 * dp


def test_a_net_that_ends_in_a_softmax_returning_zeros_is_found_wrong() -> None:
    # Nothing comes after the net that could make its upstream gradient uneven.
    report = hg.check_gradients(hg.Net(hg.Linear(3, 4, rng=0), SoftmaxReturningZeros()))
    assert {c.name for c in report.comparisons if not c.ok} == {
        "dx",
        "dW of 0, Linear(3, 4)",
        "db of 0, Linear(3, 4)",
    }


class LeaningReLU(hg.ReLU):
    """Takes ¾ everywhere, which lies between the slopes on both sides of the kink, 0 and 1."""

    def backward(self, dy: Any) -> Any:
        return 0.75 * dy


def test_a_slope_between_both_sides_is_right_on_the_kink_and_wrong_beside_it() -> None:
    on_it = hg.check_gradients(LeaningReLU(), x=np.zeros((5, 4)))
    assert on_it.comparisons[0].ok
    assert on_it.comparisons[0].at_kinks == 20
    for beside in (1e-6, -1e-6):
        report = hg.check_gradients(LeaningReLU(), x=np.full((5, 4), beside))
        assert report.comparisons[0].differs.all()
        assert report.comparisons[0].at_kinks == 0
