"""Row sources: rows that may not fit in memory, handed out in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.module import Array

Rng = int | np.random.Generator | None  # a seed, or what numbers are drawn from
BATCH = 1024  # rows, that net.predict takes at a time
Item = TypeVar("Item")
Rows = TypeVar("Rows")


class RowSource(ABC):
    """`n_rows` rows to train on or to evaluate, in chunks that fit in memory.

    `memory`: how many bytes the rows that are under way may take, all copies of them together.
    `varied`: whether there is more than one target among them.
    """

    n_rows: int
    memory: int
    varied: bool = True

    @abstractmethod
    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once, as pairs (x, y): in their order, or chunks in one drawn by `rng`."""

    def seek(
        self, row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[tuple[Array, Array]]]:
        """The last of those chunks, from one on that is not after `row`, counted from 0.

        And how many rows come before them. A source that finds a row without reading all before
        it says here how: a training that is resumed, or shared by workers, reads from there on.
        """
        return 0, self.chunks(rng)

    def stretch(
        self, begin: int, end: int, rng: np.random.Generator | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """The rows `begin` to `end` of those that `chunks` hands out, in the same order."""
        row, chunks = self.seek(begin, rng)
        for x, y in chunks:
            if row >= end:
                return
            if row + len(y) > begin:
                part = slice(max(0, begin - row), end - row)
                yield x[part], y[part]
            row += len(y)

    def fingerprint(self) -> Iterator[tuple[str, Array]]:
        """Arrays with names that tell these rows from others: all, or what stands for them."""
        for x, y in self.chunks():
            yield from (("x", x), ("y", y))

    def split(self, share: float, rng: Rng = None) -> tuple[Self, Self]:
        """The rows without about a `share` of them, and that share."""
        raise SettingError(
            f"{share} of the rows of {type(self).__name__}, which cannot be split",
            "a source that has a method split",
            "validation=…, rows of their own",
        )

    def in_memory(self) -> tuple[Array, Array]:
        """All rows, in their own order."""
        xs, ys = zip(*self.chunks(), strict=True)
        x, y = np.concatenate(xs), np.concatenate(ys)
        if len(y) != self.n_rows:
            raise changed(len(y), self.n_rows)
        return x, y


def changed(rows: int, before: int, where: str = "") -> DataError:
    """What is raised where there are more rows than before, or fewer."""
    return DataError(
        f"{where}{rows} rows, where there were {before} before",
        "files that stay as they are while they are read",
        "a copy of the files, or hg.data.open_table again",
    )


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Hand on the items; while one is looked at, a thread makes the next."""
    end: Any = object()
    with ThreadPoolExecutor(1, "reading ahead") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item
            del item  # else it would still be there while the one after the next is made


def whole_batches(chunks: Iterator[Rows], join: Callable[[list[Rows]], Rows]) -> Iterator[Rows]:
    """The same rows in whole batches of a prediction, counted from the first row on.

    The last digits of a row's prediction depend on how many rows there are beside it. `join` makes
    a copy of the rows of several chunks.
    """
    left: Any = None
    for chunk in chunks:
        rows: Any = chunk
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


def refuse_beside_a_stream(data: object, **given: object) -> None:
    """Refuse what needs all rows in memory, where `data` is a source: `sample_weight=w`, say."""
    for name, value in given.items() if isinstance(data, RowSource) else ():
        if value is not None and value is not False:
            raise SettingError(
                f"{name} beside rows that are streamed",
                "what can be done chunk by chunk",
                f"leave {name} out; or x, y = rows.in_memory(), where memory has room for them",
            )
