"""CSV dialects: separator, decimal sign, encoding and compression, inferred or given."""

from __future__ import annotations

import codecs
import csv as rows_of_text
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pyarrow as pa

from handgrad.files.cell_patterns import SEPARATORS
from handgrad.files.paths import KINDS_OF_TABLES
from handgrad.tables.data.conversions import Conversion, conversion_of
from handgrad.tables.data.encodings import GUESSED, encoding_of_text, marked_encoding, reads
from handgrad.tables.data.file_kinds import packing_of, refuse_other_kinds, unpacked
from handgrad.tables.data.files import Location
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions, option
from handgrad.tables.data.text_formats import NumberParts, read_as
from handgrad.textbook.errors import DataError, FileError
from handgrad.textbook.layers import Array

# Lines above the column names are searched for in the first ones, rows below are compared.
MOST_ABOVE, LINES_ABOVE, MOST_SKIPPED = 10, 40, 1000
# Bytes of a file, decompressed, and rows that are inspected.
SAMPLE, ROWS = 2**17, 1000
# Largest size of a row of a CSV file, in bytes.
LONGEST_ROW = 2**24
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Full-width forms, as Chinese keyboards type them.
FULL_WIDTH = {"，": ",", "；": ";", "｜": "|"}
SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)\r?\n?", re.IGNORECASE)
# Plain numbers, recognized without parsing every format, which loads pandas.
PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?")


class NotThisEncodingError(FileError):
    """File with bytes that are invalid in its encoding."""

    def __init__(self, path: Location, where: str, encoding: str) -> None:
        super().__init__(
            f"{path}: {where} holds bytes that are not {encoding}",
            f"a CSV file in {encoding}",
            "save it as “CSV UTF-8” in a spreadsheet, or specify its encoding, such as cp1252",
        )


@dataclass(frozen=True)
class CsvDialect:
    """Dialect of one CSV file.

    `separator` is between fields, `decimal` in numbers; `encoding` is a codec of Python, and
    `packing` a compression, '' for none; `conversion` makes text of another kind of file. `names`
    are the column names of the file; `skipped` lines precede the first row. `padded` are the
    columns of integers with leading zeros, as codes have them. `names_in_line` is a line below the
    first that looks more like the names, 0 for none.
    """

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    packing: str = ""
    skipped: int = 0
    names: tuple[str, ...] = ()
    padded: tuple[str, ...] = ()
    names_in_line: int = 0
    conversion: Conversion | None = None

    @property
    def is_plain(self) -> bool:
        """True if the bytes of the file are its text in UTF-8."""
        return not self.packing and not self.conversion and self.encoding == "utf-8"

    def blocks(self, path: Location) -> Iterator[bytes]:
        """Iterate over the bytes of the text."""
        return self.conversion.blocks(path) if self.conversion else unpacked(path, self.packing)

    def note(self, asked: TableOptions) -> str:
        """Description of what differs from commas, points and UTF-8, and was not asked for."""
        differences = []
        if self.conversion:
            return self.conversion.note
        if self.separator != "," and not asked.separator:
            differences.append(
                f"{SEPARATORS.get(self.separator, repr(self.separator))} between columns"
            )
        if self.decimal != "." and not asked.decimal:
            differences.append("decimal commas")
        if self.encoding != "utf-8" and not asked.encoding:
            differences.append(f"encoding {self.encoding}")
        return f"read with {', '.join(differences)}" if differences else ""


def sniffed(path: Location, asked: TableOptions = FOUND_OUT, *, whole: bool = False) -> CsvDialect:
    """Infer the dialect of a file from its beginning, where `asked` leaves it open.

    With `whole`, the encoding is inferred from all of it: the beginning does not show it.
    """
    packing = packing_of(path)
    conversion = conversion_of(path, packing, asked)
    if conversion:
        head, encoding = _head(conversion.blocks(path)), "utf-8"
        asked = replace(asked, separator=",", decimal=".")
    else:
        head, encoding = _beginning(path, packing, asked)
    if whole and encoding == "utf-8":
        encoding = encoding_of_text(unpacked(path, packing))
    text, separator = _decoded(path, head, encoding), asked.separator
    line = SEPARATOR_LINE.match(text)
    if line:
        separator, text = separator or line[1], text[line.end() :]
    above, below = 0 if line is None else 1, 0
    if asked.header_row is not None:
        text, above = _below_title(path, text, above, asked)
    elif asked.header:
        _refuse_title(path, text, above)
    separator = separator or _separator_in(text)
    rows, first = _rows(text, separator, ROWS)
    _refuse_full_width(path, text)
    if asked.header and asked.header_row is None:
        below = _line_of_names(text, separator, above)
    names = tuple(rows[0]) if rows else ()
    if not asked.header:
        names, first = tuple(f"column_{i}" for i in range(1, len(names) + 1)), 0
    elif len(rows) > 1 and all(len(r) == len(names) + 1 and not r[-1] for r in rows[1:]):
        names = (*names, "")
    cells = [
        [cell if cell.strip() not in asked.missing else "" for cell in row]
        for row in rows[asked.header :]
    ]
    decimal = asked.decimal or _decimal_in(cells, separator)
    padded = _padded(names, cells)
    lines = first + above
    return CsvDialect(
        separator, decimal, encoding, packing, lines, names, padded, below, conversion
    )


def _below_title(path: Location, text: str, before: int, asked: TableOptions) -> tuple[str, int]:
    """The text from the line of names on, and the number of lines above it.

    `before` lines precede the text. A file of rows to predict may have other lines above the names
    or none: these are recognized by the names of the model.
    """
    line = asked.header_row or 1
    ends = [0, *(end.end() for end in re.finditer(r"\r\n?|\n", text))]
    n = line - 1 - before
    inside = line <= MOST_SKIPPED and 0 <= n < len(ends) and text[ends[n] :].strip()
    if not inside and not asked.names_of_model:
        raise DataError(
            f"{path}: {option('header_row', line)}, of {before + len(ends)} lines at most",
            f"a line with the column names, at most {MOST_SKIPPED}, and rows below it",
            option("header_row", before + 1),
        )
    if names := {*asked.names_of_model}:
        lines = [*[n] * bool(inside), *range(min(MOST_ABOVE, len(ends)))]
        n = max(lines, key=lambda i: _known(text[ends[i] :], names))
    return text[ends[n] :], before + n


def _known(text: str, names: set[str]) -> int:
    """Number of these names in the first line of a text, for the separator that finds the most."""
    lines = (_rows(text, separator, 1)[0] for separator in SEPARATORS)
    return max(len({cell.strip() for row in rows for cell in row} & names) for rows in lines)


def _line_of_names(text: str, separator: str, before: int) -> int:
    """Line below the first that looks like the names: words, with numbers or dates below; or 0."""
    rows, _ = _first_lines(text, separator)
    for i, (line, row) in enumerate(rows[1:MOST_ABOVE], 1):
        cells = [cell.strip() for cell in row]
        if "" in cells or len({*cells}) < len(cells) or any(map(PLAIN.fullmatch, cells)):
            continue
        if _reads(cells).any():
            continue
        below = [r for _, r in rows[i + 1 :] if len(r) == len(cells)]
        if below and np.any([_reads(r) for r in below], axis=0).any():
            return before + line
    return 0


def _reads(cells: Sequence[str]) -> Array:
    return read_as(pa.array(cells, pa.string()), "number", "date")


def _refuse_title(path: Location, text: str, before: int) -> None:
    """Refuse lines above the column names: a nearly empty first line, and a full one below."""
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
                f"{before + line} looks like the column names: {', '.join(cells[:5])}"
                + ", …"
                * (width > 5),
                "the column names in the first line",
                f"{option('header_row', before + line)}; or remove the {above} above the names",
            )


def _first_lines(text: str, separator: str) -> tuple[list[tuple[int, list[str]]], int]:
    """The first non-empty rows with their line numbers, and the number of fields of the lower half.

    That number is 1 if it differs between rows.
    """
    reader = rows_of_text.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = list[tuple[int, list[str]]]()
    with suppress(rows_of_text.Error):  # an unclosed quotation mark
        rows += [(reader.line_num, row) for row in islice(reader, LINES_ABOVE) if row]
    widths = {len(row) for _, row in rows[len(rows) // 2 :]}
    return rows, widths.pop() if len(widths) == 1 and len(rows) > 2 else 1


def first_rows(path: Location) -> list[list[list[str]]]:
    """The fields of the first non-empty rows, split by each of the separators.

    Empty for an empty file. Raises a FileError for a file that is not text.
    """
    head, encoding = _beginning(path, packing_of(path), FOUND_OUT)
    text = _decoded(path, head, encoding)
    readings = (_rows(text, separator, ROWS)[0] for separator in SEPARATORS)
    return [rows for rows in readings if rows]


def _beginning(path: Location, packing: str, asked: TableOptions) -> tuple[bytes, str]:
    """First bytes of a text file, and their encoding."""
    head = _head(unpacked(path, packing, SAMPLE))
    refuse_other_kinds(path, head)
    encoding = asked.encoding or _encoding_of(head)
    if encoding in GUESSED and NO_TEXT.search(head):
        raise FileError(
            f"{path}: not a text file",
            KINDS_OF_TABLES,
            "save it as “CSV UTF-8” in the program that wrote it",
        )
    return head, encoding


def _head(blocks: Iterator[bytes]) -> bytes:
    head = b""
    for block in blocks:
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
    """Text of the first bytes; without the last line if it may be cut off."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).removeprefix("\ufeff")
    except UnicodeError as error:
        raise NotThisEncodingError(path, "it", encoding) from error
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text if len(head) < SAMPLE else text[:end] or text


def _rows(text: str, separator: str, most: int) -> tuple[list[list[str]], int]:
    """The fields of the first non-empty rows, and the number of lines of the first one."""
    rows, lines = list[list[str]](), 0
    reader = rows_of_text.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            if row and not rows:
                lines = reader.line_num
            if row:
                rows.append(row)
            if len(rows) == most:
                break
    except rows_of_text.Error:  # a field of more than 2^17 characters: an unclosed quotation mark
        pass
    return rows, lines


def _separator_in(text: str) -> str:
    """Separator that splits most rows into as many fields as there are names, and more than one."""
    best, most = ",", (0.0, 1)
    for separator in SEPARATORS:
        names, *rows = _rows(text, separator, ROWS)[0] or [[]]
        fits = [len(row) - (row[-1] == "") in (len(names) - (names[-1] == ""),) for row in rows]
        share = sum(fits) / len(fits) if fits else 1.0
        if len(names) > 1 and (share, len(names)) > most:
            best, most = separator, (share, len(names))
    return best


def _refuse_full_width(path: Location, text: str) -> None:
    """Refuse full-width characters as separators: between the names, or in all rows."""
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
    """Decimal sign that fits the most numeric columns."""
    columns = [
        [cell for cell in column if "," in cell or "." in cell]
        for column in zip(*rows, strict=False)
    ]
    if separator != ";" and all(
        "," not in cell and cell.count(".") == 1 for column in columns for cell in column
    ):
        return "."  # parsing them makes pyarrow load pandas, if it is installed
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
    """Columns of integers some of which have leading zeros."""
    columns = []
    for name, column in zip(names, zip(*rows, strict=False), strict=False):
        cells = [cell.strip() for cell in column if cell.strip()]
        if all(map(str.isdecimal, cells)) and any(c[0] == "0" and len(c) > 1 for c in cells):
            columns.append(name.strip())
    return tuple(columns)
