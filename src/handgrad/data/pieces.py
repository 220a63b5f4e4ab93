"""Files as pieces that can be read one by one, in any order: row groups, or blocks of lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from handgrad.data.files import (
    LONGEST_ROW,
    named,
    refuse_other_separators,
    refused_csv,
    refused_parquet,
    refused_row,
    refused_row_without_end,
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
    """A CSV file: a part is a chunk of whole rows, found and read through once beforehand."""

    def __init__(self, path: Path, piece: int, note: Callable[[int], object]) -> None:
        import pyarrow as pa

        self.path, self.parts, self.own_names = path, [], list[str]()
        refuse_other_separators(path)
        types, begin, rows = dict[str, Any](), 0, 0
        with self._open() as file:
            while found := self._chunk(file, begin, piece, rows):
                parsed, end = found
                table = named(parsed, path)
                self.own_names = self.own_names or parsed.column_names
                types = {f.name: _wider(types.get(f.name), f.type) for f in table.schema}
                self.parts.append(Part(begin, end, table.num_rows))
                note(end - begin)
                begin, rows = end, rows + table.num_rows
        if not self.own_names:
            self._parsed(b"", 0, header=True)
        self.schema = pa.schema(types.items())

    def _open(self) -> Any:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise refused_csv(self.path, error) from error

    def _chunk(
        self, file: Any, begin: int, size: int, rows_before: int
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
        handed_back = list[Any]()

        def hand_back(row: Any) -> str:
            handed_back.append(row)
            return "skip"

        self._refuse_other_bytes(lines, rows_before, header=header)
        too_many = b'x"' + b"," * (len(self.own_names) or lines.count(b",") + 1)
        table = self._parsed(
            lines + too_many, rows_before, header=header, invalid_row_handler=hand_back
        )
        if not handed_back:  # not even the header ends here
            return table, 0
        *broken, last = handed_back
        if broken:
            row, before = broken[0], rows_before + (not header)
            fields = row.expected_columns, row.actual_columns
            raise refused_row(self.path, row.number + before, *fields, row.text)
        return table, len(lines) + len(too_many) - len(last.text.encode())

    def _refuse_other_bytes(self, lines: bytes, rows_before: int, *, header: bool) -> None:
        """Refuse what is not UTF-8, of which pyarrow hands no row back."""
        try:
            lines.decode()
        except UnicodeDecodeError:
            named(self._parsed(lines, rows_before, header=header), self.path)

    def _parsed(
        self,
        block: bytes,
        rows_before: int,
        columns: Any = None,
        types: Any = None,
        *,
        header: bool,
        **rules: Any,
    ) -> pyarrow.Table:
        import pyarrow as pa
        from pyarrow import csv

        try:
            return csv.read_csv(
                pa.BufferReader(block),
                # Threads would lose count of the lines.
                read_options=csv.ReadOptions(
                    use_threads=False,
                    block_size=len(block) + 1,
                    column_names=None if header else self.own_names,
                ),
                parse_options=csv.ParseOptions(newlines_in_values=True, **rules),
                convert_options=csv.ConvertOptions(column_types=types, include_columns=columns),
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise refused_csv(self.path, error, rows_before + (not header)) from error

    def read(
        self, part: Part, rows_before: int, columns: Sequence[str], schema: pyarrow.Schema
    ) -> Iterator[pyarrow.Table]:
        own = dict(zip(self.schema.names, self.own_names, strict=True))
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
