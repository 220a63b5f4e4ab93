"""How far apart first weights lie, on paper: each scale is worked out beside it."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers import initializers


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


def test_the_uniform_ones_reach_root_three_times_the_standard_deviation_of_the_normal_ones() -> (
    None
):
    W = initializers.lecun_uniform((5, 12), Scales())
    np.testing.assert_array_equal(W, np.full((5, 12), 0.5))  # √(3/12)
    W = initializers.he_uniform((5, 24), Scales())
    np.testing.assert_array_equal(W, np.full((5, 24), 0.5))  # √(6/24)


def test_xavier_normal_has_the_root_of_two_over_inputs_and_outputs() -> None:
    W = initializers.xavier_normal((2, 6), Scales())
    np.testing.assert_array_equal(W, np.full((2, 6), 0.5))  # √(2/(2 + 6))


@pytest.mark.parametrize("shape", [(3, 3), (7, 2), (2, 7), (1, 5), (5, 1), (1, 1)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape: tuple[int, int]) -> None:
    W = initializers.orthogonal(shape, np.random.default_rng(0))
    assert W.shape == shape
    product = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)


def test_every_turn_is_equally_likely() -> None:
    rng = np.random.default_rng(0)
    turns = np.array([initializers.orthogonal((2, 2), rng) for _ in range(4000)])
    mirrored = np.linalg.det(turns) < 0
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / 4000**0.5
    assert (np.abs(turns.mean(axis=0)) < 5 * (1 / 2 / 4000) ** 0.5).all()  # variance 1/2 each


def test_every_name_is_taken_by_a_layer() -> None:
    for name in initializers.__all__:
        for shape in ((4, 3), (3, 4)):
            layer = hg.Linear(shape[1], shape[0], initializer=name, rng=0)
            expected = getattr(initializers, name)(shape, np.random.default_rng(0))
            np.testing.assert_array_equal(layer.W, expected.astype(np.float32))
