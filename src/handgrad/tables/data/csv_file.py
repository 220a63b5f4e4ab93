"""CSV files in chunks of whole rows: their bytes in UTF-8, and the type of each column."""

from __future__ import annotations

import codecs
import re
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import SEEK_END, BufferedReader
from itertools import islice
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
from pyarrow import csv

from handgrad.engines.streams import changed
from handgrad.tables.data.csv_dialect import LONGEST_ROW, CsvDialect, NotThisEncodingError, sniffed
from handgrad.tables.data.file_kinds import opened
from handgrad.tables.data.files import Location, Part, TableFile, as_types, data_above, status_of
from handgrad.tables.data.frames import refuse_twice
from handgrad.tables.data.marked_values import Marked, marked_as_missing, without_marked
from handgrad.tables.data.table_options import (
    DATE_ORDERS,
    FOUND_OUT,
    DateOrder,
    TableOptions,
    option,
)
from handgrad.tables.data.text_formats import (
    CandidateFormats,
    DateFormat,
    Format,
    NumberFormat,
    cells_read,
    there,
    ways_to_read,
)
from handgrad.textbook.errors import DataError, FileError

# Types in order: a later one holds all values of an earlier one.
WIDER = (("int64", "double"), ("date32[day]", "timestamp[s]", "timestamp[ns]"))
NO_NAME = "\0"
MOST_NAMED = 5
BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


class Utf8File:
    """Bytes of a CSV file in UTF-8, with random access.

    If the file is compressed, of another kind or in another encoding, they are a copy in the
    temporary folder, made at the first read and deleted with this object. The copy is not pickled:
    each process makes its own.
    """

    def __init__(self, path: Location, dialect: CsvDialect) -> None:
        self.path, self.dialect, self.place = path, dialect, path.absolute()
        self._forget_copy()

    def _forget_copy(self) -> None:
        self.copy: IO[bytes] | None = None
        self.lock = Lock()  # threads share the copy and its position

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Context with the open bytes."""
        if self.dialect.is_plain:
            with opened(self.path) as file:
                yield file
            return
        with self.lock:
            if self.copy is None:
                self.copy = self._copied()
                weakref.finalize(self, self.copy.close)
            yield self.copy

    def _copied(self) -> IO[bytes]:
        copy = TemporaryFile()  # noqa: SIM115 - closed with this object
        encoding = self.dialect.encoding
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for block in self.dialect.blocks(self.path):
                is_utf8 = encoding == "utf-8"  # validated when it is read
                copy.write(block if is_utf8 else decoder.decode(block).encode())
            copy.write(decoder.decode(b"", final=True).encode())
        except BaseException as error:
            copy.close()
            if isinstance(error, UnicodeError):
                raise NotThisEncodingError(self.path, "it", encoding) from error
            raise
        return copy

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.place, "dialect": self.dialect, "place": self.place}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._forget_copy()


class CsvColumns:
    """Columns of a CSV file: inspected chunk by chunk, then typed, then read consistently.

    `names` are those used to read the file; after `decide`, `schema` has the columns that remain,
    `notes` the notes on them, `date_order` the order of day and month.
    """

    def __init__(self, path: Location, dialect: CsvDialect, asked: TableOptions) -> None:
        self.path, self.dialect, self.asked = path, dialect, asked
        names = [name.strip() for name in dialect.names]
        self.names = [name or f"{NO_NAME}{i}" for i, name in enumerate(names, 1)]
        if len({*self.names}) < len(names):
            hint = self._names_below() or data_above(names) or "rename one of them"
            refuse_twice(path, self.names, hint)
        # Types set before reading, and those that pyarrow inferred.
        self.first_types = {name: pa.string() for name in asked.category if name in self.names}
        self.types = dict[str, Any]()
        self.evidence = {name: CandidateFormats() for name in self.names}
        # Number of cells that do not parse as the requested type, by format, and the first of them.
        self.unread = {name: dict[str, tuple[int, str]]() for name in (*asked.number, *asked.date)}
        self.formats, self.notes = dict[str, Format](), list[str]()
        self.schema: Any = None
        self.date_order: DateOrder | None = None
        self.marked = Counter[Marked]()

    def _names_below(self) -> str:
        """Hint if another line looks like the names; '' otherwise."""
        line = self.dialect.names_in_line
        return f"{option('header_row', line)}: line {line} looks like the names" if line else ""

    def look_at(self, table: pa.Table) -> pa.Table:
        """Inspect the cells of some rows, as read by pyarrow; return them without marked ones."""
        self.marked += marked_as_missing(table, self.asked)
        table = without_marked(table, self.asked)
        for name, column in zip(self.names, table.columns, strict=True):
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                raise NotThisEncodingError(self.path, f"column {name!r}", self.dialect.encoding)
            self.types[name] = wider(self.types.get(name), column.type)
            if name in self.asked.category:
                continue
            if name in self.unread:
                column = self._readable(name, column)
            if self.evidence[name].decimals or self.evidence[name].orders:
                self.evidence[name] &= CandidateFormats.of(column, self.dialect.decimal)
        return table

    def _readable(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Cells that parse as the requested type, in any format; the others are counted."""
        if not pa.types.is_string(column.type):
            return column
        texts, unread = there(column), self.unread[name]
        ways = ways_to_read(texts, "date" if name in self.asked.date else "number")
        for way, reads in ways.items():
            n, first = unread.get(way, (0, ""))
            odd = texts.filter(pa.array(~reads))
            unread[way] = n + len(odd), first or (odd[0].as_py() if len(odd) else "")
        return texts.filter(pa.array(np.any([*ways.values()], axis=0)))

    def decide(self) -> None:
        """Decide the type of each column, after all cells have been inspected."""
        note = self.dialect.note(self.asked)
        self.notes = [note] if note else []
        self._leave_unnamed_out()
        order = self.asked.date_order or self._order()
        kinds = dict[str, Any]()
        for name, kind in self.types.items():
            if name in self.asked.category:
                kind = pa.dictionary(pa.int32(), pa.string())
            elif pa.types.is_string(kind):
                requested = name in self.unread
                format_ = self.evidence[name].format(
                    self.dialect.decimal, order, requested=requested
                )
                if format_ is None and name in self.asked.known:
                    format_ = DateFormat() if name in self.asked.date else NumberFormat()
                if format_ is not None:
                    self.formats[name], kind = format_, format_.type
            kinds[name] = kind
        self.schema = pa.schema(kinds.items())
        orders = (
            format_.order for format_ in self.formats.values() if isinstance(format_, DateFormat)
        )
        self.date_order = next((order for order in orders if order != "ymd"), None)
        for name in self.unread:
            self._check_requested(name)
        self._note_formats()
        for name in self.dialect.padded if self.asked.of_a_training else ():
            if name not in self.unread and pa.types.is_integer(kinds.get(name, pa.null())):
                self.notes.append(
                    f"column {name!r} has numbers with leading zeros and is read as numbers: "
                    f"use --category '{name}' if they are codes"
                )

    def types_to_read(self, names: Iterable[str], schema: pa.Schema) -> dict[str, Any]:
        """Types with which pyarrow reads these columns, to be converted to those of `schema`."""
        texts = {*self.formats, *self.asked.category}
        return {name: pa.string() if name in texts else schema.field(name).type for name in names}

    def read(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """Convert columns that were read with `types_to_read` to their final types."""
        formats = [(table[name], self.formats.get(name)) for name in names]
        columns = [cells_read(format_, cells) if format_ else cells for cells, format_ in formats]
        return pa.table(columns, names=list(names))

    def _leave_unnamed_out(self) -> None:
        """Drop empty columns without a name, and an unnamed first column, which is an index."""
        for i, name in enumerate(self.names):
            if not name.startswith(NO_NAME):
                continue
            empty = str(self.types[name]) == "null"
            if i and not empty:
                raise DataError(
                    f"{self.path}: column {i + 1} has no name",
                    "a name for each column that is not empty",
                    self._names_below() or "name it or drop it: to_csv(index=False) in pandas",
                )
            del self.types[name]
            if empty and i:
                self.notes.append(f"column {i + 1} has no name and no values; it is dropped")
            else:
                self.notes.append("the first column has no name; it is dropped")

    def _order(self) -> DateOrder | None:
        """Order of day and month in the columns where only one is possible."""
        one_only = (
            e for e in self.evidence.values() if len(e.possible_orders) == 1 and e.separators
        )
        shown = {min(e.possible_orders) for e in one_only} - {"ymd"}
        if len(shown) == 1:
            return shown.pop()
        return "dmy" if self.dialect.decimal == "," or self.dialect.separator == ";" else None

    def _check_requested(self, name: str) -> None:
        """Refuse a column none of whose cells parse as the requested type; note how many do not."""
        if name not in self.types:
            return
        kind, dates = self.schema.field(name).type, name in self.asked.date
        what = "date" if dates else "number"
        format_, unread = self.formats.get(name), self.unread[name]
        way = getattr(format_, "order", getattr(format_, "decimal", min(unread, default="")))
        n, example = unread.get(way, (0, ""))
        is_date = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if not ((is_date if dates else is_number) or pa.types.is_null(kind)):
            raise DataError(
                f"{self.path}: column {name!r} as {what}, but it has {example!r}"
                if n
                else f"{self.path}: column {name!r} as {what}, but it is {kind}",
                f"cells that parse as {what}s",
                f"without --{what} '{name}'",
            )
        if n:
            self.notes.append(
                f"column {name!r}: {n} cells do not parse as {what}s and count as missing, "
                f"such as {example!r}"
            )

    def _note_formats(self) -> None:
        together: dict[str, list[str]] = {}
        for name, format_ in self.formats.items():
            words = _described(format_, self.asked, self.dialect.decimal)
            together.setdefault(words, []).append(name)
        for words, names in together.items():
            if words:
                more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
                what, are = ("columns", "are") if len(names) > 1 else ("column", "is")
                shown = ", ".join(map(repr, names[:MOST_NAMED]))
                self.notes.append(f"{what} {shown}{more} {are} read as {words}")


def wider(one: pa.DataType, other: pa.DataType) -> Any:
    """Common type of a column whose blocks were read as two types."""
    if one is None or pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    for kinds in WIDER:
        if str(one) in kinds and str(other) in kinds:
            return max(one, other, key=lambda kind: kinds.index(str(kind)))
    return pa.string()


def _described(format_: Format, asked: TableOptions, decimal: str) -> str:
    if isinstance(format_, NumberFormat):
        if not format_.guessed or asked.decimal == format_.decimal:
            return format_.words(decimal)
        one, other = ("1234", "1.234") if format_.whole else ("1.234", "1234")
        sign = "," if format_.decimal == "." else "."
        return (
            f"numbers such as {one}, though they may be like {other}: then use --decimal '{sign}'"
        )
    if asked.date_order == format_.order:
        return ""
    if not format_.guessed:
        return format_.words()
    order: DateOrder = "mdy" if format_.order == "dmy" else "dmy"
    return (
        f"{format_.words()}, though no day above 12 confirms it: use --date-order {order} if they "
        f"are {DATE_ORDERS[order]}"
    )


class CsvFile(TableFile):
    """CSV file in parts: chunks of whole rows, found by one scan of the file.

    A compressed file, or one in another encoding than UTF-8, is copied meanwhile. `size` is that of
    a chunk in bytes, None for chunks that stay in memory; `note` is called with the bytes read.
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
        except NotThisEncodingError:  # only the beginning of the file is UTF-8
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
            while chunk := self._chunk(file, begin, size or LONGEST_ROW, rows):
                table, end, checksum = chunk
                table = self.columns.look_at(table)
                cached = table if size is None else None
                self.parts.append(Part(begin, end, table.num_rows, rows, cached, checksum))
                note(end - begin)
                begin, rows = end, rows + table.num_rows
        if not self.parts:
            self._parsed(b"", 0, 0)
        self.columns.decide()

    def _chunk(
        self, file: IO[bytes], begin: int, size: int, rows_before: int
    ) -> tuple[pa.Table, int, int] | None:
        """The whole rows in `size` bytes from `begin` on, their end, and their CRC."""
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
                    "line breaks between rows, and closed quotation marks",
                    "look for an unclosed quotation mark, or remove the column of long texts",
                )
            size = min(2 * size, LONGEST_ROW)
        return None

    def _whole_rows(
        self, block: bytearray, end: int, begin: int, rows_before: int
    ) -> tuple[pa.Table, int]:
        """The rows that end within the lines of a block, and their size in bytes.

        Only pyarrow can tell whether a line break ends a row. So a row with too many fields is
        written after the lines: pyarrow hands it back, with everything it takes for its beginning.
        Nothing is copied, which would take a tenth of the time of reading.
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
        try:  # pyarrow hands back no row that is not UTF-8
            text.validate(full=True)
        except pa.ArrowInvalid as error:
            raise NotThisEncodingError(self.path, "it", "utf-8") from error
        block[end : end + len(self.too_many)] = self.too_many
        longer = memoryview(block)[: end + len(self.too_many)]
        table = self._parsed(longer, begin, rows_before, invalid_row_handler=hand_back)
        if not handed_back:  # not even the first row ends here
            return table, 0
        if len(handed_back) > 1:  # parse only these lines for the error
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
        """Parse a block: all columns, or those of `types`.

        In one thread: several threads lose count of the lines.
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
                row, expected, fields, text = broken.groups()
                line = int(row) + (rows_before + self.dialect.skipped if begin else 0)
                came = f"line {line} has {fields} of {expected} fields: {text[:60]!r}"
            raise FileError(
                f"{self.path}: {came.splitlines()[0]}",
                "a CSV file: a header line, then rows with as many fields",
                "inspect the line in a text editor",
            ) from error

    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        types, table = self.columns.types_to_read(columns, schema), part.cached
        if table is None or any(table[name].type != kind for name, kind in types.items()):
            with self.text.opened() as file:
                file.seek(part.begin)
                block = file.read(part.end - part.begin)
            table = self._parsed(block, part.begin, part.rows_before, types)
            table = without_marked(table, self.columns.asked)
        if table.num_rows != part.n_rows:
            raise changed(table.num_rows, part.n_rows, f"{self.path}: ")
        if table.num_rows:
            yield as_types(self.columns.read(table, columns), schema)
