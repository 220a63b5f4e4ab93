"""Tables in CSV files."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.data.datasets import Dataset
from handgrad.errors import DataError
from handgrad.files import FileError
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

FEWEST_VALUES_OF_A_NUMBER = 20


def read_csv(path: str | Path, target: str) -> Dataset:
    """The data set in a CSV file with a header: all columns but `target` are features.

    Features must be numbers. A target of text, of true and false, or of fewer than 20 different
    whole numbers is taken as classes, anything else as a number to predict.
    """
    table = _table(Path(path))
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{path}: two columns named {twice!r}",
            "a name of its own for each column",
            "rename one in the header",
        )
    if target not in names:
        close = difflib.get_close_matches(target, names, n=1, cutoff=0.4)
        raise DataError(
            f"{path}: no column named {target!r}",
            f"one of {', '.join(names)}",
            f"did you mean {close[0]!r}?" if close else "check the header, and the delimiter",
        )
    features = [name for name in names if name != target]
    if not features or table.num_rows == 0:
        raise DataError(
            f"{path}: {table.num_rows} rows, {len(features)} features",
            "at least one row, and one column beside the target",
            "check the file, and that its columns are separated by commas",
        )
    x = np.column_stack([_numbers(table[name], name, path) for name in features])
    y, class_names = _target(table[target], target, path)
    return Dataset(Path(path).stem, x.astype(np.float32), y, tuple(features), target, class_names)


def _table(path: Path) -> "pyarrow.Table":
    from pyarrow import ArrowInvalid, csv

    if not path.is_file():
        raise FileError(
            f"{path}: {'a folder' if path.is_dir() else 'no such file'}",
            "a CSV file with a header line",
            "check the spelling, and the folder you are in",
        )
    try:
        return csv.read_csv(path)
    except (ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise FileError(
            f"{path}: {str(error).splitlines()[0]}",
            "a CSV file in UTF-8: a header line, then rows with as many fields, commas between",
            "open it in a text editor at that line",
        ) from error


def _numbers(column: Any, name: str, path: Any) -> Array:
    import pyarrow as pa
    import pyarrow.types as types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind):
        row, text = next((i, v) for i, v in enumerate(column.to_pylist()) if not _is_number(v))
        raise DataError(
            f"{path}: column {name!r} has the text {text!r} in row {row + 1}",
            "numbers in every feature column",
            "correct it, remove the column, or encode its categories as numbers",
        )
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise DataError(
            f"{path}: column {name!r} holds {kind}",
            "numbers in every feature column",
            "remove the column, or turn it into numbers",
        )
    values = np.asarray(column.cast(pa.float64()).to_numpy())
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        what = "is empty" if np.isnan(values[row]) else f"is {values[row]}"
        raise DataError(
            f"{path}: column {name!r} {what} in row {row + 1}",
            "a finite number in every row of every feature",
            "fill it in, or remove the row or the column",
        )
    return values


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _target(column: Any, name: str, path: Any) -> tuple[Array, tuple[str, ...]]:
    import pyarrow.types as types

    if column.null_count:
        row = next(i for i, value in enumerate(column.to_pylist()) if value is None)
        raise DataError(
            f"{path}: the target {name!r} is empty in row {row + 1}",
            "a target in every row",
            "remove the rows without one",
        )
    values = np.asarray(column.to_pylist())
    whole = types.is_integer(column.type)
    if not whole and not types.is_boolean(column.type) and values.dtype.kind == "f":
        return values, ()
    classes, y = np.unique(values, return_inverse=True)
    if whole and len(classes) >= FEWEST_VALUES_OF_A_NUMBER:
        return values.astype(np.float64), ()
    return y.astype(np.int64), tuple(map(str, classes))
