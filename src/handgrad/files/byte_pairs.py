"""Byte-pair encoding of texts as tokens: characters, and pieces of words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from handgrad.textbook.layers import Array

CODE_POINTS = "utf-32-le"
# Stands for every unknown character in the vocabulary.
OTHER = "\ufffd"
FEWEST = 4  # times that a character or a pair occurs in the text
# A word and the space before it, or signs, or space: no token reaches from one into the next.
WORD = re.compile(r" ?\w{1,63}| ?[^\w\s]{1,63}|\s{1,64}")


def code_points(text: str) -> Array:
    """Unicode code points of a text, (t,) uint32."""
    return np.frombuffer(text.encode(CODE_POINTS, "surrogatepass"), "<u4")


def codes_of(text: str, vocabulary: str) -> Array:
    """Encode a text as indices into the vocabulary; 0 for unknown characters."""
    characters, points = code_points(vocabulary)[1:], code_points(text)
    indices = np.searchsorted(characters, points).clip(max=len(characters) - 1)
    codes: Array = np.where(characters[indices] == points, indices + 1, 0)
    return codes


@dataclass(frozen=True)
class BytePairs:
    """Byte-pair encoding: frequent pairs of adjacent tokens become tokens of their own.

    The first tokens are the characters of `vocabulary`; each of `merges` is the pair of earlier
    tokens that the next token joins. A text is cut into words, each with the space before it, into
    runs of other signs, and of space. Each of these begins as its characters; then the pairs are
    joined, in the order in which they were learned. No pair has the unknown character.

    Source: Gage, "A new algorithm for data compression", 1994; for words: Sennrich, Haddow, Birch,
    "Neural machine translation of rare words with subword units", 2016.

    >>> pairs = BytePairs.learned("the cat, the hat, the rat; " * 2, "\\ufffd ,;acehrt", 14)
    >>> pairs.tokens[10:]
    ['at', 'he', 'the', ' the']
    >>> [pairs.tokens[code] for code in pairs.encode("the bat")]
    ['the', ' ', '\\ufffd', 'at']
    """

    vocabulary: str
    merges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def learned(cls, text: str, vocabulary: str, size: int) -> Self:
        """Learn pairs from a text, the most frequent one first, up to `size` tokens in all.

        Fewer tokens are learned if no further pair occurs 4 times.
        """
        words = Counter(WORD.findall(text))
        codes = codes_of_words([*words], vocabulary)
        times = np.repeat([*words.values()], [len(word) + 1 for word in words])
        merges: list[tuple[int, int]] = []
        while (new := len(vocabulary) + len(merges)) < size:
            first, second = codes[:-1], codes[1:]
            inside = (first > 0) & (second > 0)
            counts = np.bincount((first * size + second)[inside], times[:-1][inside])
            if not counts.size or counts.max() < FEWEST:
                break
            pair = divmod(int(counts.argmax()), size)
            codes, kept = joined(codes, pair, new)
            times = times[kept]
            merges.append(pair)
        return cls(vocabulary, tuple(merges))

    @property
    def kind(self) -> str:
        """Name of the tokens in messages."""
        return "tokens" if self.merges else "characters"

    @cached_property
    def tokens(self) -> list[str]:
        """Text of each token."""
        tokens = [*self.vocabulary]
        for first, second in self.merges:
            tokens.append(tokens[first] + tokens[second])
        return tokens

    @cached_property
    def lengths(self) -> Array:
        """Characters of each token, (n_tokens,)."""
        return np.array([len(token) for token in self.tokens])

    def encode(self, text: str) -> Array:
        """Encode a text as tokens, (t,) int64; unknown characters are 0."""
        return encoded(text, self.vocabulary, self.merges)


def codes_of_words(words: list[str], vocabulary: str) -> Array:
    """Character codes of words, each followed by −1, which is in no pair."""
    ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
    codes = codes_of("".join(word + OTHER for word in words), vocabulary).astype(np.int64)
    codes[ends] = -1
    return codes


def joined(codes: Array, pair: tuple[int, int], new: int) -> tuple[Array, Array]:
    """Codes with `new` in place of each pair, from the left; and which of them are kept, (t,)."""
    places = np.flatnonzero((codes[:-1] == pair[0]) & (codes[1:] == pair[1]))
    if pair[0] == pair[1]:  # "aaa" has one pair of a: of adjacent places each second one counts
        number = np.arange(len(places))
        begins = np.append(True, np.diff(places) > 1)[: len(places)]
        places = places[(number - np.maximum.accumulate(np.where(begins, number, 0))) % 2 == 0]
    codes, kept = codes.copy(), np.ones(len(codes), bool)
    codes[places], kept[places + 1] = new, False
    return codes[kept], kept


def encoded(text: str, vocabulary: str, merges: Sequence[tuple[int, int]]) -> Array:
    """Encode a text as tokens, (t,) int64; unknown characters are 0."""
    if not merges:
        return codes_of(text, vocabulary)
    matches = WORD.findall(text)
    words = dict.fromkeys(matches)  # each distinct word is encoded once
    codes = codes_of_words([*words], vocabulary)
    for new, pair in enumerate(merges, len(vocabulary)):
        codes, _ = joined(codes, pair, new)
    pieces = np.split(codes, np.flatnonzero(codes == -1) + 1)
    of_word = {word: piece[:-1] for word, piece in zip(words, pieces, strict=False)}
    return np.concatenate([np.empty(0, np.int64), *(of_word[word] for word in matches)])
