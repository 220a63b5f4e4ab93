"""How far apart first weights lie, on paper: each scale is worked out beside it."""

from typing import Any

import numpy as np

from handgrad import initializers


class Scales:
    """Stands in for a random source: every draw is the scale that was asked for."""

    def normal(self, mean: float, scale: float, shape: tuple[int, ...]) -> Any:
        assert mean == 0
        return np.full(shape, scale)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Any:
        assert low == -high
        return np.full(shape, high)


def test_lecun_normal_has_one_over_the_root_of_the_inputs() -> None:
    W = initializers.lecun_normal((3, 16), Scales())
    np.testing.assert_array_equal(W, np.full((3, 16), 0.25))  # 1/√16


def test_he_normal_has_the_root_of_two_over_the_inputs() -> None:
    W = initializers.he_normal((3, 8), Scales())
    np.testing.assert_array_equal(W, np.full((3, 8), 0.5))  # √(2/8)


def test_xavier_uniform_reaches_the_root_of_six_over_inputs_and_outputs() -> None:
    W = initializers.xavier_uniform((8, 16), Scales())
    np.testing.assert_array_equal(W, np.full((8, 16), 0.5))  # √(6/(8 + 16))
