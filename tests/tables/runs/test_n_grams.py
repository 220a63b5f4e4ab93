"""The n-gram beside a language model: its probabilities, and how it is chosen."""

import math

import numpy as np
import pytest

from handgrad.tables.runs import n_grams
from handgrad.tables.runs.n_grams import n_gram
from tests.tables.runs import n_gram_by_hand

VERSE = "one for sorrow, two for joy, three for a girl, four for a boy, one for"


def codes_of(text: str) -> tuple[np.ndarray, int]:
    letters, codes = np.unique([*text], return_inverse=True)
    return codes, len(letters)


def loss_by_hand(text: str, end: int, n: int, amount: int) -> float:
    p = n_gram_by_hand.probabilities(text, end, n - 1, amount, len({*text}))
    return -math.fsum(math.log(each) for each in p) / len(p)


def test_a_worked_example() -> None:
    """Of "aab", a comes 2 times of 3, b once: with the uniform ½ twice, (2 + 1)/5 and (1 + 1)/5.

    After an a there came an a and a b, so that b is (1 + 2 · 2/5)/(2 + 2) there: 9/20.
    """
    p = n_gram_by_hand.probabilities("aabab", 3, 0, 1, 2)
    assert [str(each) for each in p] == ["3/5", "2/5"]
    p = n_gram_by_hand.probabilities("aabab", 3, 1, 1, 2)
    assert [str(each) for each in p] == ["3/5", "9/20"]  # nothing came after b
    assert n_gram(*with_end("aabab", 3)).loss == pytest.approx(-(math.log(3 / 5 * 2 / 5)) / 2)


def with_end(text: str, end: int) -> tuple[np.ndarray, int, int]:
    codes, n = codes_of(text)
    return codes, end, n


@pytest.mark.parametrize("end", [20, 45, 69])
@pytest.mark.parametrize("amount", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("n", range(1, 8))
def test_its_loss_is_that_of_the_definition(
    n: int, amount: int, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(n_grams, "AMOUNTS", np.array([[amount]]))
    monkeypatch.setattr(n_grams, "MOST_BEFORE", n - 1)
    found = n_gram(*with_end(VERSE, end))
    assert found.amount == amount
    assert found.loss == pytest.approx(loss_by_hand(VERSE, end, found.n, amount), rel=1e-12)


def test_n_and_amount_are_those_with_the_lowest_loss_on_the_end_of_what_is_learned() -> None:
    text, end = VERSE * 2, 90
    tried = {
        (n, amount): loss_by_hand(text[:end], end - end // 10, n, amount)
        for n in range(1, 8)
        for amount in (1, 2, 4, 8, 16)
    }
    found = n_gram(*with_end(text, end))
    assert tried[found.n, found.amount] == pytest.approx(min(tried.values()), rel=1e-12)
    assert found.loss == pytest.approx(loss_by_hand(text, end, found.n, found.amount), rel=1e-12)


def test_what_is_judged_has_no_part_in_the_choice() -> None:
    first = n_gram(*with_end(VERSE * 3, 150))
    codes, end, n = with_end(VERSE * 3, 150)
    codes[end:] = codes[end:][::-1]
    other = n_gram(codes, end, n)
    assert (other.n, other.amount) == (first.n, first.amount)
    assert other.loss > first.loss


def test_a_character_never_seen_has_a_probability() -> None:
    codes = np.array([1, 2] * 30 + [0])
    assert 3 < n_gram(codes, 60, 3).loss < math.inf
