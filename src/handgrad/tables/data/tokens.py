"""Vocabulary of a text, and checks of tokens."""

import numpy as np

from handgrad.files.byte_pairs import FEWEST, OTHER, BytePairs, code_points
from handgrad.files.paths import kind_of
from handgrad.textbook.errors import DataError, SettingError, positive

MOST_CHARACTERS, MOST_TOKENS = 4000, 4096  # of a vocabulary
MOST_JOINED = 64  # characters of a token


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
