"""Tables in chunks: a table in files of which a chunk at a time is in memory, and its rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.engines.streams import Rng, RowSource
from handgrad.tables.data.files import (
    Location,
    Part,
    Table,
    TableFile,
    check_columns,
    joined,
    listed,
    notes_together,
    place_of,
)
from handgrad.tables.data.table_options import DateOrder
from handgrad.tables.data.targets import (
    FEWEST_VALUES_OF_A_NUMBER,
    as_numbers,
    is_text,
    left_out,
    missing_targets,
    refuse_missing_target,
    refuse_mixed,
    target_cells,
)
from handgrad.tables.data.text_formats import read_as
from handgrad.textbook.errors import DataError, between_0_and_1, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator

BLOCK = 2**18  # row numbers generated at once
# Fraction of the memory for the numbers of rows without a target.
NUMBERED = 1 / 64


@dataclass(frozen=True, eq=False, repr=False)
class TableStream:
    """Table in files, larger than memory: one chunk at a time is read.

    Iteration yields pyarrow tables, in the order of the files, any number of times. `n_rows` is the
    number of rows, `columns` has the type of each column by name. Made by `hg.data.open_table`.

    Parameters
    ----------
    name : str
        Name in messages.
    sources : tuple of TableFile
        Files, each divided into parts.
    memory : int
        Memory of the process in all, in bytes.
    schema : pyarrow.Schema
        Names and types of the columns.
    notes : tuple of str
        Notes on the inferred format.
    rows_of_parts : array, (n_parts,)
        Number of selected rows in each part.
    rules : tuple of functions, default ()
        Masks that select rows by their numbers.
    changes : tuple of functions, default ()
        Transformations applied to each chunk.
    complete : frozenset of str, default frozenset()
        Columns without missing values.
    """

    name: str
    sources: tuple[TableFile, ...]
    memory: int
    schema: pa.Schema
    notes: tuple[str, ...]
    rows_of_parts: Array
    rules: tuple[partial[Array], ...] = ()
    changes: tuple[Callable[[Table], Table], ...] = ()
    complete: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str, sources: Sequence[TableFile], memory: int) -> Self:
        """All rows of these files, as a stream."""
        files = [source.path for source in sources]
        schema = joined([source.schema for source in sources], files)
        notes = notes_together(files, [source.notes for source in sources])
        rows = np.array([part.n_rows for source in sources for part in source.parts], int)
        return cls(name, tuple(sources), memory, schema, notes, rows)

    @cached_property
    def files(self) -> tuple[Location, ...]:
        """Paths of the files."""
        return tuple(source.path for source in self.sources)

    @cached_property
    def parts(self) -> list[tuple[TableFile, Part]]:
        """The parts of all files, each with its file."""
        return [(source, part) for source in self.sources for part in source.parts]

    @cached_property
    def rows_of_files(self) -> tuple[int, ...]:
        """Number of rows of each file."""
        return tuple(sum(part.n_rows for part in source.parts) for source in self.sources)

    @cached_property
    def n_rows(self) -> int:
        """Number of rows of the stream."""
        return int(self.rows_of_parts.sum())

    @property
    def date_order(self) -> DateOrder | None:
        """The order of day and month in the first file that has one."""
        return next(filter(None, (source.date_order for source in self.sources)), None)

    def __repr__(self) -> str:
        files = "" if len(self.files) == 1 else f" in {len(self.files)} files"
        return f"<TableStream: {self.name}, {self.n_rows} rows{files}, {listed(self.names)}>"

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.schema.names
        return names

    @property
    def columns(self) -> dict[str, str]:
        """The type of each column, as pyarrow calls it."""
        return {field.name: str(field.type) for field in self.schema}

    def __iter__(self) -> Iterator[pa.Table]:
        return (chunk.columns for chunk in self.chunks(self.names))

    def chunks(
        self, columns: Sequence[str], rng: np.random.Generator | None = None
    ) -> Iterator[Table]:
        """Iterate over all rows, in chunks with these columns.

        The order is that of the files; with `rng` the parts are shuffled. Parts are row groups of
        Parquet files, small ones merged, and blocks of CSV files.
        """
        return self.seek(columns, 0, rng)[1]

    def seek(
        self, columns: Sequence[str], row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[Table]]:
        """Skip to the part that contains a row, without reading anything.

        Parameters
        ----------
        columns : sequence of str
            Columns to read.
        row : int
            Row to continue from.
        rng : Generator, optional
            Source of the order of the parts; that of the files if not given.

        Returns
        -------
        tuple of int and iterator of Table
            Number of rows skipped, and the chunks from there on.
        """
        n = len(self.parts)
        order = np.arange(n) if rng is None else rng.permutation(n)
        ends = np.cumsum(self.rows_of_parts[order])
        begun = int(np.searchsorted(ends, row, side="right"))
        before = int(ends[begun - 1]) if begun else 0
        return before, self._read(columns, order[begun:].tolist())

    def _read(self, columns: Sequence[str], parts: Sequence[int]) -> Iterator[Table]:
        firsts = np.cumsum([0, *(part.n_rows for _, part in self.parts)])
        for i in parts:
            (source, part), first = self.parts[i], int(firsts[i])
            if not self.rows_of_parts[i]:
                continue
            for table in source.read(part, columns, self.schema):
                numbers = np.arange(first, first + table.num_rows)
                first += table.num_rows
                if self.rules:
                    selected = self._kept(numbers)
                    table, numbers = table.filter(selected), numbers[selected]
                if len(numbers):
                    chunk = Table(self.name, self.files, self.rows_of_files, table, numbers)
                    for change in self.changes:
                        chunk = change(chunk)
                    yield chunk

    def fingerprint(self) -> Iterator[tuple[str, Array]]:
        """Fingerprint of the selected rows, without reading them.

        Footers of Parquet files with their statistics, checksums of CSV files from the first scan,
        the parts, and the rules that select rows.
        """
        yield str(self.schema), self.rows_of_parts
        for source in self.sources:
            places = [(p.begin, p.end, p.n_rows, p.checksum) for p in source.parts]
            yield "parts", np.array(places, np.int64)
            yield "footer", np.frombuffer(source.footer(), np.uint8)
        for rule in self.rules:
            yield from ((rule.func.__name__, np.asarray(argument)) for argument in rule.args)

    def with_target(self, name: str) -> Self:
        """The rows in which this column is not missing; `notes` reports how many are."""
        check_columns(self.name, self.names, name)
        if name in self.complete:
            return self
        without, first = np.zeros(0, int), ""
        for chunk in self.chunks([name]):
            missing = missing_targets(chunk.columns[name])
            if missing.any():
                first = first or chunk.place(int(missing.argmax()))
                without = np.concatenate([without, chunk.numbers[missing]])
            if 8 * len(without) > self.memory * NUMBERED:
                refuse_missing_target(self.name, name, first, len(without), self.n_rows)
        if len(without) == self.n_rows:
            return self
        chosen = replace(self, complete=self.complete | {name})
        if not len(without):
            return chosen
        note = left_out(name, len(without), self.n_rows, first)
        return replace(chosen, notes=(*self.notes, note))._ruled(partial(_without, without))

    def mapped(self, change: Callable[[Table], Table]) -> Self:
        """The same rows, with `change` applied to each chunk; names and rows stay."""
        return replace(self, changes=(*self.changes, change))

    def noted(self, *notes: str) -> Self:
        """The same rows, with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def select(self, names: Sequence[str]) -> Self:
        """The same rows, with these columns only."""
        check_columns(self.name, self.names, *names)
        return replace(self, schema=pa.schema([self.schema.field(name) for name in names]))

    def split(self, share: float, rng: Rng = None) -> tuple[Self, Self]:
        """Split the rows at random: (all but about a fraction `share`, that fraction).

        The split depends only on the number of each row and a seed drawn from `rng`.
        """
        between_0_and_1("share", share)
        seed, last = int(spawning_generator(rng).integers(2**63)), int(share * 2**64) - 1
        others, drawn = (self.drawn(seed, last, inside=inside) for inside in (False, True))
        if not others.n_rows or not drawn.n_rows:
            raise DataError(
                f"{self.n_rows} rows cannot be split with {share:g} of them set aside",
                "enough rows for both sides",
                "more rows, or another share",
            )
        return others, drawn

    def sample(self, n: int, rng: Rng = None) -> Self:
        """A random sample of n rows; all rows if there are fewer."""
        positive("n", n, whole=True)
        seed = int(spawning_generator(rng).integers(2**63))
        return self.drawn(seed, int(smallest(seed, self.numbers(), n)[-1]))

    def drawn(self, seed: int, last: int, *, inside: bool = True) -> Self:
        """Select rows by a hash of their numbers, independent of the other rows and their order.

        Parameters
        ----------
        seed : int
            Seed of the hash.
        last : int
            Largest hash, of 64 bits, that is selected.
        inside : bool, default True
            Whether those rows are selected, or all others.

        Returns
        -------
        TableStream
        """
        return self._ruled(partial(_drawn, seed, last, inside))

    def numbers(self) -> Iterator[Array]:
        """Iterate over the numbers of the selected rows among all rows of the files."""
        n = sum(self.rows_of_files)
        for first in range(0, n, BLOCK):
            numbers = np.arange(first, min(n, first + BLOCK))
            yield numbers[self._kept(numbers)]

    def place(self, row: int) -> str:
        """Location of a row, counted from 0: its file and its row there."""
        for some in self.numbers():
            if row < len(some):
                return place_of(some[row], self.files, self.rows_of_files)
            row -= len(some)
        raise IndexError(row)

    def _kept(self, numbers: Array) -> Array:
        kept = np.ones(len(numbers), bool)
        for rule in self.rules:
            kept &= rule(numbers)
        return kept

    def _ruled(self, rule: partial[Array]) -> Self:
        ruled = replace(self, rules=(*self.rules, rule))
        ends, counts = np.cumsum([part.n_rows for _, part in self.parts]), 0 * self.rows_of_parts
        for some in ruled.numbers():
            counts += np.bincount(np.searchsorted(ends, some, side="right"), minlength=len(counts))
        return replace(ruled, rows_of_parts=counts)

    def rows(
        self,
        target: str | None = None,
        *,
        features: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> StreamedRows:
        """The rows as numbers for a net.

        As in `read_table`, features must be numbers; a target of text, booleans or fewer than 20
        distinct integers is taken as classes, any other as a number to predict.

        Parameters
        ----------
        target : str, optional
            Target column; without one the rows are for prediction only.
        features : sequence of str, optional
            Feature columns; all but the target if not given.
        classes : sequence of str, optional
            Names of the classes, as in another table; inferred by reading the target if not given.

        Returns
        -------
        StreamedRows
        """
        targets = [] if target is None else [target]
        chosen = [*(features or (name for name in self.names if name not in targets))]
        check_columns(self.name, self.names, *chosen, *targets)
        if not chosen or not self.n_rows:
            raise DataError(
                f"{self.name}: {self.n_rows} rows, {len(chosen)} features",
                "at least one row, and one column beside the target",
                "check the file and its separator (separator=)",
            )
        for name in chosen:
            if not holds_numbers(self.schema.field(name).type):
                self._refuse_text(name)
        if target is None:
            return StreamedRows(self, tuple(chosen), None, (), varied=False)
        table = self.with_target(target)
        for note in table.notes[len(self.notes) :]:
            warnings.warn(f"{self.name}: {note}", stacklevel=2)
        names = _classes_of(table, target) if classes is None else tuple(map(str, classes))
        return StreamedRows(table, tuple(chosen), target, names, varied=len(names) != 1)

    def _refuse_text(self, name: str) -> None:
        """Refuse a feature that is not numeric, naming its first such cell."""
        for chunk in self.chunks([name]):
            if row_without_a_number(chunk.columns[name]) is not None:
                numbers(chunk, name)
        numbers(next(self.chunks([name])), name)

    def to_table(self) -> pa.Table:
        """All rows, as one pyarrow table in memory."""
        return pa.concat_tables(self)


@dataclass(eq=False)
class StreamedRows(RowSource):
    """Rows of a `TableStream` for `train`, `fit` and `evaluate`: pairs (x, y) in chunks.

    Parameters
    ----------
    table : TableStream
        Source of the rows.
    feature_names : tuple of str
        Columns of x.
    target_name : str or None
        Column of y; None for prediction only.
    class_names : tuple of str
        Names of the classes; () for a number.
    varied : bool
        Whether the target has more than one class.
    """

    table: TableStream
    feature_names: tuple[str, ...]
    target_name: str | None
    class_names: tuple[str, ...]
    varied: bool

    def __post_init__(self) -> None:
        self.n_rows, self.memory = self.table.n_rows, self.table.memory

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        return self.chunks()

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """Iterate once over all rows: pairs of x (n, n_features), float32, and y (n,).

        The order is that of the files; with `rng` their parts are shuffled.
        """
        return self.seek(0, rng)[1]

    def seek(
        self, row: int, rng: np.random.Generator | None = None
    ) -> tuple[int, Iterator[tuple[Array, Array]]]:
        """Skip to the part that contains a row, without reading anything.

        Returns the number of rows skipped, and the chunks from there on.
        """
        targets = [] if self.target_name is None else [self.target_name]
        columns = [*dict.fromkeys([*self.feature_names, *targets])]
        before, chunks = self.table.seek(columns, row, rng)
        return before, map(self._numbers, chunks)

    def fingerprint(self) -> Iterator[tuple[str, Array]]:
        """Fingerprint of the table's files, and the rows of three chunks."""
        yield from self.table.fingerprint()
        yield str((self.feature_names, self.target_name, self.class_names)), np.zeros(0)
        for row in (0, self.n_rows // 2, self.n_rows - 1):
            chunks = self.seek(row)[1]
            x, y = next(chunks)
            yield from (("x", x), ("y", y))

    def _numbers(self, chunk: Table) -> tuple[Array, Array]:
        x = np.empty((chunk.columns.num_rows, len(self.feature_names)), np.float32)
        for i, name in enumerate(self.feature_names):
            x[:, i] = numbers(chunk, name)
        return x, self._targets(chunk)

    def split(self, share: float, rng: Rng = None) -> tuple[Self, Self]:
        """Split the rows at random: (all but about a fraction `share`, that fraction).

        The split depends only on the number of each row and a seed drawn from `rng`.
        """
        others, drawn = self.table.split(share, rng)
        return replace(self, table=others), replace(self, table=drawn)

    def sample(self, n: int, rng: Rng = None) -> tuple[Array, Array]:
        """x and y of a random sample of n rows; all rows if there are fewer.

        For `hg.Standardize.of`, plots, and other uses that need rows in memory.
        """
        return replace(self, table=self.table.sample(n, rng)).in_memory()

    def _targets(self, chunk: Table) -> Array:
        if self.target_name is None:
            return np.zeros(chunk.columns.num_rows)
        cells = target_cells(chunk, self.target_name)
        if not self.class_names:
            return np.asarray(cells.to_numpy(), np.float64)
        place = {name: i for i, name in enumerate(self.class_names)}
        encoded = cells.combine_chunks().dictionary_encode()
        of_value = [place.get(str(value), -1) for value in encoded.dictionary.to_pylist()]
        y: Array = np.array(of_value, np.int64)[encoded.indices.to_numpy()]
        if (y < 0).any():
            row = int((y < 0).argmax())
            raise chunk.refused(
                row,
                f"the target {self.target_name!r} is {cells[row].as_py()!r}",
                f"one of the classes {', '.join(self.class_names[:20])}",
                "the classes that the net is trained on",
            )
        return y


def _classes_of(table: TableStream, target: str) -> tuple[str, ...]:
    """Names of the classes of a target, from one pass over it; () if it is numeric."""
    classes: Array | None = None
    for chunk in table.chunks([target]):
        cells = target_cells(chunk, target)
        if pa.types.is_floating(cells.type) or (classes is not None and len(classes) == 0):
            continue
        if is_text(cells.type):
            refuse_mixed(chunk, target, cells)
        values = np.asarray(pc.unique(cells).to_pylist())
        classes = np.unique(values if classes is None else np.concatenate([classes, values]))
        if pa.types.is_integer(cells.type) and len(classes) >= FEWEST_VALUES_OF_A_NUMBER:
            classes = classes[:0]
    return () if classes is None else tuple(map(str, classes))


def _without(left_out: Array, numbers: Array) -> Array:
    """Mask of the row numbers that are not in `left_out`, (n,)."""
    return np.isin(numbers, left_out, invert=True)


def _drawn(seed: int, last: int, inside: bool, numbers: Array) -> Array:
    """Mask of the rows whose hash is at most `last`, (n,); its complement if not `inside`."""
    return (mixed(seed, numbers) <= last) == inside


def smallest(seed: int, numbers: Iterable[Array], n: int) -> Array:
    """The n smallest hashes of the rows, sorted; all if there are fewer."""
    hashes = np.zeros(0, np.uint64)
    for some in numbers:
        hashes = np.concatenate([hashes, mixed(seed, some)])
        if len(hashes) > n:
            hashes = np.partition(hashes, n - 1)[:n]
    return np.sort(hashes)


def mixed(seed: int, numbers: Array) -> Array:
    """Hash of each row number, uniform below 2⁶⁴: splitmix64."""
    z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def numbers(table: Table, name: str) -> Array:
    """A feature as finite numbers, (n,) float32."""
    column = table.columns[name]
    wanted = "a finite number in every row of every feature"
    if column.null_count:
        row = column.to_pylist().index(None)
        hint = "fill it in, or remove the row or the column"
        raise table.refused(row, f"column {name!r} is empty", wanted, hint)
    if not holds_numbers(column.type):
        row = row_without_a_number(column) or 0
        cell = str(column[row].as_py())
        raise table.refused(
            row,
            f"column {name!r} {f'has {cell!r}' if cell.strip() else 'is empty'}",
            wanted,
            "correct it, or remove the column; TabularClassifier().fit(hg.data.open_table(…), "
            "target) takes columns of any type",
        )
    if column.type == pa.float32():
        values = narrow = column.to_numpy()
    else:
        values = np.asarray(as_numbers(column).cast(pa.float64(), safe=False).to_numpy())
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.isfinite(narrow).argmin())
        raise table.refused(
            row,
            f"column {name!r} is {values[row]:g}",
            wanted,
            "correct it, or use another unit for the column",
            ", too large for float32" if np.isfinite(values[row]) else "",
        )
    return narrow


def holds_numbers(kind: pa.DataType) -> bool:
    """Return True for types that can be a numeric feature: numbers, durations and booleans."""
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(numbers or pa.types.is_duration(kind) or pa.types.is_boolean(kind))


def row_without_a_number(column: pa.ChunkedArray) -> int | None:
    """First row of a column of another type whose cell does not parse as a number."""
    odd = ~read_as(pa.array(map(str, column.to_pylist()), pa.string()), "number")
    return int(odd.argmax()) if odd.any() else None
