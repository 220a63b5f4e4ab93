"""The vocabulary of a language model: the letters of a text that come often, and their codes."""

import numpy as np

from handgrad.files.paths import kind_of
from handgrad.tables.data.texts import code_points
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# What stands in the vocabulary for every letter that is not in it.
OTHER = "\ufffd"
FEWEST, MOST_LETTERS = 4, 4000  # how often a letter must stand in the text; how many there may be


def codes_of(text: str, vocabulary: str) -> Array:
    """The letters of a text by their places in the vocabulary; 0 for those that are not in it."""
    letters, points = code_points(vocabulary)[1:], code_points(text)
    places = np.searchsorted(letters, points).clip(max=len(letters) - 1)
    codes: Array = np.where(letters[places] == points, places + 1, 0)
    return codes


def longer(text: str) -> str:
    """What to try where a text is too short, which may be the name of a file."""
    named = kind_of(text) == "file"
    return "pathlib.Path(text), for that of the file" if named else "a longer text"


def is_vocabulary(letters: str) -> bool:
    """Whether it is one: that for all others, then two or more in Unicode's order."""
    known = [*letters[1:]]
    return letters[:1] == OTHER and len(known) > 1 and known == sorted({*known} - {OTHER})


def letters_of(text: str) -> tuple[str, list[int]]:
    """The vocabulary of a text, in Unicode's order behind the letter for all others; its counts."""
    points, counts = np.unique(code_points(text), return_counts=True)
    if len(points) < 2:
        raise DataError(
            f"a text of one letter only, {text[0]!r}" if text else "a text without a letter",
            "two different letters at least",
            "another text",
        )
    valid = (points != ord(OTHER)) & ((points < 0xD800) | (points > 0xDFFF))
    common = np.sort(np.argsort(-counts * valid, kind="stable")[:MOST_LETTERS])
    common = common[valid[common] & (counts[common] >= FEWEST)]
    if len(common) < 2:
        raise DataError(
            f"a text of {len(text):,} letters, of which {len(common)} come {FEWEST} times or more",
            "two such letters at least",
            longer(text),
        )
    known = counts[common]
    vocabulary = OTHER + "".join(map(chr, points[common].tolist()))
    return vocabulary, [len(text) - int(known.sum()), *known.tolist()]
