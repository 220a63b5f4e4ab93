"""Scores of free text: hashed words and n-grams, weighted by a linear model, in NumPy alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from handgrad.files.features import Column, Encoding, Feature
from handgrad.textbook.layers import Array, Softmax
from handgrad.textbook.layers.encoding import MissingFlag, RobustScale
from handgrad.textbook.net.minibatches import batches

# Characters of a text that are read.
MOST_CHARACTERS = 4000
N_GRAM_SIZES = (3, 4, 5)
# Hash values of words, and as many of character n-grams.
BUCKETS = 2**18
# Multiplier of the polynomial hash, and its inverse modulo 2³².
BASE = np.uint32(0x9E3779B1)
INVERSE = np.uint32(pow(int(BASE), -1, 2**32))
# Largest number of float16.
MOST_WEIGHT = 65504.0
# Texts that are read at once.
AT_ONCE = 512
# Chinese and Japanese are written without blanks: a character counts as a word.
FIRST_IDEOGRAPH, AFTER_IDEOGRAPHS = 0x2E80, 0xA4D0


@dataclass(frozen=True)
class Grams:
    """Counts of hashed words and n-grams in n texts: `count[i]` times `bucket[i]` in `row[i]`."""

    row: Array
    bucket: Array
    count: Array
    n: int

    def weighted(self, known: Array, idf: Array) -> tuple[Array, Array, Array]:
        """Row, place in the sorted buckets `known`, and TF-IDF weight, (n_known_grams,) each.

        TF-IDF is (1 + ln count) idf; the words and the n-grams of a text have length 1 each.
        """
        place = np.searchsorted(known, self.bucket)
        place[place == len(known)] = 0
        is_known = known[place] == self.bucket
        row, place, bucket = (part[is_known] for part in (self.row, place, self.bucket))
        values = (1 + np.log(self.count[is_known])) * idf[place]
        part = 2 * row + (bucket >= BUCKETS)
        squares = np.bincount(part, values**2, 2 * self.n)
        return row, place, values / np.sqrt(squares)[part]


def grams_of(texts: Sequence[str]) -> Grams:
    """Hashed words, pairs of words and n-grams in texts, which become lower case."""
    plain = [f" {' '.join(text[:MOST_CHARACTERS].lower().split())} " for text in texts]
    joined = "".join(plain).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, np.uint32)
    text_of = np.repeat(np.arange(len(plain)), [len(text) for text in plain])
    parts = [*_words(codes, text_of), *_character_n_grams(codes, text_of)]
    rows, buckets = (np.concatenate(part) for part in zip(*parts, strict=True))
    pairs, counts = np.unique(rows * (2 * BUCKETS) + buckets.astype(int), return_counts=True)
    return Grams(pairs // (2 * BUCKETS), pairs % (2 * BUCKETS), counts, len(plain))


def _words(codes: Array, text_of: Array) -> list[tuple[Array, Array]]:
    """Text and bucket of each word, and of each pair of words."""
    kinds, which = np.unique(codes, return_inverse=True)
    in_words = np.array([chr(kind).isalnum() or kind == ord("_") for kind in kinds], bool)[which]
    alone = in_words & (codes >= FIRST_IDEOGRAPH) & (codes < AFTER_IDEOGRAPHS)
    apart = ~in_words | alone
    first = np.flatnonzero(in_words & (alone | np.concatenate([[True], apart[:-1]])))
    last = np.flatnonzero(in_words & (alone | np.concatenate([apart[1:], [True]])))
    powers, inverses = (
        np.cumprod(np.full(len(codes), base), dtype=np.uint32) for base in (BASE, INVERSE)
    )
    sums = np.concatenate([[np.uint32(0)], np.cumsum(codes * inverses, dtype=np.uint32)])
    words = _mixed((sums[last + 1] - sums[first]) * powers[first])
    of_text = text_of[first]
    together = of_text[1:] == of_text[:-1]
    pairs = _mixed(words[:-1] * BASE + words[1:])[together]
    return [(of_text, words % BUCKETS), (of_text[1:][together], pairs % BUCKETS)]


def _character_n_grams(codes: Array, text_of: Array) -> list[tuple[Array, Array]]:
    """Text and bucket of each character n-gram."""
    parts = []
    for size in N_GRAM_SIZES:
        n = max(0, len(codes) - size + 1)
        hashes = np.full(n, size, np.uint32)
        for i in range(size):
            hashes = hashes * BASE + codes[i : i + n]
        inside = text_of[:n] == text_of[len(codes) - n :]
        parts.append((text_of[:n][inside], BUCKETS + _mixed(hashes)[inside] % BUCKETS))
    return parts


def _mixed(hashes: Array) -> Array:
    """Hashes all of whose bits depend on all bits."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        hashes = (hashes ^ (hashes >> np.uint32(shift))) * np.uint32(factor)
    return np.asarray(hashes ^ (hashes >> np.uint32(16)))


@dataclass(frozen=True)
class LinearScores:
    """Linear model of TF-IDF: sorted buckets and idf (m,), weights W (m, k), and bias b (k,).

    Its score is a number or, for two classes, a logit; with more it has the square root of the
    probability of each, since nets learn from their logits, most of which are noise, far less well.
    """

    buckets: Array
    idf: Array
    W: Array
    b: Array

    def scores(self, texts: Array) -> Array:
        """Scores of texts, (n, k); NaN for missing ones. Each distinct text is hashed once."""
        index = {text: i for i, text in enumerate(dict.fromkeys(texts.tolist()))}
        missing = index.get(None, -1)
        distinct = ["" if text is None else text for text in index]
        z = np.empty((len(distinct), len(self.b)))
        for some in batches(len(distinct), AT_ONCE):
            grams = grams_of(distinct[some])
            row, place, values = grams.weighted(self.buckets, self.idf)
            for k, bias in enumerate(self.b):
                z[some, k] = np.bincount(row, values * self.W[place, k], grams.n) + bias
        scores = np.sqrt(Softmax().forward(z)) if len(self.b) > 1 else z
        if missing >= 0:
            scores[missing] = np.nan
        return scores[[index[text] for text in texts.tolist()]]


@dataclass(frozen=True)
class TextScores(Feature):
    """Scores of free text for each class, or of the target, as numbers; 0 if missing.

    Arrays are base64 text: sorted `buckets` (m,) in uint32, `idf` (m,) and `weights` (m, k) in
    float16, and `moments` in float64: bias, center and factor (k,) each. With `marks_missing` a
    missing-value flag follows.
    """

    buckets: str
    idf: str
    weights: str
    moments: str
    marks_missing: bool
    kind = "text"

    @classmethod
    def of(cls, model: LinearScores, scales: Array, *, marks_missing: bool) -> TextScores:
        """Feature of a linear model whose scores have centers and factors `scales` (2, k)."""
        arrays = (
            model.buckets.astype("<u4"),
            model.idf.astype("<f2"),
            model.W.clip(-MOST_WEIGHT, MOST_WEIGHT).astype("<f2"),
            np.stack([model.b, *scales]).astype("<f8"),
        )
        buckets, idf, weights, moments = (base64.b64encode(a.tobytes()).decode() for a in arrays)
        return cls(buckets, idf, weights, moments, marks_missing)

    @cached_property
    def moments_(self) -> Array:
        """Bias, center and factor of each score, (3, k)."""
        return _array(self.moments, "<f8").reshape(3, -1)

    @cached_property
    def model(self) -> LinearScores:
        """Linear model of the texts."""
        k = self.moments_.shape[1]
        buckets, idf = _array(self.buckets, "<u4"), _array(self.idf, "<f2")
        weights = _array(self.weights, "<f2").reshape(-1, k)
        return LinearScores(
            buckets.astype(np.int64), idf.astype(float), weights.astype(float), self.moments_[0]
        )

    def is_possible(self) -> bool:
        """Return True if a fit can produce these arrays."""
        try:
            model, moments = self.model, self.moments_
        except ValueError:
            return False
        m, known = len(model.buckets), model.buckets
        arrays = (model.idf, model.W, moments)
        return bool(
            0 < m == len(model.idf) == len(model.W)
            and (np.diff(known) > 0).all()
            and known[-1] < 2 * BUCKETS
            and all(np.isfinite(array).all() for array in arrays)
            and (model.idf > 0).all()
            and (moments[2] > 0).all()
        )

    @property
    def width(self) -> int:
        return len(self.moments_[0])

    def parsed(self, column: Column) -> Array:
        return self.model.scores(column.values)

    def summary(self) -> str:
        k = self.width
        scores = f"{k} scores" if k > 1 else "a score"
        flag = " + missing-value flag" * self.marks_missing
        return f"free text: {scores} of words and n-grams{flag}"

    def names(self, name: str) -> list[str]:
        k = self.width
        scores = [f"{name}_score"] if k == 1 else [f"{name}_score {i}" for i in range(k)]
        return [*scores, f"{name}_missing"] if self.marks_missing else scores

    def encodings(self, first_code: int) -> list[Encoding]:
        _, centers, factors = self.moments_
        flag: list[Encoding] = [(MissingFlag, (), 1)] * self.marks_missing
        pairs = zip(centers.tolist(), factors.tolist(), strict=True)
        return [*((RobustScale, pair, 1) for pair in pairs), *flag]


def _array(text: str, dtype: str) -> Array:
    return np.frombuffer(base64.b64decode(text, validate=True), dtype)
