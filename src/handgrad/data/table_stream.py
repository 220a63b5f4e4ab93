"""Tables larger than memory: `open_table` looks at the files, and hands them out in pieces."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

import numpy as np

from handgrad.base.errors import DataError, SettingError, between_0_and_1, positive
from handgrad.data.drawing import BLOCK, Drawn, Without, smallest
from handgrad.data.files import (
    Table,
    check_asked,
    is_parquet,
    joined,
    listed,
    notes_together,
    paths_of,
)
from handgrad.data.pieces import CsvSource, ParquetSource, Source
from handgrad.data.streamed_rows import StreamedRows
from handgrad.data.table_options import TableOptions, TableWords
from handgrad.data.tables import check_column
from handgrad.data.targets import left_out, missing_targets, refuse_missing_target
from handgrad.layers import Array
from handgrad.layers.initializers import spawning_generator
from handgrad.progress_bar import progress_bar
from handgrad.row_source import Rng

if TYPE_CHECKING:
    import pyarrow

# The share of the memory that the columns of a piece take; a value in a CSV file is a few bytes
# there, and 8 of them afterwards.
PIECE, CSV_GROWS = 1 / 32, 4
SMALLEST_BLOCK = 2**12
# The share that the numbers of rows without a target may take.
NUMBERED = 1 / 64
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {f"{unit}I": 2 ** (10 * i) for i, unit in enumerate("KMGT", 1)}


def open_table(
    files: str | Path | Sequence[str | Path],
    *,
    memory: str | int = "1 GB",
    progress: bool = False,
    **options: Unpack[TableWords],
) -> TableStream:
    """Open tables that may be larger than memory: CSV and Parquet files, read in pieces.

    `files` is a file, a pattern such as `sales-*.csv`, or several of these; all have the same
    columns, in any order. Of a Parquet file the footer says how many rows there are; a CSV file is
    read through once, which finds its types and rows that are broken (`progress=True` shows a
    bar in a terminal or a notebook meanwhile).

    `memory`, bytes or text such as "500 MB", is what the process may take in all: a piece has at
    most a 32nd of it, and whoever trains or predicts with the stream keeps within it, where
    Python and its libraries, about 250 MB, leave room. Row groups of a Parquet file that are
    larger than a piece are read in slices.

    How a CSV file is written is found out, as in `read_table`, where keywords of
    `hg.data.TableOptions` do not say it. What was found out stands in `notes`, and is a
    UserWarning. Files that are packed, gzip say, or in
    another encoding than UTF-8 are copied to the temporary folder while the stream is in use.

    Raises a FileError for a file that cannot be read, a DataError for what is in it.

    >>> import handgrad as hg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "flowers.csv"
    ...     _ = path.write_text("width,kind\\n1.5,oak\\n2.5,ash\\n")
    ...     stream = hg.open_table(path, memory="100 MB")
    ...     stream.n_rows, stream.columns, [frame.num_rows for frame in stream]
    (2, {'width': 'double', 'kind': 'string'}, [2])
    """
    asked = TableOptions(**options)
    stream = opened(files, asked, memory, progress=progress)
    check_asked(stream.name, stream.names, asked)
    if stream.notes:
        warnings.warn(f"{stream.name}: {'; '.join(stream.notes)}", stacklevel=2)
    return stream


def opened(
    files: str | Path | Sequence[str | Path],
    asked: TableOptions,
    memory: str | int,
    *,
    progress: bool,
) -> TableStream:
    """The stream that `open_table` makes, whose notes nobody has been told of."""
    size = bytes_of(memory)
    given = [files] if isinstance(files, str | Path) else list(files)
    if not given:
        raise SettingError("no files", "one at least", "hg.open_table('data.parquet')")
    paths = tuple(path for name in given for path in paths_of(name))
    piece = max(SMALLEST_BLOCK, int(size * PIECE))
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    with progress_bar(megabytes, "MB read", shown=progress) as advance:

        def note(size: int) -> None:
            advance(more=size / 1e6)

        sources: list[Source] = [
            ParquetSource(path, piece, note, asked)
            if is_parquet(path)
            else CsvSource(path, max(SMALLEST_BLOCK, piece // CSV_GROWS), note, asked)
            for path in paths
        ]
    name = str(given[0]) if len(given) == 1 else f"{given[0]} and {len(given) - 1} more"
    return TableStream(name, sources, size)


class TableStream:
    """A table in files, `n_rows` rows, of which a piece at a time is in memory.

    Iterated over, it hands out data frames of pyarrow, in the order of the files, as often as one
    likes. `columns` has the type of each column by name, `notes` how the files were read, where
    that had to be found out.
    """

    def __init__(self, name: str, sources: Sequence[Source], memory: int) -> None:
        empty = [source.schema.empty_table() for source in sources]
        self.name, self.sources, self.memory = name, sources, memory
        self.files = tuple(source.path for source in sources)
        self.schema = (empty[0] if len(empty) == 1 else joined(empty, self.files)).schema
        self.rows_of_files = tuple(source.n_rows for source in sources)
        self.n_rows = sum(self.rows_of_files)
        self.date_order = next(filter(None, (source.date_order for source in sources)), None)
        self.notes = notes_together(self.files, [source.notes for source in sources])
        self.rules: tuple[Drawn | Without, ...] = ()
        self.changes: tuple[Callable[[Table], Table], ...] = ()
        self.complete: frozenset[str] = frozenset()
        if not self.n_rows:
            raise DataError(
                f"{name}: 0 rows, {len(self.names)} columns", "at least one row", "check the file"
            )

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

    def __iter__(self) -> Iterator[pyarrow.Table]:
        return (piece.columns for piece in self.chunks(self.names))

    def chunks(
        self, columns: Sequence[str], rng: np.random.Generator | None = None
    ) -> Iterator[Table]:
        """Those columns of all rows: in the order of the files, or the parts in one that is drawn.

        Parts are the row groups of Parquet files, small ones together, and blocks of CSV files.
        """
        parts, first = [], 0
        for source in self.sources:
            before = 0
            for part in source.parts:
                parts.append((source, part, before, first + before))
                before += part.n_rows
            first += before
        for i in range(len(parts)) if rng is None else rng.permutation(len(parts)):
            source, part, before, first = parts[i]
            for table in source.read(part, before, columns, self.schema):
                numbers = np.arange(first, first + table.num_rows)
                first += table.num_rows
                if self.rules:
                    kept = self._kept(numbers)
                    table, numbers = table.filter(kept), numbers[kept]
                if len(numbers):
                    piece = Table(self.name, self.files, self.rows_of_files, table, numbers)
                    for change in self.changes:
                        piece = change(piece)
                    yield piece

    def with_target(self, name: str) -> Self:
        """The rows that have something in this column; `notes` tells how many have nothing."""
        check_column(self.name, self.names, name)
        if name in self.complete:
            return self
        without, first = np.zeros(0, int), ""
        for piece in self.chunks([name]):
            missing = missing_targets(piece.columns[name])
            if missing.any():
                first = first or piece.place(int(missing.argmax()))
                without = np.concatenate([without, piece.numbers[missing]])
            if 8 * len(without) > self.memory * NUMBERED:
                refuse_missing_target(self.name, name, first, len(without), self.n_rows)
        if len(without) == self.n_rows:
            return self
        chosen = copy.copy(self)
        if len(without):
            chosen = self._ruled(Without(np.sort(without)))
            chosen.notes = (*self.notes, left_out(name, len(without), self.n_rows, first))
        chosen.complete |= {name}
        return chosen

    def mapped(self, change: Callable[[Table], Table]) -> Self:
        """The same rows, with each piece as `change` makes it; names and rows stay."""
        chosen = copy.copy(self)
        chosen.changes = (*self.changes, change)
        return chosen

    def select(self, names: Sequence[str]) -> Self:
        """The same rows, with these columns only."""
        import pyarrow as pa

        for name in names:
            check_column(self.name, self.names, name)
        chosen = copy.copy(self)
        chosen.schema = pa.schema([self.schema.field(name) for name in names])
        return chosen

    def split(
        self, share: float, rng: int | np.random.Generator | None = None
    ) -> tuple[Self, Self]:
        """The table without about a `share` of its rows, and that share.

        Which rows those are follows from the number of each row and a seed drawn by `rng` alone.
        """
        between_0_and_1("share", share)
        seed, last = int(spawning_generator(rng).integers(2**63)), int(share * 2**64) - 1
        others, drawn = (self._ruled(Drawn(seed, last, inside)) for inside in (False, True))
        if not others.n_rows or not drawn.n_rows:
            raise DataError(
                f"{self.n_rows} rows cannot be split with {share:g} of them set aside",
                "enough rows for both sides",
                "more rows, or another share",
            )
        return others, drawn

    def sample(self, n: int, rng: Rng = None) -> Self:
        """The table with n of its rows, drawn at random; with all where there are fewer."""
        positive("n", n, whole=True)
        seed = int(spawning_generator(rng).integers(2**63))
        return self._ruled(Drawn(seed, int(smallest(seed, self.numbers(), n)[-1]), True))

    def numbers(self) -> Iterator[Array]:
        """The numbers of all rows among those of the files, some at a time."""
        n = sum(self.rows_of_files)
        for first in range(0, n, BLOCK):
            numbers = np.arange(first, min(n, first + BLOCK))
            yield numbers[self._kept(numbers)]

    def place(self, row: int) -> str:
        """Where a row, counted from 0, is to be found: in which row of which file."""
        for numbers in self.numbers():
            if row < len(numbers):
                empty = self.schema.empty_table()
                one = Table(self.name, self.files, self.rows_of_files, empty, numbers[row:])
                return one.place(0)
            row -= len(numbers)
        raise IndexError(row)

    def _kept(self, numbers: Array) -> Array:
        kept = np.ones(len(numbers), bool)
        for rule in self.rules:
            kept &= rule.of(numbers)
        return kept

    def _ruled(self, rule: Drawn | Without) -> Self:
        ruled = copy.copy(self)
        ruled.rules = (*self.rules, rule)
        ruled.n_rows = sum(map(len, ruled.numbers()))
        return ruled

    def rows(
        self,
        target: str | None = None,
        *,
        features: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ) -> StreamedRows:
        """The rows as numbers for a net: `features` (all other columns) and `target`.

        As in `read_table`, features must be numbers; a target of text, of true and false, or of
        fewer than 20 different whole numbers is taken as classes, anything else as a number to
        predict. The target is read through once for that, unless `classes` names the classes, as
        another table had them. Without a target the rows are for predicting only.
        """
        for name in (*(features or ()), *([] if target is None else [target])):
            check_column(self.name, self.names, name)
        chosen = [*(features or (name for name in self.names if name != target))]
        if not chosen:
            raise DataError(
                f"{self.name}: {self.n_rows} rows, 0 features",
                "one column beside the target",
                "check the file, and what stands between its columns (separator=)",
            )
        return StreamedRows.of(self, chosen, target, classes)

    def to_table(self) -> pyarrow.Table:
        """All rows, as one data frame in memory."""
        import pyarrow as pa

        return pa.concat_tables(self)


def bytes_of(memory: str | int) -> int:
    """A size in bytes: `500 MB`, `1 GB`, `2 GiB`, or their number."""
    text = str(memory).strip().upper().removesuffix("B")
    found = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([KMGT]I?)?", text)
    size = int(float(found[1]) * UNITS[found[2] or ""]) if found else 0
    if size < 10**6:
        raise SettingError(
            f"memory={memory!r}", "a size of 1 MB or more", "memory='1 GB', or memory=10**9"
        )
    return size
