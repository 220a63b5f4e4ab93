"""Splits that keep groups and equal times on one side."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import handgrad as hg
from handgrad.tables.data.dependent_rows import Units

RNG = np.random.default_rng
WHO = RNG(0).permutation(np.repeat(np.arange(60), 5))
NO_CLASSES = np.zeros(300, int)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_whole_groups_of_about_that_many_rows_are_held_out(share: float) -> None:
    units = Units(WHO)
    held = units.held_out(share, NO_CLASSES, RNG(1))
    assert not np.intersect1d(WHO[held], WHO[~held]).size
    assert held.sum() == 300 * share
    np.testing.assert_array_equal(held, units.held_out(share, NO_CLASSES, RNG(1)))
    assert (held != units.held_out(share, NO_CLASSES, RNG(2))).any()


def test_groups_are_chosen_with_classes_as_frequent_as_in_all() -> None:
    y = (WHO < 15).astype(int)
    for seed in range(5):
        held = Units(WHO).held_out(0.2, y, RNG(seed))
        assert 0.15 <= y[held].mean() <= 0.35
        assert held.sum() == 60


def test_a_class_of_one_group_stays_in_training() -> None:
    y = (WHO == 7).astype(int)
    for seed in range(5):
        assert not Units(WHO).held_out(0.5, y, RNG(seed))[WHO == 7].any()
        fold = Units(WHO).folds(5, y, RNG(seed))
        assert (fold[WHO == 7] == -1).all()
        assert {*fold[WHO != 7].tolist()} == {0, 1, 2, 3, 4}


def test_folds_of_groups_have_alike_sizes_and_classes() -> None:
    sizes = RNG(0).integers(1, 40, 50)
    who = np.repeat(np.arange(50), sizes)
    y = (who % 3 == 0).astype(int)
    fold = Units(who).folds(5, y, RNG(0))
    counts = np.array([[((fold == k) & (y == c)).sum() for c in (0, 1)] for k in range(5)])
    assert (np.ptp(counts, axis=0) <= 12).all()
    for k in range(5):
        assert not np.intersect1d(who[fold == k], who[fold != k]).size


def test_the_end_is_held_out_and_equal_times_stay_together() -> None:
    day = RNG(0).permutation(np.repeat(np.arange(30), 10))
    held = Units(day, ordered=True).held_out(0.2, NO_CLASSES, RNG(0))
    assert day[held].min() == 24
    assert day[~held].max() == 23
    held = Units(day, ordered=True).held_out(0.21, NO_CLASSES, RNG(0))
    assert held.sum() == 60
    alone = Units(np.zeros(300, int), ordered=True).held_out(0.2, NO_CLASSES, RNG(0))
    assert not alone.any()


def test_folds_in_time_are_blocks_and_forward_folds_follow_their_training_rows() -> None:
    day = RNG(0).permutation(np.repeat(np.arange(100), 3))
    units = Units(day, ordered=True)
    fold = units.folds(4, NO_CLASSES, RNG(0))
    assert [(day[fold == k].min(), day[fold == k].max()) for k in range(4)] == [
        (0, 24), (25, 49), (50, 74), (75, 99),
    ]  # fmt: skip
    for learned, test in units.forward(3):
        assert day[learned].max() < day[test].min()
        assert len(test) == 75


FORMS: dict[str, Any] = {
    "dates": [datetime.date(2024, 1, 1 + i) for i in (2, 0, 0, 9)],
    "NumPy": np.array(["2024-01-03", "2024-01-01", "2024-01-01", "2024-01-10"], "M8[D]"),
    "pandas": pd.to_datetime(pd.Series(["2024-01-03", "2024-01-01", "2024-01-01", "2024-01-10"])),
    "text": ["03.01.2024", "01.01.2024", "01.01.2024", "10.01.2024"],
    "numbers": [3, 1.5, 1.5, 7],
}


@pytest.mark.parametrize("form", FORMS)
def test_times_are_read_however_they_are_written(form: str) -> None:
    units = Units.of(None, FORMS[form], 4)
    assert units is not None
    assert units.codes.tolist() == [1, 0, 0, 2]


def test_rows_without_a_group_are_one_group() -> None:
    units = Units.of(["a", None, "b", None, "a"], None, 5)
    assert units is not None
    assert units.codes.tolist() == [0, 2, 1, 2, 0]


@pytest.mark.parametrize(
    ("groups", "time", "message"),
    [
        ([1, 1], [1, 1], "groups= and time=\n  expected: one of them"),
        ([1, 1, 2], None, "of shape \\(3,\\)\n  expected: one value for each of 2 rows"),
        (None, ["soon", "later"], "time: 'soon' in row 0"),
        (None, [1.0, np.nan], "time: np.float64\\(nan\\) in row 1|time: nan in row 1"),
    ],
)
def test_what_cannot_be_used_is_refused(groups: Any, time: Any, message: str) -> None:
    with pytest.raises(hg.errors.HandgradError, match=message):
        Units.of(groups, time, 2)
