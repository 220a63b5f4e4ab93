"""From tables to data sets: which columns are features, what the target is."""

from pathlib import Path

import numpy as np

from handgrad.data.datasets import Dataset
from handgrad.data.files import Table, listed, table_of
from handgrad.errors import DataError, did_you_mean
from handgrad.layers import Array

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
    if target not in names:
        raise DataError(
            f"{source}: no column named {target!r}",
            f"one of {listed(names)}",
            _hint_for(str(target), names),
        )
    features = [name for name in names if name != target]
    if not features or sum(table.rows) == 0:
        raise DataError(
            f"{source}: {sum(table.rows)} rows, {len(features)} features",
            "at least one row, and one column beside the target",
            "check the file, and that its columns are separated by commas",
        )
    y, class_names = _target(table, target)
    x = np.column_stack([_numbers(table, name) for name in features])
    stem = Path(source).stem.rstrip("*?-_. ") or table.files[0].stem
    return Dataset(stem, x, y, tuple(features), target, class_names)


def _hint_for(target: str, names: list[str]) -> str:
    if len(names) == 1:
        return "put commas between the columns: there is only one as it is"
    return did_you_mean(target, names, "the name of the column to predict", likeness=0.7)


def _numbers(table: Table, name: str) -> Array:
    import pyarrow as pa
    import pyarrow.types as types

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
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        cells = [str(value) for value in column.to_pylist()]
        row = next((i for i, cell in enumerate(cells) if not _is_number(cell)), 0)
        came = f"has {cells[row]!r}" if cells[row].strip() else "is empty"
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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _target(table: Table, name: str) -> tuple[Array, tuple[str, ...]]:
    import pyarrow.types as types

    column, path = table.columns[name], table.source
    kind, cells = column.type, column.to_pylist()
    if types.is_string(kind):
        cells = [cell and cell.strip() for cell in cells]
    if None in cells or "" in cells:
        row = next(i for i, cell in enumerate(cells) if cell is None or cell == "")
        raise DataError(
            f"{path}: the target {name!r} is empty in {table.place(row)}",
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
                f"{path}: the target {name!r} is {values[row]} in {table.place(row)}",
                "a finite number in every row",
                "correct it, or remove the row",
            )
        return values, ()
    classes, y = np.unique(values, return_inverse=True)
    if whole and len(classes) >= FEWEST_VALUES_OF_A_NUMBER:
        return values.astype(np.float64), ()
    return y.astype(np.int64), tuple(map(str, classes))
