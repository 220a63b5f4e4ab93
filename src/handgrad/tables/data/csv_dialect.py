"""CSV dialects: separator, decimal sign, encoding and packing, inferred or given."""

from __future__ import annotations

import codecs
import csv as rows_of_text
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from handgrad.tables.data.encodings import GUESSED, encoding_of_text, marked_encoding, reads
from handgrad.tables.data.file_kinds import packing_of, refuse_other_kinds, unpacked
from handgrad.tables.data.files import Location
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions
from handgrad.tables.data.text_formats import NumberParts, read_as
from handgrad.textbook.errors import DataError, FileError

# Lines above the names are looked for among so many, with rows below them to compare.
MOST_ABOVE, LINES_ABOVE = 10, 40
# So much of a file, unpacked, is looked at, and so many of its rows.
SAMPLE, ROWS = 2**17, 1000
# Bytes of a row of a CSV file at most.
LONGEST_ROW = 2**24
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Where the fields of all rows are as many by several separators, the first of them is meant.
SEPARATORS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
# What a Chinese keyboard writes for them.
FULL_WIDTH = {"，": ",", "；": ";", "｜": "|"}
SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)\r?\n?", re.IGNORECASE)


class NotThisEncodingError(FileError):
    """A file has bytes that its encoding does not have, at some place of it."""

    def __init__(self, path: Location, where: str, encoding: str) -> None:
        super().__init__(
            f"{path}: {where} holds bytes that are not {encoding}",
            f"a CSV file in {encoding}",
            "save it as “CSV UTF-8” in a spreadsheet, or say how it is written, as in cp1252",
        )


@dataclass(frozen=True)
class CsvDialect:
    """How one CSV file is written.

    `separator` stands between fields, `decimal` in numbers; `encoding` is a codec of Python's, and
    `packing` a compression, '' for none. `names` are the names of the columns, as they stand there,
    and `skipped` lines stand before the first row. `padded` are those of whole numbers that begin
    with 0, as codes do.
    """

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    packing: str = ""
    skipped: int = 0
    names: tuple[str, ...] = ()
    padded: tuple[str, ...] = ()

    def note(self, asked: TableOptions) -> str:
        """What differs from commas, points and UTF-8, and was not asked for, in words."""
        found = []
        if self.separator != "," and not asked.separator:
            found.append(f"{SEPARATORS.get(self.separator, repr(self.separator))} between columns")
        if self.decimal != "." and not asked.decimal:
            found.append("decimal commas")
        if self.encoding != "utf-8" and not asked.encoding:
            found.append(f"encoding {self.encoding}")
        return f"it is read with {', '.join(found)}" if found else ""


def sniffed(path: Location, asked: TableOptions = FOUND_OUT, *, whole: bool = False) -> CsvDialect:
    """How the file is written: as `asked` says, and found out from its begin where it does not.

    `whole`: all of it is read, since its begin does not show the encoding.
    """
    packing = packing_of(path)
    head, encoding = _beginning(path, packing, asked)
    if whole and encoding == "utf-8":
        encoding = encoding_of_text(unpacked(path, packing))
    text, separator = _decoded(path, head, encoding), asked.separator
    line = SEPARATOR_LINE.match(text)
    if line:
        separator, text = separator or line[1], text[line.end() :]
    if asked.header:
        _refuse_title(path, text, 1 if line else 0)
    separator = separator or _separator_in(text)
    rows, first = _rows(text, separator, ROWS)
    _refuse_full_width(path, text)
    names = tuple(rows[0]) if rows else ()
    if not asked.header:
        names, first = tuple(f"column_{i}" for i in range(1, len(names) + 1)), 0
    elif len(rows) > 1 and all(len(r) == len(names) + 1 and not r[-1] for r in rows[1:]):
        names = (*names, "")
    decimal = asked.decimal or _decimal_in(rows[asked.header :], separator)
    skipped = first + (line is not None)
    padded = _padded(names, rows[asked.header :])
    return CsvDialect(separator, decimal, encoding, packing, skipped, names, padded)


def _refuse_title(path: Location, text: str, before: int) -> None:
    """Refuse lines above the names: the first has next to nothing in it, a later one has all."""
    readings = [_first_lines(text, separator) for separator in SEPARATORS]
    readings = [(rows, width) for rows, width in readings if width > 1]
    filled = [2 * sum(bool(cell.strip()) for cell in rows[0][1]) for rows, _ in readings]
    if any(n >= width for n, (_, width) in zip(filled, readings, strict=True)):
        return
    for rows, width in readings:
        for line, row in rows[1:MOST_ABOVE]:
            cells = [cell.strip() for cell in row]
            if len({*cells} - {""}) < width or len(cells) > width:
                continue
            if read_as(pa.array(cells, pa.string()), "number", "date").any():
                break
            above = "line" if before + line == 2 else f"{before + line - 1} lines"
            raise DataError(
                f"{path}: the first line is {' '.join(rows[0][1]).strip()[:60]!r}, and line "
                f"{before + line} looks like the names: {', '.join(cells[:5])}"
                + ", …"
                * (width > 5),
                "the names of the columns in the first line",
                f"remove the {above} above the names, in the spreadsheet or a text editor",
            )


def _first_lines(text: str, separator: str) -> tuple[list[tuple[int, list[str]]], int]:
    """The first rows that are not empty with their lines, and how many fields all of them have
    but for those at the top: 1 where they differ.
    """
    reader = rows_of_text.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = list[tuple[int, list[str]]]()
    with suppress(rows_of_text.Error):  # a quotation mark that is open
        rows += [(reader.line_num, row) for row in islice(reader, LINES_ABOVE) if row]
    widths = {len(row) for _, row in rows[len(rows) // 2 :]}
    return rows, widths.pop() if len(widths) == 1 and len(rows) > 2 else 1


def first_rows(path: Location) -> list[list[list[str]]]:
    """The fields of the first rows that are not empty, by each of the separators.

    None of a file without any. Raises a FileError for a file that is no text.
    """
    head, encoding = _beginning(path, packing_of(path), FOUND_OUT)
    text = _decoded(path, head, encoding)
    readings = (_rows(text, separator, ROWS)[0] for separator in SEPARATORS)
    return [rows for rows in readings if rows]


def _beginning(path: Location, packing: str, asked: TableOptions) -> tuple[bytes, str]:
    """The first bytes of a file of text, and their encoding."""
    head = _head(path, packing)
    refuse_other_kinds(path, head)
    encoding = asked.encoding or _encoding_of(head)
    if encoding in GUESSED and NO_TEXT.search(head):
        raise FileError(
            f"{path}: bytes that are no text",
            "a CSV file with a header line, or a Parquet file",
            "save it as “CSV UTF-8” in the program that wrote it",
        )
    return head, encoding


def _head(path: Location, packing: str) -> bytes:
    head = b""
    for block in unpacked(path, packing, SAMPLE):
        head += block
        if len(head) >= SAMPLE and (re.search(rb"[\r\n]", head) or len(head) >= LONGEST_ROW):
            break
    return head


def _encoding_of(head: bytes) -> str:
    if marked := marked_encoding(head):
        return marked
    even, odd = head[::2].count(0), head[1::2].count(0)
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > 9 * others and reads(head, encoding):
            return encoding
    return encoding_of_text([head])


def _decoded(path: Location, head: bytes, encoding: str) -> str:
    """The text at the begin; of more than that, without its last line, which may be cut."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeError as error:
        raise NotThisEncodingError(path, "it", encoding) from error
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text if len(head) < SAMPLE else text[:end] or text


def _rows(text: str, separator: str, most: int) -> tuple[list[list[str]], int]:
    """The fields of the first rows that are not empty, and after how many lines the first ends."""
    found, lines = list[list[str]](), 0
    reader = rows_of_text.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if row and not found:
                lines = reader.line_num
            if row:
                found.append(row)
            if len(found) == most:
                break
    except rows_of_text.Error:  # a field of more than 2^17 letters: a quotation mark that is open
        pass
    return found, lines


def _separator_in(text: str) -> str:
    """What splits the rows into as many fields as the names, more than one."""
    best, most = ",", (0.0, 1)
    for separator in SEPARATORS:
        names, *rows = _rows(text, separator, ROWS)[0] or [[]]
        fits = [len(row) - (row[-1] == "") in (len(names) - (names[-1] == ""),) for row in rows]
        share = sum(fits) / len(fits) if fits else 1.0
        if len(names) > 1 and (share, len(names)) > most:
            best, most = separator, (share, len(names))
    return best


def _refuse_full_width(path: Location, text: str) -> None:
    """Refuse full-width signs in place of separators: between the names, or in all rows."""
    for sign, separator in FULL_WIDTH.items():
        if sign not in text:
            continue
        names, *others = _rows(text, separator, ROWS)[0]
        signs, *below = [sum(cell.count(sign) for cell in row) for row in (names, *others)]
        among_names = {len(row) for row in others} == {len(names) + signs}
        in_all_rows = len(names) == 1 and {*below} == {signs}
        if signs and (among_names or in_all_rows):
            raise FileError(
                f"{path}: full-width “{sign}” between the columns: {separator.join(names)[:60]!r}",
                f"“{separator}” between the columns",
                f"replace “{sign}” by “{separator}” in a text editor",
            )


def _decimal_in(rows: list[list[str]], separator: str) -> str:
    """The decimal sign: that of the most columns of numbers with one that says so."""
    columns = [
        [cell for cell in column if "," in cell or "." in cell]
        for column in zip(*rows, strict=False)
    ]
    if separator != ";" and all(
        "," not in cell and cell.count(".") == 1 for column in columns for cell in column
    ):
        return "."  # to take them apart pyarrow loads pandas, where there is one
    cells = NumberParts(pa.array([cell for column in columns for cell in column], pa.string()))
    ends = np.cumsum([len(column) for column in columns])[:-1]
    comma, point = (
        np.array([len(fits) > 0 and fits.all() for fits in np.split(cells.fits(sign), ends)])
        for sign in (",", ".")
    )
    commas, points = (comma & ~point).sum(), (point & ~comma).sum()
    if commas == points:
        return "," if (comma & point).any() and separator == ";" else "."
    return "," if commas > points else "."


def _padded(names: tuple[str, ...], rows: list[list[str]]) -> tuple[str, ...]:
    """The columns of whole numbers of which some begin with a 0 that means nothing in a number."""
    found = []
    for name, column in zip(names, zip(*rows, strict=False), strict=False):
        cells = [cell.strip() for cell in column if cell.strip()]
        if all(map(str.isdecimal, cells)) and any(c[0] == "0" and len(c) > 1 for c in cells):
            found.append(name.strip())
    return tuple(found)
