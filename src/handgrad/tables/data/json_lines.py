"""JSON lines: an object with the cells of a row in each line."""

import io
import json
import math
from collections.abc import Iterator, Sequence

from handgrad.tables.data.file_kinds import unpacked
from handgrad.tables.data.files import Location
from handgrad.textbook.errors import DataError, FileError

WANTED = 'an object in each line, {"age": 30, "town": "Ulm"}'


def is_object(head: bytes) -> bool:
    """Return True if the first line of a file is a whole JSON object."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def rows_of_json_lines(path: Location, packing: str) -> Iterator[Sequence[str]]:
    """Iterate over the rows of cells, the names of all objects first.

    A cell is empty where an object lacks the name. The file is read twice.
    """
    names: dict[str, None] = {}
    for _, row in _objects(path, packing):
        names |= dict.fromkeys(row)
    if not names:
        raise FileError(f"{path}: the file is empty", WANTED, "check the file")
    yield [*names]
    for line, row in _objects(path, packing):
        yield [_cell(path, line, name, row.get(name)) for name in names]


def _objects(path: Location, packing: str) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a file, with the numbers of their lines."""
    for number, line in enumerate(_lines(path, packing), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise FileError(
                f"{path}: line {number} is not JSON: {why}", WANTED, "correct or remove the line"
            ) from error
        if not isinstance(row, dict):
            raise FileError(
                f"{path}: line {number} has {type(row).__name__} {line[:40].decode()!r}",
                WANTED,
                "correct or remove the line",
            )
        yield number, row


def _lines(path: Location, packing: str) -> Iterator[bytes]:
    rest = b""
    for block in unpacked(path, packing):
        *lines, rest = io.BytesIO(rest + block).read().split(b"\n")
        yield from lines
    yield rest


def _cell(path: Location, line: int, name: str, value: object) -> str:
    """The text of a value in a CSV file."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise DataError(
            f"{path}: {name!r} is {'an object' if isinstance(value, dict) else 'a list'} in line "
            f"{line}",
            "a number, text, true, false or null",
            "a column for each part of it: pandas.json_normalize in Python",
        )
    return str(value)
