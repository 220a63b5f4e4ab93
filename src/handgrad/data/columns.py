"""Columns of a table: those that are there, and their cells as numbers for a net."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from handgrad.base.errors import DataError, did_you_mean
from handgrad.data.csv_columns import data_above
from handgrad.data.files import Table, listed
from handgrad.data.table_options import TableOptions
from handgrad.data.targets import as_numbers
from handgrad.data.text_formats import read_as
from handgrad.layers import Array


def check_asked(source: str, names: Sequence[str], asked: TableOptions) -> None:
    """Refuse the name of a column to be read in some way that is not there."""
    check_columns(source, names, *asked.category, *asked.number, *asked.date)


def check_columns(source: str, names: Sequence[str], *columns: str) -> None:
    """Refuse the name of a column that is not there."""
    for name in columns:
        if name not in names:
            hint = "--separator (separator= in Python): there is one column only as it is"
            if len(names) > 1:
                otherwise = data_above(names) or "the name of the column as it stands in the file"
                hint = did_you_mean(str(name), names, otherwise, likeness=0.7)
            raise DataError(f"{source}: no column named {name!r}", f"one of {listed(names)}", hint)


def numbers(table: Table, name: str) -> Array:
    """A feature as finite numbers, (n,) float32."""
    column = table.columns[name]
    wanted = "a finite number in every row of every feature"
    if column.null_count:
        row = column.to_pylist().index(None)
        hint = "fill it in, or remove the row or the column"
        raise table.refused(row, f"column {name!r} is empty", wanted, hint)
    if not holds_numbers(column.type):
        row = row_without_a_number(column) or 0
        cell = str(column[row].as_py())
        raise table.refused(
            row,
            f"column {name!r} {f'has {cell!r}' if cell.strip() else 'is empty'}",
            wanted,
            "correct it, or remove the column; TabularClassifier().fit(hg.open_table(…), target) "
            "takes columns of any kind",
        )
    values = np.asarray(as_numbers(column).cast(pa.float64()).to_numpy())
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        row = int(np.isfinite(narrow).argmin())
        raise table.refused(
            row,
            f"column {name!r} is {values[row]:g}",
            wanted,
            "correct it, or give the column in another unit",
            ", too large for float32" if np.isfinite(values[row]) else "",
        )
    return narrow


def holds_numbers(kind: pa.DataType) -> bool:
    """Whether a column of this type can be a feature: numbers, durations, true and false."""
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(numbers or pa.types.is_duration(kind) or pa.types.is_boolean(kind))


def row_without_a_number(column: pa.ChunkedArray) -> int | None:
    """The first row of a column of another type whose cell does not read as a number."""
    odd = ~read_as(pa.array(map(str, column.to_pylist()), pa.string()), "number")
    return int(odd.argmax()) if odd.any() else None
