"""From tables to data sets: which columns are features, what the target is."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from handgrad.base.errors import DataError, did_you_mean
from handgrad.data.csv_columns import data_above
from handgrad.data.datasets import Dataset
from handgrad.data.files import Table, check_asked, listed, table_of
from handgrad.data.table_options import TableOptions, TableWords
from handgrad.data.targets import as_numbers, target_of, with_target
from handgrad.data.text_formats import numbers_among
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow


def read_table(
    source: str | Path,
    target: str,
    **options: Unpack[TableWords],
) -> Dataset:
    """The data set in a CSV or Parquet file: all columns but `target` are features.

    A pattern such as `sales-*.csv` stands for all files that match, in the order of their names.
    Features must be numbers; for columns of any kind there is
    `TabularClassifier().fit(hg.open_table(source), target)`. A target of text, of true and false,
    or of fewer than 20 different whole numbers is taken as classes, anything else as a number to
    predict.

    How a CSV file is written is found out: what stands between columns (comma, semicolon, tab,
    bar), the decimal sign, thousands, currencies and per cent beside numbers, the order of day and
    month, the encoding, a compression; what is not as usual is a UserWarning. The keywords of
    `hg.data.TableOptions` say it instead: `separator`, `decimal`, `encoding`, `date_order`,
    `category`, `number`, `date`, `header`.

    Raises a FileError for a file that cannot be read, a DataError for what is in it, a
    SettingError for words that say nothing.
    """
    asked = TableOptions(**options)
    table = table_of(source, asked)
    check_asked(table.source, table.names, asked)
    check_column(table.source, table.names, target)
    table = with_target(table, target)
    if table.notes:
        warnings.warn(f"{source}: {'; '.join(table.notes)}", stacklevel=2)
    return dataset_of(table, target)


def dataset_of(table: Table, target: str) -> Dataset:
    """The columns of a table as features and target."""
    source, names = table.source, table.names
    check_column(source, names, target)
    features = [name for name in names if name != target]
    if not features or sum(table.rows) == 0:
        raise DataError(
            f"{source}: {sum(table.rows)} rows, {len(features)} features",
            "at least one row, and one column beside the target",
            "check the file, and what stands between its columns (separator=)",
        )
    found = target_of(table, target)
    y, class_names = found.values, tuple[str, ...]()
    if found.task == "classification":
        classes, y = np.unique(found.values, return_inverse=True)
        class_names = tuple(map(str, classes))
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
        return "--separator (separator= in Python): there is one column only as it is"
    otherwise = data_above(names) or "the name of the column as it stands in the file"
    return did_you_mean(target, names, otherwise, likeness=0.7)


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
            "correct it, or remove the column; TabularClassifier().fit(hg.open_table(…), target) "
            "takes columns of any kind",
        )
    values = np.asarray(as_numbers(column).cast(pa.float64()).to_numpy())
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
    """Whether a column of this type can be a feature: numbers, durations, true and false."""
    import pyarrow.types as types

    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    return bool(numbers or types.is_duration(kind) or types.is_boolean(kind))


def row_without_a_number(column: "pyarrow.ChunkedArray") -> int | None:
    """The first row of a column of another type whose cell does not read as a number."""
    import pyarrow as pa

    odd = ~numbers_among(pa.array(map(str, column.to_pylist()), pa.string()))
    return int(odd.argmax()) if odd.any() else None
