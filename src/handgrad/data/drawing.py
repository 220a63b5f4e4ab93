"""Rows drawn by their numbers: the same ones, whatever the others are and in whatever order."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from handgrad.layers import Array

BLOCK = 2**18  # rows that are numbered at once


@dataclass(frozen=True)
class Drawn:
    """A rule that draws some of all rows: those whose number, mixed, is `last` or less.

    A row is drawn or not whatever the others are and in whatever order they come; `inside`:
    whether those that are drawn are meant, or the others.
    """

    seed: int
    last: int
    inside: bool

    def of(self, numbers: Array) -> Array:
        """Which of the rows of these numbers are meant, (n,) of truth values."""
        found: Array = (mixed(self.seed, numbers) <= self.last) == self.inside
        return found


@dataclass(frozen=True)
class Without:
    """A rule that leaves out the rows of these `left_out` numbers, in ascending order."""

    left_out: Array

    def of(self, numbers: Array) -> Array:
        """Which of the rows of these numbers are meant, (n,) of truth values."""
        places = np.searchsorted(self.left_out, numbers).clip(max=len(self.left_out) - 1)
        found: Array = self.left_out[places] != numbers
        return found


def smallest(seed: int, numbers: Iterable[Array], n: int) -> Array:
    """The n smallest of the rows' mixed numbers, in order; all where there are fewer."""
    found = np.zeros(0, np.uint64)
    for some in numbers:
        found = np.concatenate([found, mixed(seed, some)])
        if len(found) > n:
            found = np.partition(found, n - 1)[:n]
    return np.sort(found)


def mixed(seed: int, numbers: Array) -> Array:
    """A number below 2⁶⁴ for the number of each row, as good as random: splitmix64."""
    z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))
