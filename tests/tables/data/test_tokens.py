"""Byte-pair encoding: which pairs are learned, and how a text is cut into tokens."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import handgrad as hg
from handgrad.files.byte_pairs import FEWEST, OTHER, WORD, BytePairs
from handgrad.tables.data.tokens import check_tokens, pairs_of
from tests.bad_input.refused import refused
from tests.tables.estimators.verses import VERSE

CODE = "def f(xs):\n    return [x**2 for x in xs if x]  # aaaa aaa aaaaa\n" * 3
CHINESE = "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n" * 5
NAMED = {"verse": VERSE * 4, "code": CODE * 3, "chinese": CHINESE}


def learned(text: str, size: int) -> BytePairs:
    return BytePairs.learned(text, OTHER + "".join(sorted({*text})), size)


def joined_by_hand(word: list[str], pair: tuple[str, str]) -> list[str]:
    """From the left, one after another."""
    out, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def learned_by_hand(text: str, pairs: BytePairs) -> None:
    """Each learned pair is the most frequent one, word by word; it is joined before the next."""
    words = {word: [*word] for word in WORD.findall(text)}
    times = Counter(WORD.findall(text))
    for pair in [(pairs.tokens[a], pairs.tokens[b]) for a, b in pairs.merges]:
        counts = Counter[tuple[str, str]]()
        for word, tokens in words.items():
            for two in pairwise(tokens):
                counts[two] += times[word]
        assert counts[pair] == max(counts.values()) >= FEWEST
        words = {word: joined_by_hand(tokens, pair) for word, tokens in words.items()}
    for word, tokens in words.items():
        assert [pairs.tokens[code] for code in pairs.encode(word)] == tokens


@pytest.mark.parametrize("name", NAMED)
def test_the_most_frequent_pair_becomes_a_token(name: str) -> None:
    text = NAMED[name]
    pairs = learned(text, len({*text}) + 1 + 40)
    assert len(pairs.merges) > 10
    learned_by_hand(text, pairs)


@pytest.mark.parametrize("name", NAMED)
def test_the_tokens_of_a_text_are_its_characters_in_order(name: str) -> None:
    text = NAMED[name]
    pairs = learned(text, len({*text}) + 30)
    codes = pairs.encode(text)
    assert "".join(pairs.tokens[code] for code in codes) == text
    assert len(codes) < 0.8 * len(text)
    assert pairs.lengths[codes].sum() == len(text)
    assert pairs.encode("").tolist() == []


def test_no_token_crosses_the_border_of_a_word_or_has_an_unknown_character() -> None:
    pairs = learned("no no no, no no no", 20)
    assert pairs.tokens == [OTHER, *" ,no", "no", " no"]
    codes = pairs.encode("no noéno")
    assert [pairs.tokens[code] for code in codes] == ["no", " no", OTHER, "no"]
    assert BytePairs.learned("\ufffd\ufffd" * 9, OTHER + "ab", 9).merges == ()


def test_a_run_of_one_letter_is_joined_from_the_left() -> None:
    pairs = BytePairs(OTHER + "ab", ((1, 1),))
    for n in range(1, 8):
        text = "a" * n + "b" + "a" * n
        tokens = [pairs.tokens[code] for code in pairs.encode(text)]
        assert tokens == joined_by_hand([*text], ("a", "a"))


def test_the_longest_token_has_64_characters_however_long_a_run_is() -> None:
    text = ("-" * 5000 + " " * 900 + "a" * 700 + "\n") * 4
    pairs = learned(text, 60)
    assert max(len(token) for token in pairs.tokens) <= 64
    assert "".join(pairs.tokens[code] for code in pairs.encode(text)) == text
    assert pairs_of([[*pair] for pair in pairs.merges], pairs.vocabulary) == pairs


def test_without_pairs_the_tokens_are_characters() -> None:
    pairs = learned(VERSE, 0)
    assert pairs.tokens == [*pairs.vocabulary]
    np.testing.assert_array_equal(pairs.lengths, 1)
    assert pairs.encode(VERSE[:3]).tolist() == [pairs.vocabulary.index(c) for c in VERSE[:3]]


@pytest.mark.parametrize("tokens", [0, 4, 5000, 2.5])
def test_a_number_of_tokens_that_cannot_be_is_refused(tokens: int) -> None:
    with refused(hg.errors.SettingError, f"tokens{' ' if tokens in (0, 2.5) else ''}"):
        check_tokens(tokens, OTHER + "abc")
    check_tokens(5, OTHER + "abc")


@pytest.mark.parametrize(
    "merges",
    [None, "ab", [1], [[1]], [[1, 2, 1]], [[0, 1]], [[1, 3]], [[1, -1]], [[1.0, 2]], [[True, 1]]],
)
def test_merges_that_no_text_leaves_are_none(merges: object) -> None:
    assert pairs_of(merges, OTHER + "ab") is None


def test_merges_of_a_file_are_bounded() -> None:
    doubled = [[1, 2], *([i, i] for i in range(3, 300))]
    pairs = pairs_of(doubled[:6], OTHER + "ab")
    assert pairs is not None
    assert len(pairs.tokens[-1]) == 64
    assert pairs_of(doubled[:7], OTHER + "ab") is None
    assert pairs_of([[1, 2]] * 5000, OTHER + "ab") is None
