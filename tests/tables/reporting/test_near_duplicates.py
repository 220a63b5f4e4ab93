"""Groups of nearly equal rows are found, and no others."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.data.frames import columns_of_array
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.leakage.near_duplicates import nearly_equal

RNG = np.random.default_rng


def groups_of(x: Any) -> Any:
    try:
        return nearly_equal(columns_of_array(np.asarray(x)))
    except NotApplicableError:
        return None


@pytest.mark.parametrize(
    ("n", "d", "why"),
    [
        (99, 3, "fewer than 100 rows"),
        (50_001, 3, "over 50,000 rows"),
        (200, 1, "fewer than two columns with distinct numbers in most rows"),
    ],
)
def test_rows_that_cannot_be_compared_have_a_reason(n: int, d: int, why: str) -> None:
    with pytest.raises(SkippedCheckError, match=f"^{why}$"):
        nearly_equal(columns_of_array(RNG(0).normal(size=(n, d))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("each", [2, 12])
def test_rows_of_a_group_that_are_nearly_equal_are_found(seed: int, each: int) -> None:
    rng = RNG(seed)
    features = np.repeat(rng.normal(size=(150, 5)), each, axis=0)
    order = rng.permutation(len(features))
    codes = groups_of((features + rng.normal(0, 0.02, features.shape))[order])
    true = np.repeat(np.arange(150), each)[order]
    pairs = {*zip(codes.tolist(), true.tolist(), strict=True)}
    assert len(pairs) <= 152
    assert len({*codes.tolist()}) >= 148


def test_equal_rows_with_gaps_and_other_columns_beside_are_found() -> None:
    rng = RNG(0)
    features = np.repeat(rng.normal(size=(100, 4)), 6, axis=0) + rng.normal(0, 1e-3, (600, 4))
    features[rng.random(600) < 0.05, 2] = np.nan
    assert groups_of(np.column_stack([features, rng.integers(0, 3, 600)])) is not None


TABLES: dict[str, Any] = {
    "normal, two columns": lambda rng: rng.normal(size=(1500, 2)),
    "normal": lambda rng: rng.normal(size=(1500, 8)),
    "heavy tails": lambda rng: rng.standard_cauchy((1500, 3)),
    "log-normal": lambda rng: np.exp(3 * rng.normal(size=(1500, 4))),
    "clusters": lambda rng: (
        20 * rng.normal(size=(5, 4))[rng.integers(0, 5, 1500)] + rng.normal(size=(1500, 4))
    ),
    "curves in time": lambda rng: np.stack(
        [np.sin(np.arange(1500) / 99), np.cumsum(rng.normal(size=1500)), np.arange(1500.0)], axis=1
    ),
    "walks": lambda rng: np.cumsum(rng.normal(size=(1500, 4)), axis=0),
    "integers": lambda rng: rng.integers(0, 3000, (1500, 3)).astype(float),
    "few integers": lambda rng: rng.integers(0, 9, (1500, 5)).astype(float),
    "one column three times": lambda rng: rng.normal(size=(1500, 1)) * [1, 2, 3],
    "a tenth twice": lambda rng: np.concatenate([(x := rng.normal(size=(1350, 4))), x[:150]]),
    "rounded": lambda rng: rng.normal(size=(1500, 3)).round(2),
}


@pytest.mark.parametrize("case", TABLES)
def test_independent_rows_are_no_groups(case: str) -> None:
    for seed in range(4):
        assert groups_of(TABLES[case](RNG(seed))) is None


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_bundled_tables_have_none(name: str) -> None:
    x, _ = hg.data.load(name)
    assert groups_of(x) is None
