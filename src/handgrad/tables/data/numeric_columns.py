"""Numeric columns: features as finite numbers, and what is refused as one."""

import numpy as np
import pyarrow as pa

from handgrad.tables.data.files import Table
from handgrad.tables.data.targets import as_numbers
from handgrad.tables.data.text_formats import read_as
from handgrad.textbook.layers import Array


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
            "correct it, or remove the column; TabularClassifier().fit(hg.data.open_table(…), "
            "target) takes columns of any kind",
        )
    if column.type == pa.float32():
        values = narrow = column.to_numpy()
    else:
        values = np.asarray(as_numbers(column).cast(pa.float64(), safe=False).to_numpy())
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
