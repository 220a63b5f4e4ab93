"""Rows of a table as numbers for a net, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from handgrad.data.files import Table
from handgrad.data.tables import holds_numbers, numbers, row_without_a_number
from handgrad.data.targets import FEWEST_VALUES_OF_A_NUMBER, target_cells
from handgrad.errors import DataError, between_0_and_1, positive
from handgrad.initializers import spawning_generator
from handgrad.layers import Array
from handgrad.training import RowStream

if TYPE_CHECKING:
    import pyarrow

    from handgrad.data.table_stream import TableStream

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

    def of(self, first: int, n: int) -> Array:
        """Which of the n rows from `first` on are meant, (n,) of truth values."""
        found: Array = (mixed(self.seed, first, n) <= self.last) == self.inside
        return found


def mixed(seed: int, first: int, n: int) -> Array:
    """A number below 2⁶⁴ for each of n rows from `first` on, as good as random: splitmix64."""
    z = np.arange(first, first + n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


@dataclass(frozen=True)
class StreamedRows(RowStream):
    """Rows of a `TableStream` for `train`, `fit` and `evaluate`: pairs (x, y) in pieces.

    `feature_names` are the columns of x, `target_name` is that of y, and `class_names` are what
    the classes are called, () where a number is predicted.
    """

    table: TableStream
    feature_names: tuple[str, ...]
    target_name: str | None
    class_names: tuple[str, ...]
    n_rows: int
    varied: bool
    rules: tuple[Drawn, ...] = ()

    @classmethod
    def of(
        cls,
        table: TableStream,
        features: Sequence[str],
        target: str | None,
        classes: Sequence[str] | None,
    ) -> Self:
        """All rows of the table; what the target is is found out by reading it once."""
        for name in features:
            if not holds_numbers(table.schema.field(name).type):
                _refuse_text(table, name)
        found = tuple(map(str, classes or ()))
        if target is not None and classes is None:
            found = _classes_of(table, target)
        varied = target is not None and len(found) != 1
        return cls(table, tuple(features), target, found, table.n_rows, varied)

    @property
    def memory(self) -> int:  # type: ignore[override]
        """How many bytes the rows that are under way may take."""
        return self.table.memory

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return self.pieces()

    def pieces(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once, as pairs of x (n, n_features), float32, and y (n,), piece by piece.

        In the order of the files, or the parts of the files in an order drawn by `rng`.
        """
        columns = [*self.feature_names, *([] if self.target_name is None else [self.target_name])]
        for piece in self.table.pieces([*dict.fromkeys(columns)], rng):
            kept = self._kept(piece.first, piece.columns.num_rows)
            if kept.any():
                x = np.empty((int(kept.sum()), len(self.feature_names)), np.float32)
                for i, name in enumerate(self.feature_names):
                    x[:, i] = numbers(piece, name)[kept]
                yield x, self._targets(piece)[kept]

    def split(self, share: float, rng: Any = None) -> tuple[Self, Self]:
        """The rows without about a `share` of them, and that share.

        Which rows those are follows from the number of each row and a seed drawn by `rng` alone.
        """
        between_0_and_1("share", share)
        seed = int(spawning_generator(rng).integers(2**63))
        both = [
            replace(self, rules=(*self.rules, Drawn(seed, int(share * 2**64) - 1, inside)))
            for inside in (False, True)
        ]
        others, drawn = (replace(rows, n_rows=rows._counted()) for rows in both)
        if not others.n_rows or not drawn.n_rows:
            raise DataError(
                f"{self.n_rows} rows cannot be split with {share:g} of them set aside",
                "enough rows for both sides",
                "more rows, or another share",
            )
        return others, drawn

    def sample(self, n: int, rng: Any = None) -> tuple[Array, Array]:
        """x and y of n rows drawn at random, in their own order; of all where there are fewer.

        For `hg.Standardize.of`, pictures, and whatever else wants some rows in memory.
        """
        positive("n", n, whole=True)
        seed = int(spawning_generator(rng).integers(2**63))
        smallest = np.zeros(0, np.uint64)
        for first, kept in self._blocks():
            smallest = np.concatenate([smallest, mixed(seed, first, len(kept))[kept]])
            if len(smallest) > n:
                smallest = np.partition(smallest, n - 1)[:n]
        drawn = Drawn(seed, int(smallest.max()), True)
        return replace(self, rules=(*self.rules, drawn)).in_memory()

    def _counted(self) -> int:
        return sum(int(kept.sum()) for _, kept in self._blocks())

    def _blocks(self) -> Iterator[tuple[int, Array]]:
        """All row numbers, some at a time: the first, and which of them belong to these rows."""
        for first in range(0, self.table.n_rows, BLOCK):
            yield first, self._kept(first, min(BLOCK, self.table.n_rows - first))

    def _kept(self, first: int, n: int) -> Array:
        kept = np.ones(n, bool)
        for rule in self.rules:
            kept &= rule.of(first, n)
        return kept

    def _targets(self, piece: Table) -> Array:
        if self.target_name is None:
            return np.zeros(piece.columns.num_rows)
        cells = target_cells(piece, self.target_name)
        if not self.class_names:
            return np.asarray(cells.to_numpy(), np.float64)
        y = _places(cells, self.class_names)
        if (y < 0).any():
            row = int(np.flatnonzero(y < 0)[0])
            raise DataError(
                f"{piece.source}: the target {self.target_name!r} is {cells[row].as_py()!r} in "
                f"{piece.place(row)}",
                f"one of the classes {', '.join(self.class_names[:20])}",
                "the classes that the net is trained on",
            )
        return y


def _refuse_text(table: TableStream, name: str) -> None:
    """Refuse a feature that is no number, by the first of its cells that shows it."""
    for piece in table.pieces([name]):
        if row_without_a_number(piece.columns[name]) is not None:
            numbers(piece, name)
    numbers(next(table.pieces([name])), name)


def _classes_of(table: TableStream, target: str) -> tuple[str, ...]:
    """The names of the classes in the target, found by reading it; () where it is a number."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    found: Array | None = None
    for piece in table.pieces([target]):
        cells = target_cells(piece, target)
        if types.is_floating(cells.type):
            continue
        if found is not None and len(found) == 0:
            continue
        values = np.asarray(pc.unique(cells).to_pylist())
        found = np.unique(values if found is None else np.concatenate([found, values]))
        if types.is_integer(cells.type) and len(found) >= FEWEST_VALUES_OF_A_NUMBER:
            found = found[:0]
    return () if found is None else tuple(map(str, found))


def _places(cells: pyarrow.ChunkedArray, names: Sequence[str]) -> Array:
    """The place of each cell among the names of the classes, −1 where it is none of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = pc.unique(cells)
    texts = [str(value) for value in kinds.to_pylist()]
    place = {name: i for i, name in enumerate(names)}
    of_kind = np.array([place.get(text, -1) for text in texts], np.int64)
    found: Array = of_kind[pc.index_in(cells, pa.array(kinds)).to_numpy()]
    return found
