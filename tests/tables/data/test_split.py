"""`train_test_split`: every row goes to one side, and only to one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg


@settings(max_examples=80, derandomize=True)
@given(
    n=st.integers(20, 80),
    share=st.floats(0.2, 0.8),
    stratify=st.booleans(),
    seed=st.integers(0, 10**6),
    as_tuple=st.booleans(),
)
def test_no_row_is_lost_or_doubled(
    n: int, share: float, stratify: bool, seed: int, as_tuple: bool
) -> None:
    rows = np.arange(n)
    x, y = rows[:, None] * 10, rows % 2
    given_x = (x, [[i] for i in rows]) if as_tuple else x
    train_x, test_x, train_y, test_y = hg.data.train_test_split(
        given_x, y, test_size=share, stratify=stratify, rng=seed
    )
    if as_tuple:
        for side in (train_x, test_x):
            np.testing.assert_array_equal(side[0], 10 * side[1])
        train_x, test_x = train_x[0], test_x[0]
    together = np.concatenate([train_x, test_x])[:, 0] // 10
    assert sorted(together) == rows.tolist()
    np.testing.assert_array_equal(together % 2, np.concatenate([train_y, test_y]))
    assert len(test_y) == int(np.ceil(share * n))


@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5])
def test_stratified_sides_have_the_shares_of_the_classes(test_size: float) -> None:
    y = np.repeat(["rare", "common"], [20, 180])
    _, _, train_y, test_y = hg.data.train_test_split(
        np.arange(200), y, test_size=test_size, stratify=True, rng=0
    )
    for side in (train_y, test_y):
        assert (side == "rare").mean() == pytest.approx(0.1)


def test_the_same_seed_gives_the_same_split() -> None:
    rows = np.arange(30)
    for rng in (3, np.random.default_rng(3)):
        found = hg.data.train_test_split(rows, rows, rng=rng)[1]
        np.testing.assert_array_equal(found, hg.data.train_test_split(rows, rows, rng=3)[1])
    assert (hg.data.train_test_split(rows, rows, rng=4)[1] != found).any()


def test_types_are_kept() -> None:
    x, y = np.ones((10, 2), np.float32), np.ones(10, np.int8)
    assert [part.dtype for part in hg.data.train_test_split(x, y, rng=0)] == [
        np.float32, np.float32, np.int8, np.int8,
    ]  # fmt: skip
