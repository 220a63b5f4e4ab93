"""Row sources: rows that may not fit in memory, read in chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.module import Array

Rng = int | np.random.Generator | None  # a seed or a generator
BATCH = 1024  # rows that net.predict processes at a time
Item = TypeVar("Item")
Rows = TypeVar("Rows")


class RowSource(ABC):
    """`n_rows` rows to train on or to evaluate, in chunks that fit in memory.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    memory : int
        Bytes that rows in memory may take, including copies.
    varied : bool
        Whether the targets differ.
    repeated : bool
        Whether each pass has the same rows.
    """

    n_rows: int
    memory: int
    varied: bool = True
    repeated: bool = True

    @abstractmethod
    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """Iterate over all rows once, as pairs (x, y); `rng` shuffles the chunks."""

    def first_chunk(self) -> tuple[Array, Array]:
        """The first chunk in order."""
        return next(self.chunks())

    def seek(
        self, row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[tuple[Array, Array]]]:
        """Seek to a row: the number of rows skipped, and the chunks after them.

        A source that can skip rows without reading them overrides this method, which resumed and
        distributed trainings use.

        Parameters
        ----------
        row : int
            At most this many rows are skipped.
        rng : Generator, optional
            Shuffles the chunks as in `chunks`.
        """
        return 0, self.chunks(rng)

    def stretch(
        self, begin: int, end: int, rng: np.random.Generator | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Iterate over the rows from `begin` to `end`, in the order of `chunks`.

        Parameters
        ----------
        begin, end : int
            The first row, and the row after the last.
        rng : Generator, optional
            Shuffles the chunks as in `chunks`.
        """
        row, chunks = self.seek(begin, rng)
        for x, y in chunks:
            if row >= end:
                return
            if row + len(y) > begin:
                part = slice(max(0, begin - row), end - row)
                yield x[part], y[part]
            row += len(y)

    def fingerprint(self) -> Iterator[tuple[str, Array]]:
        """Named arrays that identify the rows, for checkpoints: all rows, or a digest of them."""
        for x, y in self.chunks():
            yield from (("x", x), ("y", y))

    def split(self, share: float, rng: Rng = None) -> tuple[Self, Self]:
        """Split off about a fraction `share` of the rows; returns the rest and that fraction."""
        raise SettingError(
            f"{share} of the rows of {type(self).__name__}, which cannot be split",
            "a source that has a method split",
            "validation=…, with separate rows",
        )

    def in_memory(self) -> tuple[Array, Array]:
        """Read all rows into memory, in order."""
        xs, ys = zip(*self.chunks(), strict=True)
        x, y = np.concatenate(xs), np.concatenate(ys)
        if len(y) != self.n_rows:
            raise changed(len(y), self.n_rows)
        return x, y


def changed(rows: int, before: int, where: str = "") -> DataError:
    """The error for a number of rows that changed between two reads."""
    return DataError(
        f"{where}{rows} rows, where there were {before} before",
        "files that do not change while they are read",
        "a copy of the files, or hg.data.open_table again",
    )


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Iterate over the items; a thread computes the next one ahead.

    The caller's thread computes the first: a process that the pool's thread forks, as a DataLoader
    does when it starts, fails as it ends.
    """
    end: Any = object()
    item = next(items, end)
    with ThreadPoolExecutor(1, "reading ahead") as thread:
        while item is not end:
            coming = thread.submit(next, items, end)
            yield item
            del item  # else it would stay in memory while the one after the next is computed
            item = coming.result()


def whole_batches(chunks: Iterator[Rows], join: Callable[[list[Rows]], Rows]) -> Iterator[Rows]:
    """Regroup chunks into multiples of the prediction batch size.

    The last digits of a prediction depend on the number of rows in its batch. `join` copies rows of
    several chunks into one.
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


def refuse_beside_a_stream(data: object, **arguments: object) -> None:
    """Raise a SettingError for arguments that a row source does not support, as `sample_weight`."""
    for name, value in arguments.items() if isinstance(data, RowSource) else ():
        if value is not None and value is not False:
            raise SettingError(
                f"{name} with rows that are streamed",
                "arguments that work chunk by chunk",
                f"leave {name} out; or arrays (x, y), as of rows.in_memory(), if they fit",
            )
