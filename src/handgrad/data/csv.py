"""Tables in CSV files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.data.datasets import Dataset
from handgrad.errors import DataError, did_you_mean
from handgrad.files import FileError, kind_of
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

FEWEST_VALUES_OF_A_NUMBER = 20
MOST_NAMES_LISTED = 12
BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


def read_csv(path: str | Path, target: str) -> Dataset:
    """The data set in a CSV file with a header: all columns but `target` are features.

    Features must be numbers. A target of text, of true and false, or of fewer than 20 different
    whole numbers is taken as classes, anything else as a number to predict.
    """
    return dataset_of(read_table(path), target, path)


def read_table(path: str | Path) -> "pyarrow.Table":
    """All columns of a CSV file in UTF-8; spaces around the names in its header do not count."""
    path = Path(path)
    if kind_of(path) != "file":
        raise FileError(
            f"{path}: {'a folder' if kind_of(path) else 'no such file'}",
            "a CSV file with a header line",
            "check the spelling, and the folder you are in",
        )
    table = _parsed(path)
    try:
        names = [name.strip() for name in table.column_names]
    except UnicodeDecodeError as error:
        raise _not_utf8(path, "the header") from error
    for name, column in zip(names, table.columns, strict=True):
        if str(column.type).endswith("binary"):
            raise _not_utf8(path, f"column {name!r}")
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name",
            "a name for each column in the header",
            "name it; or leave it out, if it only counts the rows: to_csv(index=False) in pandas",
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{path}: two columns named {twice!r}",
            "a name of its own for each column",
            "rename one in the header",
        )
    return table.rename_columns(names)


def dataset_of(table: "pyarrow.Table", target: str, path: str | Path) -> Dataset:
    """The columns of a table as features and target; messages say that it came from `path`."""
    names = table.column_names
    if target not in names:
        raise DataError(
            f"{path}: no column named {target!r}",
            f"one of {listed(names)}",
            _hint_for(str(target), names),
        )
    features = [name for name in names if name != target]
    if not features or table.num_rows == 0:
        raise DataError(
            f"{path}: {table.num_rows} rows, {len(features)} features",
            "at least one row, and one column beside the target",
            "check the file, and that its columns are separated by commas",
        )
    y, class_names = _target(table[target], target, path)
    x = np.column_stack([_numbers(table[name], name, path) for name in features])
    return Dataset(Path(path).stem, x, y, tuple(features), target, class_names)


def listed(names: Sequence[str]) -> str:
    """The names, with the middle left out where there are many."""
    if len(names) <= MOST_NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES_LISTED - 2])}, … {names[-1]} ({len(names)} in all)"


def _hint_for(target: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return "put commas between the columns: there is only one as it is"
    return did_you_mean(target, names, "the name of the column to predict", likeness=0.7)


def _parsed(path: Path) -> "pyarrow.Table":
    from pyarrow import ArrowInvalid, csv

    try:
        # Threads would lose count of the lines.
        return csv.read_csv(path, read_options=csv.ReadOptions(use_threads=False))
    except (ArrowInvalid, OSError) as error:
        came = "the file is empty" if "Empty CSV" in str(error) else str(error)
        if broken := BROKEN_ROW.search(came):
            line, expected, found, text = broken.groups()
            came = f"line {line} has {found} of {expected} fields: {text[:60]!r}"
        raise FileError(
            f"{path}: {came.splitlines()[0]}",
            "a CSV file in UTF-8: a header line, then rows with as many fields, commas between",
            "open the file in a text editor and compare",
        ) from error


def _not_utf8(path: Path, where: str) -> FileError:
    return FileError(
        f"{path}: {where} holds bytes that are not UTF-8",
        "a CSV file in UTF-8",
        "save it as “CSV UTF-8” in a spreadsheet, or: iconv -f latin1 -t utf8 OLD > NEW",
    )


def _numbers(column: Any, name: str, path: Any) -> Array:
    import pyarrow as pa
    import pyarrow.types as types

    kind, where = column.type, f"{path}: column {name!r}"
    wanted = "a finite number in every row of every feature"
    if column.null_count:
        row = column.to_pylist().index(None)
        raise DataError(
            f"{where} is empty in row {row + 1} below the header",
            wanted,
            "fill it in, or remove the row or the column",
        )
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        cells = [str(value) for value in column.to_pylist()]
        row = next((i for i, cell in enumerate(cells) if not _is_number(cell)), 0)
        came = f"has {cells[row]!r}" if cells[row].strip() else "is empty"
        raise DataError(
            f"{where} {came} in row {row + 1} below the header",
            wanted,
            "correct it, remove the column, or encode its categories as numbers",
        )
    values = np.asarray(column.cast(pa.float64()).to_numpy())
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.flatnonzero(~np.isfinite(narrow))[0])
        too_large = ", too large for float32" if np.isfinite(values[row]) else ""
        raise DataError(
            f"{where} is {values[row]:g} in row {row + 1} below the header{too_large}",
            wanted,
            "correct it, or give the column in another unit",
        )
    return narrow


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _target(column: Any, name: str, path: Any) -> tuple[Array, tuple[str, ...]]:
    import pyarrow.types as types

    kind, cells = column.type, column.to_pylist()
    if types.is_string(kind):
        cells = [cell and cell.strip() for cell in cells]
    if None in cells or "" in cells:
        row = next(i for i, cell in enumerate(cells) if cell is None or cell == "")
        raise DataError(
            f"{path}: the target {name!r} is empty in row {row + 1} below the header",
            "a target in every row",
            "remove the rows without one",
        )
    whole = types.is_integer(kind)
    if not (whole or types.is_floating(kind) or types.is_boolean(kind) or types.is_string(kind)):
        raise DataError(
            f"{path}: the target {name!r} holds {cells[0]}, of type {kind}",
            "text, true and false, or numbers",
            "turn it into a number, days since a first one say",
        )
    values = np.asarray(cells)
    if types.is_floating(kind):
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"{path}: the target {name!r} is {values[row]} in row {row + 1} below the header",
                "a finite number in every row",
                "correct it, or remove the row",
            )
        return values, ()
    classes, y = np.unique(values, return_inverse=True)
    if whole and len(classes) >= FEWEST_VALUES_OF_A_NUMBER:
        return values.astype(np.float64), ()
    return y.astype(np.int64), tuple(map(str, classes))
