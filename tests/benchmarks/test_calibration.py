"""Figures of calibration: worked examples."""

import numpy as np
import pytest
from benchmarks.calibration import calibration_error, without_temperature


def test_the_error_is_the_mean_gap_between_confidence_and_accuracy_of_a_bin() -> None:
    # Two rows of 0.9 with one right, |0.5 - 0.9|; two of 0.6, both right, |1 - 0.6|: both 0.4.
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(p, np.array([0, 1, 1, 1])) == pytest.approx(0.4)
    # One row of 0.8, right, and one of 1, which belongs to the last bin: (0.2 + 0) / 2.
    assert calibration_error(np.array([[0.8, 0.2], [0, 1]]), np.array([0, 1])) == pytest.approx(0.1)


def test_probabilities_before_the_temperature_are_those_of_the_logits() -> None:
    z = np.array([[0.0, 1.0, -2.0], [3.0, 0.5, 0.5]])
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    after = np.exp(z / 0.6) / np.exp(z / 0.6).sum(axis=1, keepdims=True)
    assert without_temperature(after, 0.6) == pytest.approx(expected)
