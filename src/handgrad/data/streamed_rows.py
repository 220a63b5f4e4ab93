"""Rows of a table as numbers for a net, read piece by piece."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from handgrad.base.errors import DataError
from handgrad.data.files import Table
from handgrad.data.tables import holds_numbers, numbers, row_without_a_number
from handgrad.data.targets import FEWEST_VALUES_OF_A_NUMBER, target_cells
from handgrad.layers import Array
from handgrad.row_source import Rng, RowSource

if TYPE_CHECKING:
    import pyarrow


class TableInChunks(Protocol):
    """A table of which a chunk at a time is in memory, as a `TableStream` is."""

    name: str
    schema: pyarrow.Schema
    notes: tuple[str, ...]
    n_rows: int
    memory: int

    def chunks(
        self, columns: Sequence[str], rng: np.random.Generator | None = None
    ) -> Iterator[Table]: ...
    def split(
        self, share: float, rng: int | np.random.Generator | None = None
    ) -> tuple[Self, Self]: ...
    def sample(self, n: int, rng: Rng = None) -> Self: ...
    def with_target(self, name: str) -> Self: ...


@dataclass(frozen=True)
class StreamedRows(RowSource):
    """Rows of a `TableStream` for `train`, `fit` and `evaluate`: pairs (x, y) in pieces.

    `feature_names` are the columns of x, `target_name` is that of y, and `class_names` are what
    the classes are called, () where a number is predicted.
    """

    table: TableInChunks
    feature_names: tuple[str, ...]
    target_name: str | None
    class_names: tuple[str, ...]
    varied: bool

    @classmethod
    def of(
        cls,
        table: TableInChunks,
        features: Sequence[str],
        target: str | None,
        classes: Sequence[str] | None,
    ) -> Self:
        """All rows of the table; what the target is is found out by reading it once."""
        for name in features:
            if not holds_numbers(table.schema.field(name).type):
                _refuse_text(table, name)
        if target is not None:
            table = _with_target(table, target)
        found = tuple(map(str, classes or ()))
        if target is not None and classes is None:
            found = _classes_of(table, target)
        varied = target is not None and len(found) != 1
        return cls(table, tuple(features), target, found, varied)

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """How many rows there are."""
        return self.table.n_rows

    @property
    def memory(self) -> int:  # type: ignore[override]
        """How many bytes the rows that are under way may take."""
        return self.table.memory

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return self.chunks()

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All rows once, as pairs of x (n, n_features), float32, and y (n,), piece by piece.

        In the order of the files, or the parts of the files in an order drawn by `rng`.
        """
        columns = [*self.feature_names, *([] if self.target_name is None else [self.target_name])]
        for piece in self.table.chunks([*dict.fromkeys(columns)], rng):
            x = np.empty((piece.columns.num_rows, len(self.feature_names)), np.float32)
            for i, name in enumerate(self.feature_names):
                x[:, i] = numbers(piece, name)
            yield x, self._targets(piece)

    def split(
        self, share: float, rng: int | np.random.Generator | None = None
    ) -> tuple[Self, Self]:
        """The rows without about a `share` of them, and that share.

        Which rows those are follows from the number of each row and a seed drawn by `rng` alone.
        """
        others, drawn = self.table.split(share, rng)
        return replace(self, table=others), replace(self, table=drawn)

    def sample(self, n: int, rng: Rng = None) -> tuple[Array, Array]:
        """x and y of n rows drawn at random, in their own order; of all where there are fewer.

        For `hg.Standardize.of`, pictures, and whatever else wants some rows in memory.
        """
        return replace(self, table=self.table.sample(n, rng)).in_memory()

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


def _with_target(table: TableInChunks, target: str) -> TableInChunks:
    found = table.with_target(target)
    for note in found.notes[len(table.notes) :]:
        warnings.warn(f"{table.name}: {note}", stacklevel=4)
    return found


def _refuse_text(table: TableInChunks, name: str) -> None:
    """Refuse a feature that is no number, by the first of its cells that shows it."""
    for piece in table.chunks([name]):
        if row_without_a_number(piece.columns[name]) is not None:
            numbers(piece, name)
    numbers(next(table.chunks([name])), name)


def _classes_of(table: TableInChunks, target: str) -> tuple[str, ...]:
    """The names of the classes in the target, found by reading it; () where it is a number."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    found: Array | None = None
    for piece in table.chunks([target]):
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
