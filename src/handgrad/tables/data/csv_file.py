"""CSV files in chunks of whole rows, each of which can be read by itself."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import SEEK_END, BufferedReader
from itertools import islice
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
from pyarrow import csv

from handgrad.engines.streams import changed
from handgrad.tables.data.csv_columns import CsvColumns
from handgrad.tables.data.csv_dialect import LONGEST_ROW, NotThisEncodingError, sniffed
from handgrad.tables.data.files import Part, TableFile, as_types
from handgrad.tables.data.locations import Location, status_of
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions
from handgrad.tables.data.utf8_file import Utf8File
from handgrad.textbook.errors import FileError

BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


class CsvFile(TableFile):
    """A CSV file: a part is a chunk of whole rows, found and read through once beforehand.

    A packed file, or one in another encoding than UTF-8, is copied unpacked for as long. `size` is
    that of a chunk in bytes, of which `note` is told as it is read through; None for chunks that
    stay in memory.
    """

    def __init__(
        self,
        path: Location,
        size: int | None,
        note: Callable[[int], object],
        asked: TableOptions = FOUND_OUT,
    ) -> None:
        self.path, self.place, self.status = path, path.absolute(), status_of(path)
        try:
            self._look_through(size, note, asked, whole=False)
        except NotThisEncodingError:  # the begin of the file is UTF-8, and what follows is not
            self._look_through(size, note, asked, whole=True)
        self.schema, self.notes = self.columns.schema, self.columns.notes
        self.date_order = self.columns.date_order

    def _look_through(
        self, size: int | None, note: Callable[[int], object], asked: TableOptions, *, whole: bool
    ) -> None:
        self.dialect = dialect = sniffed(self.path, asked, whole=whole)
        self.columns = CsvColumns(self.path, dialect, asked)
        self.too_many = b'x"' + dialect.separator.encode() * (len(self.columns.names) + 1)
        self.text = Utf8File(self.path, dialect)
        self.parts, begin, rows = [], 0, 0
        with self.text.opened() as file:
            while found := self._chunk(file, begin, size or LONGEST_ROW, rows):
                table, end, checksum = found
                self.columns.look_at(table)
                kept = table if size is None else None
                self.parts.append(Part(begin, end, table.num_rows, rows, kept, checksum))
                note(end - begin)
                begin, rows = end, rows + table.num_rows
        if not self.parts:
            self._parsed(b"", 0, 0)
        self.columns.decide()

    def _chunk(
        self, file: IO[bytes], begin: int, size: int, rows_before: int
    ) -> tuple[pa.Table, int, int] | None:
        """The rows that lie whole in so many bytes from `begin` on, their end, and their CRC."""
        left = file.seek(0, SEEK_END) - begin
        while left:
            file.seek(begin)
            if left < size:
                rest = file.read()
                table = self._parsed(rest, begin, rows_before)
                return table, begin + left, zlib.crc32(rest)
            block = bytearray(size + len(self.too_many))
            cast("BufferedReader", file).readinto(memoryview(block)[:size])
            if end := max(block.rfind(b"\n", 0, size), block.rfind(b"\r", 0, size)) + 1:
                table, length = self._whole_rows(block, end, begin, rows_before)
                if length:
                    return table, begin + length, zlib.crc32(memoryview(block)[:length])
            if size >= LONGEST_ROW:
                raise FileError(
                    f"{self.path}: row {rows_before + 1} below the header is longer than "
                    f"{LONGEST_ROW / 1e6:.2g} MB",
                    "line breaks between the rows, a quotation mark at the end of a cell that "
                    "begins with one",
                    "look for a quotation mark that is never closed, or leave the column of long "
                    "texts out",
                )
            size = min(2 * size, LONGEST_ROW)
        return None

    def _whole_rows(
        self, block: bytearray, end: int, begin: int, rows_before: int
    ) -> tuple[pa.Table, int]:
        """The rows that end within the lines of a block, and how many bytes they are.

        Whether a line break ends a row, pyarrow alone decides. A row with too many fields is
        written after the lines: pyarrow hands it back, with all that it takes for the beginning
        of it. Nothing is copied, which takes a tenth as long as to read it.
        """
        lines = memoryview(block)[:end]
        handed_back = list[Any]()

        def hand_back(row: csv.InvalidRow) -> str:
            handed_back.append(row)
            return "skip"

        breaks = islice(re.finditer(rb"\r\n?|\n", lines), self.dialect.skipped)
        if not begin and end == max((line.end() for line in breaks), default=0):
            return pa.table({}), 0
        text = pa.StringArray.from_buffers(
            1, pa.py_buffer(np.array([0, end], np.int32)), pa.py_buffer(lines)
        )
        try:  # pyarrow hands no row back that is not UTF-8
            text.validate(full=True)
        except pa.ArrowInvalid as error:
            raise NotThisEncodingError(self.path, "it", "utf-8") from error
        block[end : end + len(self.too_many)] = self.too_many
        longer = memoryview(block)[: end + len(self.too_many)]
        table = self._parsed(longer, begin, rows_before, invalid_row_handler=hand_back)
        if not handed_back:  # not even the first row ends here
            return table, 0
        if len(handed_back) > 1:  # what is refused is told of these lines alone
            self._parsed(lines, begin, rows_before)
        return table, len(longer) - len(handed_back[-1].text.encode())

    def _parsed(
        self,
        block: bytes | memoryview,
        begin: int,
        rows_before: int,
        types: dict[str, pa.DataType] | None = None,
        **rules: object,
    ) -> pa.Table:
        """The rows of a block: all columns, or those of these `types`.

        Read by one thread: several lose count of the lines.
        """
        options = (
            csv.ReadOptions(
                use_threads=False,
                block_size=len(block) + 1,
                column_names=self.columns.names,
                skip_rows=0 if begin else self.dialect.skipped,
            ),
            csv.ParseOptions(delimiter=self.dialect.separator, newlines_in_values=True, **rules),
            csv.ConvertOptions(
                decimal_point=self.dialect.decimal,
                column_types=types or self.columns.first_types,
                include_columns=[*(types or ())],
            ),
        )
        try:
            return csv.read_csv(pa.BufferReader(block), *options)
        except (pa.ArrowInvalid, OSError) as error:
            came = "the file is empty" if "Empty CSV" in str(error) else str(error)
            if broken := BROKEN_ROW.search(came):
                row, expected, found, text = broken.groups()
                line = int(row) + (rows_before + self.dialect.skipped if begin else 0)
                came = f"line {line} has {found} of {expected} fields: {text[:60]!r}"
            raise FileError(
                f"{self.path}: {came.splitlines()[0]}",
                "a CSV file: a header line, then rows with as many fields",
                "open the file in a text editor and compare",
            ) from error

    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        types, table = self.columns.types_to_read(columns, schema), part.kept
        if table is None or any(table[name].type != kind for name, kind in types.items()):
            with self.text.opened() as file:
                file.seek(part.begin)
                block = file.read(part.end - part.begin)
            table = self._parsed(block, part.begin, part.rows_before, types)
        if table.num_rows != part.n_rows:
            raise changed(table.num_rows, part.n_rows, f"{self.path}: ")
        if table.num_rows:
            yield as_types(self.columns.read(table, columns), schema)
