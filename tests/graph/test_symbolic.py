"""Constants that follow the batch size are found, and nothing else is taken for one."""

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.graph.nodes import decode, encode
from handgrad.graph.symbolic import SIZES, NoRuleError, Symbolic, at, solve

FOLLOWED: dict[str, Callable[[int], Any]] = {
    "n": lambda n: n,
    "6*n": lambda n: 6 * n,
    "2*n + 3": lambda n: 2 * n + 3,
    "-n - 1": lambda n: -n - 1,
    "1/n": lambda n: 1 / n,
    "-2/n": lambda n: -2 / n,
    "0.5*n**0.5": lambda n: 0.5 * n**0.5,
    "1/n**0.5": lambda n: 1 / n**0.5,
    "1/(n - 1)": lambda n: 1 / (n - 1),
    "n/(n - 1)": lambda n: n / (n - 1),
    "(n - 1)/n": lambda n: (n - 1) / n,
    "1/n**2": lambda n: 1 / n**2,
    "11*n": lambda n: 11.0 * n,
    "3*n**2": lambda n: 3.0 * n**2,
    "1/(3*n)": lambda n: 1 / (3 * n),
    "log(n)": lambda n: float(np.log(n)),
    "arange(n)": lambda n: np.arange(n),
    "arange(2*n)": lambda n: np.arange(2 * n),
    "where(arange(n)[:, None] == arange(n), 1.0, 0.0)": np.eye,
    "where(arange(n)[:, None] == arange(n), True, False)": lambda n: (
        np.arange(n)[:, None] == np.arange(n)
    ),
    "where(arange(n)[:, None] == arange(n), False, True)": lambda n: (
        np.arange(n)[:, None] != np.arange(n)
    ),
    "where(arange(n)[:, None] == arange(n), -2/n, 0.5)": lambda n: np.where(
        np.eye(n) == 1, -2 / n, 0.5
    ),
    "where(arange(n)[:, None] >= arange(n), 1, 0)": lambda n: np.tri(n, dtype=int),
    "where(arange(n)[:, None] > arange(n), True, False)": lambda n: np.tri(n, k=-1, dtype=bool),
    "full((n, 3), 2.0)": lambda n: np.full((n, 3), 2.0),
    "full((n,), 1/n)": lambda n: np.full(n, 1 / n),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", FOLLOWED)
def test_a_rule_is_found_and_holds_for_other_sizes(text: str) -> None:
    function = FOLLOWED[text]
    rule = solve([function(n) for n in SIZES], SIZES)
    assert isinstance(rule, Symbolic)
    assert rule == solve([function(n) for n in (20, 31, 7)], (20, 31, 7))
    assert pickle.loads(pickle.dumps(rule)) == decode(json.loads(json.dumps(encode(rule)))) == rule
    assert str(rule) == text
    for n in (2, 4, 8, 100, 12_345):
        expected = function(n)
        found = at(rule, n)
        assert type(found) is type(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(
    "function",
    [
        lambda n: n // 2,
        lambda n: n // 3,
        lambda n: n % 2,
        lambda n: n * n,
        lambda n: max(n, 8),
        lambda n: min(n, 8),
        lambda n: n > 8,
        lambda n: float(n > 8),
        lambda n: 1 / (n + 0.3),
        lambda n: np.linspace(0, 1, n),
        lambda n: np.arange(n)[::-1],
        lambda n: np.full(4, n**2),
        lambda n: np.zeros(n * n),
        lambda n: "even" if n % 2 == 0 else "odd",
        lambda n: None if n > 8 else 1,
        lambda n: n if n < 8 else float(n),
    ],
)
def test_what_follows_no_rule_is_not_taken_for_one(function: Any) -> None:
    with pytest.raises(NoRuleError):
        solve([function(n) for n in SIZES], SIZES)


@given(st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans()))
def test_a_constant_stays_itself(value: Any) -> None:
    assert solve([value] * 3, SIZES) is value


@given(st.integers(-50, 50).filter(bool), st.integers(-50, 50), st.integers(1, 10_000))
def test_whole_numbers_stay_whole(slope: int, offset: int, n: int) -> None:
    rule = solve([slope * size + offset for size in SIZES], SIZES)
    assert at(rule, n) == slope * n + offset
    assert type(at(rule, n)) is int


def test_a_constant_array_is_kept_apart_from_the_pages_own() -> None:
    table = np.arange(4.0)
    kept = solve([table, table, table], SIZES)
    table[0] = 9
    np.testing.assert_array_equal(kept, [0, 1, 2, 3])
