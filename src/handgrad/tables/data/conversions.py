"""Files of other programs as CSV text: sheets of spreadsheets, JSON lines, tables of databases.

The text is read like any CSV file, so a column has the same type in each of these files.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from handgrad.tables.data.databases import rows_of_database, table_of_database
from handgrad.tables.data.file_kinds import (
    BLOCK,
    MOST_TIMES,
    PLENTY,
    is_zip_of,
    opened,
    packing_of,
    unpacked,
)
from handgrad.tables.data.files import Location, is_arrow, is_parquet, status_of
from handgrad.tables.data.json_lines import is_object, rows_of_json_lines
from handgrad.tables.data.spreadsheets import rows_of_sheet, sheet_of
from handgrad.tables.data.table_options import TableOptions, option
from handgrad.textbook.errors import FileError, SettingError

# First bytes that tell the kind of a file.
HEAD = 2**16
JSON_LINES = (".jsonl", ".ndjson")
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SQLITE = b"SQLite format 3\x00"
# Options that describe the characters of a CSV file.
OF_TEXT = ("separator", "decimal", "encoding")
PARTS = {"spreadsheet": "sheet", "database": "table", "JSON lines": ""}
FILES = {"sheet": "a spreadsheet, .xlsx, .xls or .ods", "table": "an SQLite database"}


@dataclass(frozen=True)
class Conversion:
    """Conversion of a file to CSV text: its kind, and the sheet or table that is read."""

    kind: Literal["spreadsheet", "database", "JSON lines"]
    packing: str = ""
    part: str = ""
    note: str = ""

    def rows(self, path: Location) -> Iterator[Sequence[str]]:
        """Iterate over the rows of cells, the column names first."""
        if self.kind == "spreadsheet":
            return rows_of_sheet(path, self.part)
        if self.kind == "database":
            return rows_of_database(path, self.part)
        return rows_of_json_lines(path, self.packing)

    def blocks(self, path: Location) -> Iterator[bytes]:
        """Iterate over the CSV text, in UTF-8; refused if it is far larger than the file."""
        most, so_far = max(PLENTY, MOST_TIMES * status_of(path).size), 0
        for block in _written(self.rows(path)):
            so_far += len(block)
            if so_far > most:
                raise FileError(
                    f"{path}: more than {MOST_TIMES} times as large as text",
                    "a table of the size of its file",
                    "save the rows that are needed as a CSV file",
                )
            yield block


def conversion_of(path: Location, packing: str, asked: TableOptions) -> Conversion | None:
    """Conversion that a file needs to be read as CSV text, by its first bytes; None for text."""
    conversion = _conversion_of(path, packing)
    part = PARTS[conversion.kind] if conversion else ""
    for name in FILES.keys() - {part}:
        if (value := getattr(asked, name)) is not None:
            raise SettingError(
                f"{option(name, value)}, for {path}",
                FILES[name],
                f"without {option(name)}",
            )
    if conversion is None:
        return None
    for name in OF_TEXT:
        if (value := getattr(asked, name)) is not None:
            raise SettingError(
                f"{option(name, value)}, for {path}, {_a(conversion.kind)}",
                "a text file, such as CSV",
                f"without {option(name)}",
            )
    if conversion.kind == "spreadsheet":
        sheet, note = sheet_of(path, asked.sheet)
        return replace(conversion, part=sheet, note=note)
    if not asked.header:
        raise SettingError(
            f"{option('header', False)}, for {path}, {_a(conversion.kind)}",
            "a file whose first line may be data",
            f"without {option('header', False)}: the names of the columns are known",
        )
    if conversion.kind == "database":
        return replace(conversion, part=table_of_database(path, asked.table))
    return conversion


def _conversion_of(path: Location, packing: str) -> Conversion | None:
    if packing:
        head = next(unpacked(path, packing, HEAD), b"")
    else:
        with opened(path) as file:
            head = file.read(HEAD)
        if head.startswith(OLD_EXCEL) or is_zip_of(path, head, "xl/", "content.xml"):
            return Conversion("spreadsheet")
        if head.startswith(SQLITE):
            return Conversion("database")
    named = re.search(rf"({'|'.join(map(re.escape, JSON_LINES))})(\.\w+)?$", str(path).lower())
    if head.strip() and (named or is_object(head)):
        return Conversion("JSON lines", packing)
    return None


def is_packed(path: Location) -> bool:
    """Return True for a file that may take far less space than its text."""
    packing = packing_of(path)
    return bool(is_parquet(path) or is_arrow(path) or packing or _conversion_of(path, packing))


def _a(kind: str) -> str:
    return kind if kind == "JSON lines" else f"a {kind}"


def _written(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The rows as CSV text in UTF-8, block by block."""
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\n").writerow
    for row in rows:
        write(row)
        if text.tell() > BLOCK:
            yield text.getvalue().encode("utf-8", "replace")
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode("utf-8", "replace")
