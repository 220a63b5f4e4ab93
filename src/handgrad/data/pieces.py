"""Files as pieces that can be read one by one, in any order: row groups, or blocks of lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from handgrad.data.files import (
    named,
    refuse_other_separators,
    refused_csv,
    refused_parquet,
)
from handgrad.errors import DataError

if TYPE_CHECKING:
    import pyarrow

# Rows looked at to know how large one is.
MEASURED = 1000
# Bytes of a column that are fetched from a file at once.
SMALLEST_BUFFER, LARGEST_BUFFER = 2**12, 2**18
# Types of which a later one holds all that an earlier one does.
WIDER = (("int64", "double"), ("date32[day]", "timestamp[s]", "timestamp[ns]"))


@dataclass(frozen=True)
class Part:
    """A stretch of a file that can be read by itself: its place there, and how many rows it has.

    Row groups `begin` to `end` of a Parquet file, bytes `begin` to `end` of a CSV file.
    """

    begin: int
    end: int
    n_rows: int


class Source(ABC):
    """A file, cut into parts."""

    path: Path
    parts: list[Part]
    schema: pyarrow.Schema

    @property
    def n_rows(self) -> int:
        """How many rows the file has."""
        return sum(part.n_rows for part in self.parts)

    @abstractmethod
    def read(
        self, part: Part, rows_before: int, columns: Sequence[str], schema: pyarrow.Schema
    ) -> Iterator[pyarrow.Table]:
        """The rows of a part, one slice after another, as columns of the types of `schema`."""


class ParquetSource(Source):
    """A Parquet file: a part is a row group, or several small ones side by side.

    A row group too large for a piece is read in slices, one after another.
    """

    def __init__(self, path: Path, piece: int, note: Callable[[int], object]) -> None:
        self.path, self.metadata = path, cast("Any", None)
        self.buffer = min(LARGEST_BUFFER, max(SMALLEST_BUFFER, piece // 64))
        file = self._open()
        self.metadata = file.metadata
        table = named(file.schema_arrow.empty_table(), path)
        self.own_names = dict(zip(table.column_names, file.schema_arrow.names, strict=True))
        self.schema = table.schema
        self.slice = self._rows_in(piece, file)
        self.parts = self._cut([file.metadata.row_group(i).num_rows for i in range(self._groups)])
        note(path.stat().st_size)

    @property
    def _groups(self) -> int:
        found: int = self.metadata.num_row_groups
        return found

    def _open(self) -> Any:
        from pyarrow import ArrowException, parquet

        try:
            # Read a column chunk bit by bit: as a whole it may be larger than the memory.
            return parquet.ParquetFile(
                self.path, metadata=self.metadata, buffer_size=self.buffer, pre_buffer=False
            )
        except (ArrowException, OSError) as error:
            raise refused_parquet(self.path, error) from error

    def _batches(self, file: Any, rows: int, groups: list[int], columns: Any) -> Iterator[Any]:
        from pyarrow import ArrowException

        try:
            yield from file.iter_batches(rows, groups, columns, use_threads=False)
        except (ArrowException, OSError) as error:
            raise refused_parquet(self.path, error) from error

    def _rows_in(self, piece: int, file: Any) -> int:
        """How many rows a piece of so many bytes has room for."""
        rows = next(self._batches(file, MEASURED, [0], None), None) if self._groups else None
        if rows is None or not rows.num_rows:
            return MEASURED
        return max(1, piece * rows.num_rows // max(rows.nbytes, 1))

    def _cut(self, rows: Sequence[int]) -> list[Part]:
        parts, begin, together = list[Part](), 0, 0
        for i, n in enumerate(rows):
            if together and together + n > self.slice:
                parts.append(Part(begin, i, together))
                begin, together = i, 0
            together += n
        return [*parts, *([Part(begin, len(rows), together)] if together else [])]

    def read(
        self, part: Part, rows_before: int, columns: Sequence[str], schema: pyarrow.Schema
    ) -> Iterator[pyarrow.Table]:
        import pyarrow as pa

        own = [self.own_names[name] for name in columns]
        groups = [*range(part.begin, part.end)]
        for batch in self._batches(self._open(), self.slice, groups, own):
            table = pa.Table.from_batches([batch]).select(own).rename_columns(list(columns))
            yield table.cast(pa.schema([schema.field(name) for name in columns]))


class CsvSource(Source):
    """A CSV file: a part is a block of whole lines, found and read through once beforehand."""

    def __init__(self, path: Path, piece: int, note: Callable[[int], object]) -> None:
        from pyarrow import csv

        self.path, self.parts, self.own_names = path, [], None
        refuse_other_separators(path)
        self.csv, types = csv, dict[str, Any]()
        begin, rows = 0, 0
        with self._open() as file:
            while block := self._block(file, begin, piece):
                parsed = self._parsed(block, rows, None, None)
                table = named(parsed, path)
                self.own_names = self.own_names or parsed.column_names
                types = {f.name: _wider(types.get(f.name), f.type) for f in table.schema}
                self.parts.append(Part(begin, begin + len(block), table.num_rows))
                begin, rows = begin + len(block), rows + table.num_rows
                note(len(block))
        if self.own_names is None:
            self._parsed(b"", 0, None, None)
        import pyarrow as pa

        self.schema = pa.schema(types.items())

    def _open(self) -> Any:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise refused_csv(self.path, error) from error

    def _block(self, file: Any, begin: int, size: int) -> bytes:
        """So many bytes from there on, or some less or more: up to the end of a row."""
        while True:
            file.seek(begin)
            block: bytes = file.read(size)
            if len(block) < size:
                return block
            if end := _end_of_last_row(block):
                return block[:end]
            size *= 2

    def _parsed(
        self, block: bytes, rows_before: int, columns: Any, types: Any, *, header: bool = False
    ) -> pyarrow.Table:
        import pyarrow as pa

        names = None if self.own_names is None or header else self.own_names
        try:
            return self.csv.read_csv(
                pa.BufferReader(block),
                # Threads would lose count of the lines.
                read_options=self.csv.ReadOptions(use_threads=False, column_names=names),
                convert_options=self.csv.ConvertOptions(
                    column_types=types, include_columns=columns
                ),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise refused_csv(self.path, error, rows_before + (names is not None)) from error

    def read(
        self, part: Part, rows_before: int, columns: Sequence[str], schema: pyarrow.Schema
    ) -> Iterator[pyarrow.Table]:
        own = dict(zip(self.schema.names, self.own_names or (), strict=True))
        with self._open() as file:
            file.seek(part.begin)
            block = file.read(part.end - part.begin)
        table = self._parsed(
            block,
            rows_before,
            [own[name] for name in columns],
            {own[name]: schema.field(name).type for name in columns},
            header=part.begin == 0,
        )
        if table.num_rows != part.n_rows:
            raise DataError(
                f"{self.path}: {table.num_rows} rows, where there were {part.n_rows} before",
                "a file that stays as it is while it is read",
                "a copy of the file, or hg.open_table again",
            )
        if table.num_rows:
            yield table.rename_columns(list(columns))


def _end_of_last_row(block: bytes) -> int:
    """Where the last whole row ends; a line break between quotation marks ends none."""
    end = len(block)
    while (end := block.rfind(b"\n", 0, end)) >= 0:
        if block.count(b'"', 0, end) % 2 == 0:
            return end + 1
    return 0


def _wider(one: Any, other: Any) -> Any:
    """The type of a column of which some blocks read as one type, some as another."""
    import pyarrow as pa

    if one is None or pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    for kinds in WIDER:
        if str(one) in kinds and str(other) in kinds:
            return max(one, other, key=lambda kind: kinds.index(str(kind)))
    return pa.string()
