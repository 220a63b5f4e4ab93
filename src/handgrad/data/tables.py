"""From tables to data sets: which columns are features, what the target is."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from handgrad.data.datasets import Dataset
from handgrad.data.files import Table, listed, table_of
from handgrad.errors import DataError, did_you_mean
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

FEWEST_VALUES_OF_A_NUMBER = 20


def read_table(source: str | Path, target: str) -> Dataset:
    """The data set in a CSV or Parquet file: all columns but `target` are features.

    A pattern such as `sales-*.csv` stands for all files that match, in the order of their names.
    Features must be numbers. A target of text, of true and false, or of fewer than 20 different
    whole numbers is taken as classes, anything else as a number to predict.
    """
    return dataset_of(table_of(source), target)


def dataset_of(table: Table, target: str) -> Dataset:
    """The columns of a table as features and target."""
    source, names = table.source, table.names
    check_column(source, names, target)
    features = [name for name in names if name != target]
    if not features or sum(table.rows) == 0:
        raise DataError(
            f"{source}: {sum(table.rows)} rows, {len(features)} features",
            "at least one row, and one column beside the target",
            "check the file, and that its columns are separated by commas",
        )
    y, class_names = _target(table, target)
    x = np.column_stack([numbers(table, name) for name in features])
    stem = Path(source).stem.rstrip("*?-_. ") or table.files[0].stem
    return Dataset(stem, x, y, tuple(features), target, class_names)


def check_column(source: str, names: list[str], name: str) -> None:
    """Refuse the name of a column that is not there."""
    if name not in names:
        raise DataError(
            f"{source}: no column named {name!r}",
            f"one of {listed(names)}",
            _hint_for(str(name), names),
        )


def _hint_for(target: str, names: list[str]) -> str:
    if len(names) == 1:
        return "put commas between the columns: there is only one as it is"
    return did_you_mean(target, names, "the name of the column to predict", likeness=0.7)


def numbers(table: Table, name: str) -> Array:
    """A feature as finite numbers, (n,) float32."""
    import pyarrow as pa

    column = table.columns[name]
    kind, where = column.type, f"{table.source}: column {name!r}"
    wanted = "a finite number in every row of every feature"
    if column.null_count:
        row = column.to_pylist().index(None)
        raise DataError(
            f"{where} is empty in {table.place(row)}",
            wanted,
            "fill it in, or remove the row or the column",
        )
    if not holds_numbers(kind):
        row = row_without_a_number(column) or 0
        cell = str(column[row].as_py())
        came = f"has {cell!r}" if cell.strip() else "is empty"
        raise DataError(
            f"{where} {came} in {table.place(row)}",
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
            f"{where} is {values[row]:g} in {table.place(row)}{too_large}",
            wanted,
            "correct it, or give the column in another unit",
        )
    return narrow


def holds_numbers(kind: "pyarrow.DataType") -> bool:
    """Whether a column of this type can be a feature: numbers, true and false."""
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def row_without_a_number(column: "pyarrow.ChunkedArray") -> int | None:
    """The first row of a column of another type whose cell does not read as a number."""
    cells = enumerate(map(str, column.to_pylist()))
    return next((i for i, cell in cells if not _is_number(cell)), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _target(table: Table, name: str) -> tuple[Array, tuple[str, ...]]:
    import pyarrow.types as types

    cells = target_cells(table, name)
    if types.is_floating(cells.type):
        return np.asarray(cells.to_numpy(), np.float64), ()
    classes, y = np.unique(np.asarray(cells.to_pylist()), return_inverse=True)
    if types.is_integer(cells.type) and len(classes) >= FEWEST_VALUES_OF_A_NUMBER:
        return np.asarray(cells.to_pylist()).astype(np.float64), ()
    return y.astype(np.int64), tuple(map(str, classes))


def target_cells(table: Table, name: str) -> "pyarrow.ChunkedArray":
    """A target that is there in every row: trimmed text, truth values, or finite numbers."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    column, path = table.columns[name], table.source
    kind = column.type
    text = types.is_string(kind) or types.is_large_string(kind)
    if text:
        column = pc.utf8_trim_whitespace(column)
    empty = column.is_null()
    if text:
        empty = pc.or_kleene(empty, pc.equal(column, ""))
    if (row := pc.index(empty, True).as_py()) >= 0:
        raise DataError(
            f"{path}: the target {name!r} is empty in {table.place(row)}",
            "a target in every row",
            "remove the rows without one",
        )
    numeric = types.is_integer(kind) or types.is_floating(kind)
    if not (numeric or types.is_boolean(kind) or text):
        raise DataError(
            f"{path}: the target {name!r} holds {column[0].as_py()}, of type {kind}",
            "text, true and false, or numbers",
            "turn it into a number, days since a first one say",
        )
    if types.is_floating(kind):
        values = np.asarray(column.to_numpy())
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"{path}: the target {name!r} is {values[row]} in {table.place(row)}",
                "a finite number in every row",
                "correct it, or remove the row",
            )
    return column
