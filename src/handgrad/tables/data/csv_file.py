"""CSV files in chunks of whole rows: their bytes in UTF-8, and the type of each column."""

from __future__ import annotations

import codecs
import re
import weakref
import zlib
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
from handgrad.tables.data.file_kinds import opened, unpacked
from handgrad.tables.data.files import Location, Part, TableFile, as_types, data_above, status_of
from handgrad.tables.data.frames import refuse_twice
from handgrad.tables.data.table_options import DATE_ORDERS, FOUND_OUT, DateOrder, TableOptions
from handgrad.tables.data.text_formats import (
    DateFormat,
    Evidence,
    Format,
    NumberFormat,
    cells_read,
    there,
    ways_to_read,
)
from handgrad.textbook.errors import DataError, FileError

# Types of which a later one holds all that an earlier one does.
WIDER = (("int64", "double"), ("date32[day]", "timestamp[s]", "timestamp[ns]"))
NO_NAME = "\0"
MOST_NAMED = 5
BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


class Utf8File:
    """A CSV file as bytes in UTF-8, any part of which can be read.

    Where it is packed or in another encoding, that is a copy in the temporary folder, made when
    something is first read, which goes with this object. The copy does not travel to other
    processes: each makes its own.
    """

    def __init__(self, path: Location, dialect: CsvDialect) -> None:
        self.path, self.dialect, self.place = path, dialect, path.absolute()
        self._forget_copy()

    def _forget_copy(self) -> None:
        self.copy: IO[bytes] | None = None
        self.lock = Lock()  # threads that read by turns share the copy, and its position

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The bytes, for as long as the context lasts."""
        if not self.dialect.packing and self.dialect.encoding == "utf-8":
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
            for block in unpacked(self.path, self.dialect.packing):
                as_it_is = encoding == "utf-8"  # looked at when it is read
                copy.write(block if as_it_is else decoder.decode(block).encode())
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
    """The columns of one file: looked at chunk by chunk, then decided, then read alike.

    `names` are those to read by; after `decide`, `schema` has the columns that are left, `notes`
    what is to be said of them, `date_order` the order of day and month.
    """

    def __init__(self, path: Location, dialect: CsvDialect, asked: TableOptions) -> None:
        self.path, self.dialect, self.asked = path, dialect, asked
        names = [name.strip() for name in dialect.names]
        self.names = [name or f"{NO_NAME}{i}" for i, name in enumerate(names, 1)]
        if len({*self.names}) < len(names):
            refuse_twice(path, self.names, data_above(names) or "rename one of them")
        # The types that are known before anything is read, and those that were read.
        self.first_types = {name: pa.string() for name in asked.category if name in self.names}
        self.types = dict[str, Any]()
        self.evidence = {name: Evidence() for name in self.names}
        # How many cells are not what is said, by each way to read it, and the first of them.
        self.unread = {name: dict[str, tuple[int, str]]() for name in (*asked.number, *asked.date)}
        self.formats, self.notes = dict[str, Format](), list[str]()
        self.schema: Any = None
        self.date_order: DateOrder | None = None

    def look_at(self, table: pa.Table) -> None:
        """Look at the cells of some rows, as pyarrow reads them."""
        for name, column in zip(self.names, table.columns, strict=True):
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                raise NotThisEncodingError(self.path, f"column {name!r}", self.dialect.encoding)
            self.types[name] = wider(self.types.get(name), column.type)
            if name in self.asked.category:
                continue
            if name in self.unread:
                column = self._readable(name, column)
            if self.evidence[name].decimals or self.evidence[name].orders:
                self.evidence[name] &= Evidence.of(column, self.dialect.decimal)

    def _readable(self, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The cells that read as what they are said to be, in any way; the others are counted."""
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
        """What each column is, now that all of its cells have been looked at."""
        note = self.dialect.note(self.asked)
        self.notes = [note] if note else []
        self._leave_unnamed_out()
        order = self.asked.date_order or self._order()
        kinds = dict[str, Any]()
        for name, kind in self.types.items():
            if name in self.asked.category:
                kind = pa.dictionary(pa.int32(), pa.string())
            elif pa.types.is_string(kind):
                said = name in self.unread
                found = self.evidence[name].format(self.dialect.decimal, order, said=said)
                if found is None and name in self.asked.known:
                    found = DateFormat() if name in self.asked.date else NumberFormat()
                if found is not None:
                    self.formats[name], kind = found, found.type
            kinds[name] = kind
        self.schema = pa.schema(kinds.items())
        orders = (found.order for found in self.formats.values() if isinstance(found, DateFormat))
        self.date_order = next((order for order in orders if order != "ymd"), None)
        for name in self.unread:
            self._check_said(name)
        self._note_formats()
        for name in self.dialect.padded if self.asked.of_a_training else ():
            if name not in self.unread and pa.types.is_integer(kinds.get(name, pa.null())):
                self.notes.append(
                    f"column {name!r} has numbers that begin with 0, and is read as numbers: "
                    f"--category '{name}', if they are codes"
                )

    def types_to_read(self, names: Iterable[str], schema: pa.Schema) -> dict[str, Any]:
        """The types by which pyarrow reads these columns, which are to be as in `schema`."""
        texts = {*self.formats, *self.asked.category}
        return {name: pa.string() if name in texts else schema.field(name).type for name in names}

    def read(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """These columns of a table that was read by `types_to_read`, as what they are."""
        formats = [(table[name], self.formats.get(name)) for name in names]
        columns = [cells_read(found, cells) if found else cells for cells, found in formats]
        return pa.table(columns, names=list(names))

    def _leave_unnamed_out(self) -> None:
        """Columns without a name: those that are empty, and the first, which counts the rows."""
        for i, name in enumerate(self.names):
            if not name.startswith(NO_NAME):
                continue
            empty = str(self.types[name]) == "null"
            if i and not empty:
                raise DataError(
                    f"{self.path}: column {i + 1} has no name",
                    "a name for each column that has something in it",
                    "name it; or leave it out, to_csv(index=False) in pandas",
                )
            del self.types[name]
            if empty and i:
                self.notes.append(f"column {i + 1}, without a name and empty, is left out")
            else:
                self.notes.append("the first column has no name and is left out")

    def _order(self) -> DateOrder | None:
        """The order of day and month that columns show in which only one is possible."""
        one_only = (e for e in self.evidence.values() if len(e.orders) == 1 and e.separators)
        shown = {min(e.orders) for e in one_only} - {"ymd"}
        if len(shown) == 1:
            return shown.pop()
        return "dmy" if self.dialect.decimal == "," or self.dialect.separator == ";" else None

    def _check_said(self, name: str) -> None:
        """Refuse a column of which not one cell is what was said; tell how many are not."""
        if name not in self.types:
            return
        kind, dates = self.schema.field(name).type, name in self.asked.date
        what = "date" if dates else "number"
        found, unread = self.formats.get(name), self.unread[name]
        way = getattr(found, "order", getattr(found, "decimal", min(unread, default="")))
        n, example = unread.get(way, (0, ""))
        is_date = pa.types.is_date(kind) or pa.types.is_timestamp(kind)
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if not ((is_date if dates else is_number) or pa.types.is_null(kind)):
            raise DataError(
                f"{self.path}: column {name!r} as {what}, and has {example!r} in it"
                if n
                else f"{self.path}: column {name!r} as {what}, and is {kind}",
                f"cells that read as {what}s",
                f"without --{what} '{name}'",
            )
        if n:
            self.notes.append(
                f"column {name!r}: {n} cells do not read as {what}s and count as missing, "
                f"{example!r} for one"
            )

    def _note_formats(self) -> None:
        together: dict[str, list[str]] = {}
        for name, found in self.formats.items():
            words = _described(found, self.asked, self.dialect.decimal)
            together.setdefault(words, []).append(name)
        for words, names in together.items():
            if words:
                more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
                what, are = ("columns", "are") if len(names) > 1 else ("column", "is")
                shown = ", ".join(map(repr, names[:MOST_NAMED]))
                self.notes.append(f"{what} {shown}{more} {are} read as {words}")


def wider(one: pa.DataType, other: pa.DataType) -> Any:
    """The type of a column of which some blocks read as one type, some as another."""
    if one is None or pa.types.is_null(one) or one == other:
        return other
    if pa.types.is_null(other):
        return one
    for kinds in WIDER:
        if str(one) in kinds and str(other) in kinds:
            return max(one, other, key=lambda kind: kinds.index(str(kind)))
    return pa.string()


def _described(found: Format, asked: TableOptions, decimal: str) -> str:
    if isinstance(found, NumberFormat):
        if not found.guessed or asked.decimal == found.decimal:
            return found.words(decimal)
        one, other = ("1234", "1.234") if found.whole else ("1.234", "1234")
        sign = "," if found.decimal == "." else "."
        return (
            f"numbers as {one} is one, though they could be as {other}: --decimal '{sign}', if so"
        )
    if asked.date_order == found.order:
        return ""
    if not found.guessed:
        return found.words()
    order: DateOrder = "mdy" if found.order == "dmy" else "dmy"
    return (
        f"{found.words()}, though no day above 12 shows it: --date-order {order}, if they are "
        f"{DATE_ORDERS[order]}"
    )


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
