"""The columns of a CSV file: the type of each, inferred from all of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from handgrad.tables.data.csv_dialect import CsvDialect, NotThisEncodingError
from handgrad.tables.data.files import data_above
from handgrad.tables.data.frames import refuse_twice
from handgrad.tables.data.locations import Location
from handgrad.tables.data.table_options import DATE_ORDERS, DateOrder, TableOptions
from handgrad.tables.data.text_formats import (
    DateFormat,
    Evidence,
    Format,
    NumberFormat,
    cells_read,
    there,
    ways_to_read,
)
from handgrad.textbook.errors import DataError

# Types of which a later one holds all that an earlier one does.
WIDER = (("int64", "double"), ("date32[day]", "timestamp[s]", "timestamp[ns]"))
NO_NAME = "\0"
MOST_NAMED = 5


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
