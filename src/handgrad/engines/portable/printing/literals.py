"""Numbers as text that comes back to the bit."""

from collections.abc import Iterable

import numpy as np

from handgrad.textbook.layers import Array


def numerals(numbers: Array) -> list[str]:
    """Numbers in as few digits as say which they are, even read as a float64 and rounded then.

    >>> numerals(np.array([0.1, 1.0, -0.0, 3e-8, np.inf], np.float32))
    ['0.1', '1', '-0', '3e-08', 'inf']
    """
    return [numeral(number) for number in numbers.ravel()]


def numeral(number: np.generic) -> str:
    """One number in as few digits as say which it is."""
    if number.dtype != np.float32:
        return repr(number.item()).removesuffix(".0")
    text = str(number)
    if np.isfinite(number) and np.float32(float(text)) != number:
        text = repr(float(number))  # rounded twice it would be another
    return text.removesuffix(".0")


def narrowed(numbers: Array) -> Array:
    """The numbers as float32 where that holds all of them: half the size."""
    with np.errstate(over="ignore"):
        narrow = numbers.astype(np.float32)
    return narrow if np.array_equal(narrow, numbers) else numbers


def wrapped(words: Iterable[str], width: int, indent: str) -> list[str]:
    """Words in lines of at most that width."""
    lines: list[str] = []
    line = ""
    for word in words:
        if line and len(indent) + len(line) + 1 + len(word) > width:
            lines.append(indent + line)
            line = ""
        line += f" {word}" if line else word
    return [*lines, indent + line] if line else lines
