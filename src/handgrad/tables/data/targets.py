"""Targets: classes or numbers, and the reason for the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handgrad.tables.data.files import Table
from handgrad.tables.data.table_options import Task
from handgrad.tables.data.text_formats import CandidateFormats, NumberFormat, cells_read, read_as
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

FEWEST_VALUES_OF_A_NUMBER = 20
DIGITS_OF_INT64 = 18
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass(frozen=True)
class Target:
    """Target column: labels, or numbers as float64; (n,).

    Times that may be `censored` are negative where they are.
    """

    name: str
    task: Task
    why: str
    values: Array
    censored: bool = False


def target_of(table: Table, name: str, task: Task | None = None) -> Target:
    """The column `name` as a target, for this `task` or an inferred one.

    Text, booleans, and fewer than 20 distinct integers are classes, anything else is a number to
    predict.
    """
    cells = target_cells(table, name)
    kind, values = cells.type, cells.to_pylist()
    if is_text(kind) and task is None:
        refuse_mixed(table, name, cells)
    looks, why = _looks_like(kind, values)
    if task is not None and task != looks:
        looks, why = task, f"asked for, though {why}"
    if looks == "regression":
        numbers = cells if pa.types.is_floating(kind) else _numbers(table, name, cells)
        return Target(name, looks, why, np.asarray(numbers, np.float64))
    if pa.types.is_floating(kind):
        whole = all(value.is_integer() for value in values)
        values = [int(value) if whole else str(value) for value in values]
    return Target(name, looks, why, np.asarray(values))


def target_cells(table: Table, name: str) -> pa.ChunkedArray:
    """Target without missing values: trimmed text, booleans, or finite numbers."""
    column, path = as_numbers(_trimmed(table.columns[name])), table.source
    missing = missing_targets(column)
    if missing.any():
        place = table.place(int(missing.argmax()))
        refuse_missing_target(path, name, place, int(missing.sum()), len(column))
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if not (numeric or pa.types.is_boolean(kind) or is_text(kind)):
        raise DataError(
            f"{path}: the target {name!r} holds {column[0].as_py()}, of type {kind}",
            "text, true and false, or numbers",
            "convert it to a number, such as days since a date",
        )
    if pa.types.is_floating(kind):
        values = np.asarray(column.to_numpy())
        if not np.isfinite(values).all():
            row = int(np.isfinite(values).argmin())
            raise table.refused(
                row,
                f"the target {name!r} is {values[row]}",
                "a finite number in every row",
                "correct it, or remove the row",
            )
    return column


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.utf8_trim_whitespace(column) if is_text(column.type) else column


def as_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert decimals to numbers and durations to seconds; other columns stay."""
    kind = column.type
    if pa.types.is_decimal(kind):
        whole = kind.scale <= 0 and kind.precision - kind.scale <= DIGITS_OF_INT64
        return column.cast(pa.int64() if whole else pa.float64())
    if pa.types.is_duration(kind):
        return pc.divide(
            column.cast(pa.int64()).cast(pa.float64(), safe=False), PER_SECOND[kind.unit]
        )
    return column


def with_target(table: Table, name: str) -> Table:
    """The rows that have a target; a note reports how many are dropped."""
    missing = missing_targets(table.columns[name])
    n, rows = int(missing.sum()), len(missing)
    if n in (0, rows):
        return table
    first = table.place(int(np.flatnonzero(missing)[0]))
    return replace(
        table,
        columns=table.columns.filter(~missing),
        numbers=table.numbers[~missing],
        notes=(*table.notes, left_out(name, n, rows, first)),
    )


def left_out(name: str, n: int, rows: int, first: str) -> str:
    """Note on rows without a target."""
    return f"{n:,} of {rows:,} rows have no target {name!r} and are left out, first {first}"


def missing_targets(column: pa.ChunkedArray) -> Array:
    """Mask of the rows without a target, (n,)."""
    column = _trimmed(column)
    empty = pc.is_null(column, nan_is_null=True)
    if is_text(column.type):
        empty = pc.or_kleene(empty, pc.equal(column, ""))
    mask: Array = np.asarray(empty.to_numpy()).astype(bool)
    return mask


def refuse_missing_target(source: str, name: str, place: str, missing: int, n: int) -> NoReturn:
    """Refuse a target that is missing in `missing` of `n` rows, first in `place`."""
    raise DataError(
        f"{source}: the target {name!r} is empty in {place}"
        + (f", and in {missing} of {n} rows in all" if missing > 1 else ""),
        "a target in every row",
        "fill it in, or remove the rows without one",
    )


def is_text(kind: pa.DataType) -> bool:
    """Return True for text types."""
    return str(kind) in ("string", "large_string", "string_view")


def _looks_like(kind: pa.DataType, values: Sequence[object]) -> tuple[Task, str]:
    if is_text(kind):
        return "classification", "it holds text"
    if pa.types.is_boolean(kind):
        return "classification", "it holds true and false"
    if pa.types.is_floating(kind):
        return "regression", "it holds numbers with a decimal point"
    n, limit = len(set(values)), FEWEST_VALUES_OF_A_NUMBER
    if n < limit:
        return "classification", f"it holds {n} different whole numbers, fewer than {limit}"
    return "regression", f"it holds {n} different whole numbers, {limit} or more"


def _numbers(table: Table, name: str, cells: pa.ChunkedArray) -> Array:
    if not is_text(cells.type):
        return np.asarray(cells.cast(pa.float64(), safe=False).to_numpy())
    format_ = CandidateFormats.of(cells).format(".", None)
    if isinstance(format_, NumberFormat):
        cells = cells_read(format_, cells).cast(pa.float64(), safe=False)
        if not cells.null_count:
            return np.asarray(cells.to_numpy())
        row = int(cells.is_null().to_numpy().argmax())
    else:
        row = int(read_as(cells.cast(pa.string()).combine_chunks(), "number").argmin())
    raise table.refused(
        row,
        f"the target {name!r} is {table.columns[name][row].as_py()!r}",
        "a number in every row, for regression",
        "correct it, or remove the row; or classification if these are classes",
    )


def refuse_mixed(table: Table, name: str, cells: pa.ChunkedArray) -> None:
    """Refuse text among numbers: it is ambiguous."""
    reads = read_as(cells.cast(pa.string()).combine_chunks(), "number")
    numbers = int(reads.sum())
    many = len(pc.unique(cells)) >= FEWEST_VALUES_OF_A_NUMBER
    if len(reads) > numbers > len(reads) / 2 and many:
        row = int(reads.argmin())
        raise table.refused(
            row,
            f"the target {name!r} is {cells[row].as_py()!r}",
            "values of one type",
            f"correct it, or remove the row; or --number '{name}', which drops such rows",
            f", among {numbers} numbers",
        )
