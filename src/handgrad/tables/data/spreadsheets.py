"""Sheets of spreadsheets: files of Excel (.xlsx, .xlsb, .xls) and OpenDocument (.ods)."""

from __future__ import annotations

import datetime
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from handgrad.tables.data.file_kinds import MOST_TIMES, PLENTY, opened
from handgrad.tables.data.files import Location, listed, status_of
from handgrad.tables.data.table_options import option
from handgrad.textbook.errors import DataError, FileError, HandgradError, did_you_mean
from handgrad.textbook.install import require

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

# From here on not every whole number is a float.
WHOLE = 2**53
# Name of what an .xlsx file with a password has within.
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# A formula, and the value beside it if it is empty, up to the end of the cell.
FORMULA = re.compile(
    rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?P<value><v\s*/>|<v>\s*</v>)?\s*</c>", re.DOTALL
)
RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def sheet_of(path: Location, asked: str | int | None) -> tuple[str, str]:
    """Name of the sheet to read: the one asked for, by name or number; and a note on others."""
    with _workbook(path) as workbook:
        names = [str(name) for name in workbook.sheet_names]
        if asked is None:
            filled = [name for name in names if workbook.get_sheet_by_name(name).height]
            if not filled:
                raise FileError(f"{path}: every sheet is empty", "a table in a sheet", "fill one")
            rest = len(names) > 1 and f"sheet {filled[0]!r} is read, of {listed(names)}: "
            return filled[0], f"{rest}use {option('sheet')} for another" if rest else ""
    if str(asked) in names:
        return str(asked), ""
    if str(asked).isdecimal() and 0 < int(asked) <= len(names):
        return names[int(asked) - 1], ""
    hint = f"{option('sheet', names[0], quoted=True)}, or {option('sheet', 1)}"
    raise DataError(
        f"{path}: no sheet {asked!r}",
        f"one of {listed(names)}, or a number from 1 to {len(names)}",
        did_you_mean(str(asked), names, hint),
    )


def rows_of_sheet(path: Location, sheet: str) -> Iterator[Sequence[str]]:
    """Iterate over the rows of a sheet, without empty ones at the end.

    Empty rows above the first one are empty lines, so that lines have the numbers of the rows.
    """
    _refuse_formulas(path, sheet)
    with _workbook(path) as workbook:
        table = workbook.get_sheet_by_name(sheet)
        if not table.height:
            raise FileError(f"{path}: sheet {sheet!r} is empty", "a table", "another sheet")
        rows = [[_text(cell) for cell in row] for row in table.to_python()]
        first = table.start[0] if table.start else 0
    while rows and not any(rows[-1]):
        rows.pop()
    yield from ([] for _ in range(first))
    yield from rows


def _text(cell: object) -> str:
    """The text of a cell in a CSV file."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < WHOLE:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, datetime.timedelta):
        return str(cell.total_seconds())
    return str(cell)


@contextmanager
def _workbook(path: Location) -> Iterator[CalamineWorkbook]:
    """Open workbook; errors name the file."""
    require(f"{path}, a spreadsheet,", "a CSV file of it", spreadsheets=["python_calamine"])
    import python_calamine as calamine

    _refuse_far_larger(path)
    try:
        with opened(path) as file, calamine.CalamineWorkbook.from_filelike(file) as workbook:
            yield workbook
    except HandgradError:
        raise
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise _broken(path, error) from error
    except BaseException as error:  # a failure inside the library is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise _broken(path, error) from error


def _broken(path: Location, error: BaseException) -> FileError:
    with opened(path) as file:
        if type(error).__name__ == "PasswordError" or ENCRYPTED in file.read():
            return FileError(
                f"{path}: it has a password",
                "a spreadsheet that can be opened without one",
                "save it without a password in the spreadsheet program",
            )
    return FileError(
        f"{path}: it cannot be read as a spreadsheet: {str(error).splitlines()[0]}",
        "a whole .xlsx, .xls or .ods file",
        "open it in the spreadsheet program, and save it again",
    )


def _refuse_far_larger(path: Location) -> None:
    """Refuse a ZIP archive that is far larger when decompressed."""
    with opened(path) as file:
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    if size > max(PLENTY, MOST_TIMES * status_of(path).size):
        raise FileError(
            f"{path}: more than {MOST_TIMES} times as large when decompressed",
            "a table, which seldom compresses that well",
            "save the table as a CSV file",
        )


def _refuse_formulas(path: Location, sheet: str) -> None:
    """Refuse an .xlsx file with formulas whose values are not stored, as some programs write."""
    with opened(path) as file:
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as archive:
            name = _entry_of(archive, sheet)
            cells = archive.read(name) if name in archive.namelist() else b""
    empty = list[str]()
    for formula in FORMULA.finditer(cells):
        begin = cells.rfind(b"<c ", 0, formula.start())
        tag = cells[begin : cells.find(b">", begin)]
        if not (formula["value"] and b't="str"' in tag):  # else it is the empty text
            cell = re.search(rb'\br="([A-Z]+\d+)"', tag)
            empty.append(cell[1].decode() if cell else "?")
    if empty:
        several = "s" if len(empty) > 1 else ""
        raise FileError(
            f"{path}: {len(empty)} formula{several} without stored value{several}, first in "
            f"{empty[0]} of sheet {sheet!r}",
            "a file with the values of its formulas",
            "open it in the spreadsheet program, and save it there",
        )


def _entry_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """Name of the file of a sheet within an .xlsx file; '' for other kinds."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, ElementTree.ParseError):
        return ""
    ids = {entry.get("name"): entry.get(RELATIONS) for entry in book.iter() if entry.get(RELATIONS)}
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    return posixpath.join("/xl", targets.get(ids.get(sheet), "")).lstrip("/")
