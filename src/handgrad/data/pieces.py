"""Files in chunks that can be read in any order: row groups, or blocks of whole lines."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from handgrad.base.errors import DataError
from handgrad.data import parquet_tables
from handgrad.data.csv_columns import CsvColumns
from handgrad.data.csv_dialect import LONGEST_ROW, CsvDialect, not_this_encoding, with_dialect
from handgrad.data.files import (
    as_asked,
    as_types,
    named,
    reading,
    refused_csv,
    refused_parquet,
    refused_row,
    refused_row_without_end,
)
from handgrad.data.parquet_tables import columns_by_code, in_slices, sizes_of_rows
from handgrad.data.table_options import FOUND_OUT, DateOrder, TableOptions

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import csv

# Rows looked at to know how large one is.
MEASURED = 1000
# Bytes of a column that are fetched from a file at once.
SMALLEST_BUFFER, LARGEST_BUFFER = 2**12, 2**18


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
    notes: list[str]
    date_order: DateOrder | None = None

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

    def __init__(
        self,
        path: Path,
        piece: int,
        note: Callable[[int], object],
        asked: TableOptions = FOUND_OUT,
    ) -> None:
        self.path, self.metadata, self.notes = path, cast("Any", None), []
        self.by_code, self.piece = list[str](), piece
        self.buffer = min(LARGEST_BUFFER, max(SMALLEST_BUFFER, piece // 64))
        file = self._open()
        self.metadata, self.by_code = file.metadata, columns_by_code(file)
        table = named(file.schema_arrow.empty_table(), path)
        self.own_names = dict(zip(table.column_names, file.schema_arrow.names, strict=True))
        self.schema = as_asked(table.schema, path, asked)
        self.slice = self._rows_in(piece)
        self.parts = self._cut([file.metadata.row_group(i).num_rows for i in range(self._groups)])
        note(path.stat().st_size)

    @property
    def _groups(self) -> int:
        found: int = self.metadata.num_row_groups
        return found

    def _open(self) -> Any:
        from pyarrow import ArrowException

        try:
            # Read a column chunk bit by bit: as a whole it may be larger than the memory.
            return parquet_tables.opened(
                self.path,
                metadata=self.metadata,
                buffer_size=self.buffer,
                pre_buffer=False,
                read_dictionary=self.by_code,
            )
        except (ArrowException, OSError) as error:
            raise refused_parquet(self.path, error) from error

    def _batches(
        self, rows: int, groups: list[int], columns: Sequence[str] | None
    ) -> Iterator[pyarrow.Table]:
        import pyarrow as pa

        try:
            for batch in self._open().iter_batches(rows, groups, columns, use_threads=False):
                yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            raise refused_parquet(self.path, error) from error

    def _rows_in(self, piece: int) -> int:
        """How many rows a piece of so many bytes has room for."""
        rows = next(self._batches(MEASURED, [0], None), None) if self._groups else None
        if rows is None or not rows.num_rows:
            return MEASURED
        size = sizes_of_rows(rows, self.by_code).sum()
        return max(1, int(piece * rows.num_rows / max(size, 1)))

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
        own = [self.own_names[name] for name in columns]
        groups = [*range(part.begin, part.end)]
        for batch in self._batches(self.slice, groups, own):
            table = batch.select(own)
            for rows in in_slices(self.path, table, self.by_code, self.piece, rows_before):
                yield as_types(rows.rename_columns(list(columns)), schema)
            rows_before += table.num_rows


class CsvSource(Source):
    """A CSV file: a part is a chunk of whole rows, found and read through once beforehand.

    A packed file, or one in another encoding than UTF-8, is copied unpacked for as long.
    """

    def __init__(
        self,
        path: Path,
        piece: int,
        note: Callable[[int], object],
        asked: TableOptions = FOUND_OUT,
    ) -> None:
        self.path, self.copy = path, cast("IO[bytes] | None", None)

        def read(dialect: CsvDialect) -> None:
            self.columns = CsvColumns(path, dialect, asked)
            with reading(path, dialect):
                file, self.dialect = dialect.open_plain(path)
            if self.dialect != dialect:
                self.copy = file
                weakref.finalize(self, file.close)
            with nullcontext(file) if self.copy else file:
                self._look_through(file, piece, note)

        with_dialect(path, asked, read)
        self.schema, self.notes = self.columns.schema, self.columns.notes
        self.date_order = self.columns.date_order

    def _look_through(self, file: IO[bytes], piece: int, note: Callable[[int], object]) -> None:
        self.parts, begin, rows = [], 0, 0
        while found := self._chunk(file, begin, piece, rows):
            table, end = found
            self.columns.look_at(table)
            self.parts.append(Part(begin, end, table.num_rows))
            note(end - begin)
            begin, rows = end, rows + table.num_rows
        if not self.parts:
            self._parsed(b"", 0, header=True)
        self.columns.decide()

    def _open(self) -> Any:
        return nullcontext(self.copy) if self.copy else self.dialect.open(self.path)

    def _chunk(
        self, file: IO[bytes], begin: int, size: int, rows_before: int
    ) -> tuple[pyarrow.Table, int] | None:
        """The rows that lie whole in so many bytes from `begin` on, and where they end."""
        while True:
            file.seek(begin)
            block: bytes = file.read(size)
            if len(block) < size:
                end = begin + len(block)
                whole = self._parsed(block, rows_before, header=not begin) if block else None
                return None if whole is None else (whole, end)
            lines = block[: max(block.rfind(b"\n"), block.rfind(b"\r")) + 1]
            if lines:
                table, length = self._whole_rows(lines, rows_before, header=not begin)
                if length:
                    return table, begin + length
            if size >= LONGEST_ROW:
                raise refused_row_without_end(self.path, rows_before)
            size = min(2 * size, LONGEST_ROW)

    def _whole_rows(
        self, lines: bytes, rows_before: int, *, header: bool
    ) -> tuple[pyarrow.Table, int]:
        """The rows that end within these lines, and how many bytes they are.

        Whether a line break ends a row, pyarrow alone decides. A row with too many fields comes
        after the lines: pyarrow hands it back, with all that it takes for the beginning of it.
        """
        import pyarrow as pa

        handed_back = list[Any]()

        def hand_back(row: csv.InvalidRow) -> str:
            handed_back.append(row)
            return "skip"

        if header and len(lines.splitlines()) <= self.dialect.skipped:
            return pa.table({}), 0
        self._refuse_other_bytes(lines)
        too_many = b'x"' + self.dialect.separator.encode() * (len(self.columns.names) + 1)
        table = self._parsed(
            lines + too_many, rows_before, header=header, invalid_row_handler=hand_back
        )
        if not handed_back:  # not even the first row ends here
            return table, 0
        *broken, last = handed_back
        if broken:
            row, before = broken[0], 0 if header else rows_before + self.dialect.skipped
            fields = row.expected_columns, row.actual_columns
            raise refused_row(self.path, row.number + before, *fields, row.text)
        return table, len(lines) + len(too_many) - len(last.text.encode())

    def _refuse_other_bytes(self, lines: bytes) -> None:
        """Refuse what is not UTF-8, of which pyarrow hands no row back."""
        try:
            lines.decode()
        except UnicodeDecodeError as error:
            raise not_this_encoding(self.path, "it", "utf-8") from error

    def _parsed(
        self,
        block: bytes,
        rows_before: int,
        columns: Sequence[str] | None = None,
        types: dict[str, pyarrow.DataType] | None = None,
        *,
        header: bool,
        **rules: object,
    ) -> pyarrow.Table:
        import pyarrow as pa
        from pyarrow import csv

        before = 0 if header else rows_before + self.dialect.skipped
        try:
            return csv.read_csv(
                pa.BufferReader(block),
                self.dialect.read_options(
                    block_size=len(block) + 1,
                    column_names=self.columns.names,
                    skip_rows=self.dialect.skipped if header else 0,
                ),
                self.dialect.parse_options(**rules),
                self.dialect.convert_options(
                    column_types=types or self.columns.first_types, include_columns=columns
                ),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise refused_csv(self.path, error, before) from error

    def read(
        self, part: Part, rows_before: int, columns: Sequence[str], schema: pyarrow.Schema
    ) -> Iterator[pyarrow.Table]:
        with self._open() as file:
            file.seek(part.begin)
            block = file.read(part.end - part.begin)
        table = self._parsed(
            block,
            rows_before,
            list(columns),
            self.columns.types_to_read(columns, schema),
            header=part.begin == 0,
        )
        if table.num_rows != part.n_rows:
            raise DataError(
                f"{self.path}: {table.num_rows} rows, where there were {part.n_rows} before",
                "a file that stays as it is while it is read",
                "a copy of the file, or hg.open_table again",
            )
        if table.num_rows:
            yield as_types(self.columns.read(table, columns), schema)
