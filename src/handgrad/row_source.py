"""Rows that do not fit in memory: handed out piece by piece, one read ahead of the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from handgrad.errors import SettingError
from handgrad.layers import Array

BATCH = 1024  # rows, that net.predict takes at a time
Item = TypeVar("Item")
Rows = TypeVar("Rows")


class RowSource(ABC):
    """Rows to train on or to look at, `n_rows` of them, in pieces that fit in memory.

    `memory`: how many bytes the rows that are under way may take, all copies of them together.
    `varied`: whether there is more than one target among them.
    """

    n_rows: int
    memory: int
    varied: bool = True

    @abstractmethod
    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once, as pairs (x, y): in their order, or the pieces in one drawn by `rng`."""

    @abstractmethod
    def split(self, share: float, rng: Any = None) -> tuple[Self, Self]:
        """The rows without about a `share` of them, and that share."""

    def in_memory(self) -> tuple[Array, Array]:
        """All rows, in their own order."""
        xs, ys = zip(*self.chunks(), strict=True)
        return np.concatenate(xs), np.concatenate(ys)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Hand on the items; while one is looked at, a thread makes the next."""
    end: Any = object()
    with ThreadPoolExecutor(1, "reading ahead") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item
            del item  # else it would still be there while the one after the next is made


def whole_batches(pieces: Iterator[Rows], join: Callable[[list[Rows]], Rows]) -> Iterator[Rows]:
    """The same rows in chunks of whole batches of a prediction, counted from the first row on.

    The last digits of a row's prediction depend on how many rows there are beside it. `join` makes
    a copy of the rows of several pieces.
    """
    left: Any = None
    for piece in pieces:
        rows: Any = piece
        if left is not None and len(left):
            missing = BATCH - len(left)
            left, rows = join([left, rows[:missing]]), rows[missing:]
            if len(left) < BATCH:
                continue
            yield left
        if whole := len(rows) // BATCH * BATCH:
            yield rows[:whole]
        left = join([rows[whole:]])
    if len(left):
        yield left


def refuse_beside_a_stream(**given: Any) -> None:
    """Refuse what needs all rows in memory: `refuse_beside_a_stream(sample_weight=w)`."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise SettingError(
                f"{name} beside rows that are streamed",
                "what can be done piece by piece",
                f"leave {name} out; or x, y = rows.in_memory(), where memory has room for them",
            )
