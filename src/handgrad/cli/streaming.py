"""A table that does not fit in memory, as `train` takes it: in pieces, each checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from handgrad.cli.rows import (
    check_finite,
    check_values,
    columns_kept,
    notes_on_columns,
    notes_on_target,
    stem_of,
)
from handgrad.data import TableStream
from handgrad.data.files import Table, located
from handgrad.data.targets import (
    Target,
    Task,
    is_text,
    target_cells,
    target_of,
)
from handgrad.errors import DataError
from handgrad.layers import Array
from handgrad.tabular.streamed import MOST_CLASSES, MOST_HELD_OUT, SAMPLED

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Streamed:
    """A table in pieces, the column to predict, and what is to be said of them.

    `target.values` has each of the classes once, or the lowest and the highest number among others.
    """

    name: str
    table: Prepared
    target: Target
    notes: tuple[str, ...]
    streamed = True

    @property
    def classes(self) -> list[Any]:
        """The classes in order; none for numbers."""
        regression = self.target.task == "regression"
        found: list[Any] = [] if regression else np.unique(self.target.values).tolist()
        return found

    @property
    def column_names(self) -> list[str]:
        """The columns to learn from, and the one to predict."""
        return self.table.names

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows there are, and how many columns to learn from."""
        return self.table.n_rows, len(self.table.names) - 1

    def split(self, test_size: float, seed: int) -> tuple[Prepared, Prepared]:
        """The rows to learn from and those held out, which memory has room for.

        Each row is in or out by its number and the seed; chance alone draws.
        """
        share = min(test_size, self._room() / self.table.n_rows)
        return self.table.split(share, rng=seed)

    def count(self, rows: Any) -> int:
        """How many rows these are."""
        return rows.n_rows

    def located(self, rows: Any) -> Array:
        """Which file each row is in, and which row of it, from 1: (n, 2)."""
        return located(np.concatenate([*rows.numbers()]), self.table.rows_of_files)

    def to_learn(self, rows: Any) -> tuple[Prepared, str]:
        """Rows as the estimators take them: a stream, and the name of the target."""
        return rows, self.target.name

    def to_judge(self, rows: Any) -> tuple[pyarrow.Table, Array]:
        """Features and targets in memory, of a sample where memory has no room for all."""
        room = self._room()
        # Chance may have held out some more than was asked for: all of them are judged.
        table = (rows if rows.n_rows <= 2 * room else rows.sample(room, rng=0)).to_table()
        y = np.asarray(table[self.target.name].to_pylist())
        return table.drop_columns([self.target.name]), y

    def _room(self) -> int:
        first = next(self.table.chunks(self.table.names)).columns
        rows = int(self.table.memory * SAMPLED * first.num_rows / first.nbytes)
        return max(1, min(MOST_HELD_OUT, rows))


class Prepared(TableStream):
    """The features and the target of a table; each piece has the values that `target_of` finds."""

    def __init__(self, table: TableStream, kept: Sequence[str], target: Target) -> None:
        chosen = table.select([*kept, target.name])
        super().__init__(chosen.name, chosen.sources, chosen.memory)
        self.schema, self.target = chosen.schema, target
        self.rules, self.n_rows, self.notes = chosen.rules, chosen.n_rows, chosen.notes

    def chunks(
        self, columns: Sequence[str], rng: np.random.Generator | None = None
    ) -> Iterator[Table]:
        """Those columns of all rows, piece by piece; infinity in one of them is refused."""
        import pyarrow as pa

        name = self.target.name
        for piece in super().chunks(columns, rng):
            check_finite(piece, piece.columns)
            if name in columns:
                i = piece.names.index(name)
                values = pa.array(self._values(piece))
                piece = replace(piece, columns=piece.columns.set_column(i, name, values))
            yield piece

    def with_target(self, name: str) -> Self:
        """Itself, which has been asked for that."""
        return self

    def _values(self, piece: Table) -> Array:
        """As classes or numbers; whether all are whole is seen in all rows, not in some."""
        import pyarrow.types as types

        name, task = self.target.name, self.target.task
        floats = types.is_floating(piece.columns[name].type)
        if task == "classification" and floats and self.target.values.dtype.kind == "U":
            cells = target_cells(piece, name).to_pylist()
            return np.asarray([str(value) for value in cells])
        return target_of(piece, name, task).values


def read_in_pieces(
    data: str, table: TableStream, target: str | None, task: Task | None, ignore: Sequence[str]
) -> Streamed:
    """The rows to learn from; refused where they cannot be learned from."""
    name, kept = columns_kept(data, table.names, table.n_rows, target, ignore)
    table = table.with_target(name)
    found, seen = _target_in(table, name, task)
    check_values(seen.table(), found, np.asarray(seen.counts()))
    prepared = Prepared(table, kept, found)
    first = next(prepared.chunks(kept))
    notes = [*table.notes, *notes_on_target(found, task), *notes_on_columns(first, first.columns)]
    return Streamed(stem_of(data, table.files), prepared, found, tuple(notes))


def _target_in(table: TableStream, name: str, task: Task | None) -> tuple[Target, _Seen]:
    """What the column is as a target, by one pass through it."""
    seen = _Seen(table, name, task)
    for piece in table.chunks([name]):
        if not seen.add(piece):
            break
    found = target_of(seen.table(), name, task)
    if seen.is_full and found.task == "classification":
        raise DataError(
            f"{table.name}: the target {name!r} has more than {MOST_CLASSES:,} classes",
            "classes of which there are many rows each",
            "--task regression, if these are numbers; another --target, if these are names",
        )
    return found, seen


class _Seen:
    """The values of a target, the first ten thousand different ones: how often each comes, and
    where first; of numbers the lowest and the highest too, whatever came before.
    """

    def __init__(self, stream: TableStream, name: str, task: Task | None) -> None:
        self.stream, self.name, self.task = stream, name, task
        self.type: Any = None
        self.values: dict[Any, list[int]] = {}  # how often, and the number of the first row
        self.ends: dict[str, tuple[float, Any, int]] = {}
        self.is_full = False

    def add(self, piece: Table) -> bool:
        """Look at a piece; False where no later one can tell more."""
        import pyarrow as pa

        cells = target_cells(piece, self.name)
        self.type = cells.type
        numbers = self.task == "regression" or not (
            is_text(cells.type) or pa.types.is_boolean(cells.type)
        )
        if numbers:
            self._add_ends(cells, piece)
        if self.is_full:
            return numbers
        encoded = cells.combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy()
        firsts = np.zeros(len(encoded.dictionary), int)
        firsts[codes[::-1]] = np.arange(len(codes))[::-1]
        counts = np.bincount(codes, minlength=len(firsts))
        for value, n, row in zip(encoded.dictionary.to_pylist(), counts, firsts, strict=True):
            if value in self.values:
                self.values[value][0] += int(n)
            elif len(self.values) < MOST_CLASSES:
                self.values[value] = [int(n), int(piece.numbers[row])]
            else:
                self.is_full = True
        return numbers or not self.is_full

    def _add_ends(self, cells: Any, piece: Table) -> None:
        values = target_of(piece, self.name, "regression").values
        for which, row in (("lowest", int(values.argmin())), ("highest", int(values.argmax()))):
            value, before = float(values[row]), self.ends.get(which)
            if before is None or (value < before[0] if which == "lowest" else value > before[0]):
                self.ends[which] = value, cells[row].as_py(), int(piece.numbers[row])

    def _rows(self) -> list[tuple[Any, int, int]]:
        """Value, count and number of a row for each; those at the ends that are not among them."""
        among = [(value, n, row) for value, (n, row) in self.values.items()]
        ends = [(value, 2, row) for _, value, row in self.ends.values()]
        return [*among, *(end for end in ends if end[0] not in self.values)]

    def counts(self) -> list[int]:
        """How often each value of `table` comes."""
        return [n for _, n, _ in self._rows()]

    def table(self) -> Table:
        """A table with a row for each value, where it stands first."""
        import pyarrow as pa

        rows = self._rows()
        values = pa.table({self.name: pa.array([value for value, _, _ in rows], self.type)})
        numbers = np.asarray([row for _, _, row in rows])
        return Table(
            self.stream.name, self.stream.files, self.stream.rows_of_files, values, numbers
        )
