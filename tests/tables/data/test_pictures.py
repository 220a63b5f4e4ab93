"""Pictures in rows that are moved: where each pixel goes, and what is refused."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused


def test_each_of_the_nine_moves_comes_as_often_and_has_its_pixels_in_place() -> None:
    # The picture 1 2 / 3 4 by the number in its upper left corner: one pixel right of 1 is 2.
    moves = {
        (1, 2, 3, 4),
        (0, 1, 0, 3),  # right
        (2, 0, 4, 0),  # left
        (0, 0, 1, 2),  # down
        (3, 4, 0, 0),  # up
        (0, 0, 0, 1),
        (0, 0, 2, 0),
        (0, 3, 0, 0),
        (4, 0, 0, 0),
    }
    moved = hg.data.random_shift(np.tile([1, 2, 3, 4], (9000, 1)), (2, 2), rng=0)
    found, counts = np.unique(moved, axis=0, return_counts=True)
    assert {tuple(row) for row in found.tolist()} == moves
    # 1000 of each are expected, with a standard deviation of √(9000 · 1/9 · 8/9) ≈ 30.
    assert (abs(counts - 1000) < 4 * 30).all()


def test_a_dot_moves_by_as_many_pixels_as_asked_and_all_channels_with_it() -> None:
    picture = np.zeros((2, 5, 7), np.float32)
    picture[0, 2, 3], picture[1, 2, 3] = 1, 2
    moved = hg.data.random_shift(np.tile(picture.ravel(), (500, 1)), (2, 5, 7), pixels=2, rng=3)
    assert moved.dtype == np.float32
    first, second = np.moveaxis(moved.reshape(500, 2, 5, 7), 1, 0)
    np.testing.assert_array_equal(second, 2 * first)
    _, rows, columns = np.nonzero(first)
    assert len(rows) == 500
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {
        (2 + down, 3 + right) for down in range(-2, 3) for right in range(-2, 3)
    }


def test_the_rows_given_stay_and_the_seed_says_the_moves() -> None:
    x, _ = hg.data.load("digits")
    before = x.copy()
    moved = hg.data.random_shift(x, (8, 8), rng=5)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(moved, hg.data.random_shift(x, (8, 8), rng=5))
    other = hg.data.random_shift(x, (8, 8), rng=np.random.default_rng(6))
    assert (other != moved).any()
    assert hg.data.random_shift(x[:0], (8, 8), rng=0).shape == (0, 64)


@pytest.mark.parametrize(
    ("x", "options", "kind", "words"),
    [
        (np.ones((3, 64)), {"shape": (64,)}, hg.errors.SettingError, ("(64,)", "height, width")),
        (np.ones((3, 64)), {"shape": 8}, hg.errors.SettingError, ("shape=8", "height, width")),
        (np.ones((3, 64)), {"shape": (8, 0)}, hg.errors.SettingError, ("a side of shape = 0",)),
        (np.ones((3, 64)), {"shape": (7, 8)}, hg.errors.ShapeError, ("(3, 64)", "(n, 56)")),
        (np.ones((3, 8, 8)), {"shape": (8, 8)}, hg.errors.ShapeError, ("(3, 8, 8)", "reshape")),
        (np.ones((3, 64)), {"pixels": 8}, hg.errors.SettingError, ("8 by 8", "pixels=1")),
        (np.ones((3, 64)), {"pixels": 0}, hg.errors.SettingError, ("pixels = 0", "whole number")),
        (np.ones((3, 64)), {"pixels": 1.5}, hg.errors.SettingError, ("pixels = 1.5",)),
        (np.full((3, 64), "a"), {}, hg.errors.DataError, ("<U1", "numbers")),
        ([[1, 2], [3]], {"shape": (1, 2)}, hg.errors.DataError, ("different lengths",)),
    ],
)
def test_what_cannot_be_moved_is_refused(
    x: Any, options: dict[str, Any], kind: type[hg.HandgradError], words: tuple[str, ...]
) -> None:
    with refused(kind, *words):
        hg.data.random_shift(x, **({"shape": (8, 8)} | options))
