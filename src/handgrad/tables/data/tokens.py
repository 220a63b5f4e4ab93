"""Tokens of a text: its characters, and pieces of words by byte-pair encoding."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from handgrad.files.paths import kind_of
from handgrad.tables.data.texts import code_points
from handgrad.textbook.errors import DataError, SettingError, positive
from handgrad.textbook.layers import Array

# Stands for every unknown character in the vocabulary.
OTHER = "\ufffd"
FEWEST = 4  # times that a character or a pair occurs in the text
MOST_CHARACTERS, MOST_TOKENS = 4000, 4096  # of a vocabulary
MOST_JOINED = 64  # characters of a token
# A word and the space before it, or signs, or space: no token reaches from one into the next.
WORD = re.compile(r" ?\w{1,63}| ?[^\w\s]{1,63}|\s{1,64}")


def codes_of(text: str, vocabulary: str) -> Array:
    """Encode a text as indices into the vocabulary; 0 for unknown characters."""
    characters, points = code_points(vocabulary)[1:], code_points(text)
    indices = np.searchsorted(characters, points).clip(max=len(characters) - 1)
    codes: Array = np.where(characters[indices] == points, indices + 1, 0)
    return codes


def longer(text: str) -> str:
    """Hint for a text that is too short, and may be the name of a file."""
    named = kind_of(text) == "file"
    return "pathlib.Path(text), to read the file" if named else "a longer text"


def is_vocabulary(characters: str) -> bool:
    """Return True for the unknown character, then at least two others, sorted."""
    members = [*characters[1:]]
    return characters[:1] == OTHER and len(members) > 1 and members == sorted({*members} - {OTHER})


def vocabulary_of(text: str) -> tuple[str, list[int]]:
    """Vocabulary of a text, sorted after the unknown character, and the frequencies."""
    points, counts = np.unique(code_points(text), return_counts=True)
    if len(points) < 2:
        raise DataError(
            f"a text with one distinct character, {text[0]!r}" if text else "an empty text",
            "at least two distinct characters",
            "another text",
        )
    valid = (points != ord(OTHER)) & ((points < 0xD800) | (points > 0xDFFF))
    common = np.sort(np.argsort(-counts * valid, kind="stable")[:MOST_CHARACTERS])
    common = common[valid[common] & (counts[common] >= FEWEST)]
    if len(common) < 2:
        raise DataError(
            f"a text of {len(text):,} characters, {len(common)} of them at least {FEWEST} times",
            "at least two such characters",
            longer(text),
        )
    frequencies = counts[common]
    vocabulary = OTHER + "".join(map(chr, points[common].tolist()))
    return vocabulary, [len(text) - int(frequencies.sum()), *frequencies.tolist()]


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
        codes = _codes_of_words([*words], vocabulary)
        times = np.repeat([*words.values()], [len(word) + 1 for word in words])
        merges: list[tuple[int, int]] = []
        while (new := len(vocabulary) + len(merges)) < size:
            first, second = codes[:-1], codes[1:]
            inside = (first > 0) & (second > 0)
            counts = np.bincount((first * size + second)[inside], times[:-1][inside])
            if not counts.size or counts.max() < FEWEST:
                break
            pair = divmod(int(counts.argmax()), size)
            codes, kept = _joined(codes, pair, new)
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
        if not self.merges:
            return codes_of(text, self.vocabulary)
        matches = WORD.findall(text)
        words = dict.fromkeys(matches)  # each distinct word is encoded once
        codes = _codes_of_words([*words], self.vocabulary)
        for new, pair in enumerate(self.merges, len(self.vocabulary)):
            codes, _ = _joined(codes, pair, new)
        pieces = np.split(codes, np.flatnonzero(codes == -1) + 1)
        of_word = {word: piece[:-1] for word, piece in zip(words, pieces, strict=False)}
        return np.concatenate([np.empty(0, np.int64), *(of_word[word] for word in matches)])


def _codes_of_words(words: list[str], vocabulary: str) -> Array:
    """Character codes of words, each followed by −1, which is in no pair."""
    ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
    codes = codes_of("".join(word + OTHER for word in words), vocabulary).astype(np.int64)
    codes[ends] = -1
    return codes


def _joined(codes: Array, pair: tuple[int, int], new: int) -> tuple[Array, Array]:
    """Codes with `new` in place of each pair, from the left; and which of them are kept, (t,)."""
    places = np.flatnonzero((codes[:-1] == pair[0]) & (codes[1:] == pair[1]))
    if pair[0] == pair[1]:  # "aaa" has one pair of a: of adjacent places each second one counts
        number = np.arange(len(places))
        begins = np.append(True, np.diff(places) > 1)[: len(places)]
        places = places[(number - np.maximum.accumulate(np.where(begins, number, 0))) % 2 == 0]
    codes, kept = codes.copy(), np.ones(len(codes), bool)
    codes[places], kept[places + 1] = new, False
    return codes[kept], kept


def pairs_of(merges: object, vocabulary: str) -> BytePairs | None:
    """Byte-pair encoding with the merges that a file has; None if no text leaves them."""
    if not isinstance(merges, list) or len(vocabulary) + len(merges) > MOST_TOKENS:
        return None
    lengths, joined = [1] * len(vocabulary), list[tuple[int, int]]()
    for pair in merges:
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        if not all(type(code) is int and 0 < code < len(lengths) for code in pair):
            return None
        lengths.append(lengths[pair[0]] + lengths[pair[1]])
        if lengths[-1] > MOST_JOINED:  # a short file could name tokens that fill the memory
            return None
        joined.append((pair[0], pair[1]))
    return BytePairs(vocabulary, tuple(joined))


def check_tokens(tokens: int, vocabulary: str) -> None:
    """Refuse a number of tokens that leaves none for pairs, or is too large."""
    positive("tokens", tokens, whole=True)
    n = len(vocabulary)
    if not n < tokens <= MOST_TOKENS:
        raise SettingError(
            f"tokens={tokens}, for a text with {n - 1} distinct characters",
            f"more tokens than characters, at most {MOST_TOKENS}",
            f"tokens={min(2 * n, MOST_TOKENS)}" if n < MOST_TOKENS // 2 else "without tokens",
        )
