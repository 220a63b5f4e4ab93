"""Targets: classes or numbers, and why a column is taken as one or the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NoReturn

import numpy as np

from handgrad.base.errors import DataError
from handgrad.data.files import Table
from handgrad.data.text_formats import Evidence, NumberFormat, numbers_among
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

Task = Literal["classification", "regression"]

FEWEST_VALUES_OF_A_NUMBER = 20
DIGITS_OF_INT64 = 18
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


@dataclass(frozen=True)
class Target:
    """The column to predict: labels as they stand there, or numbers as float64; (n,)."""

    name: str
    task: Task
    why: str
    values: Array


def target_of(table: Table, name: str, task: Task | None = None) -> Target:
    """The column `name` as a target: for the `task` that is asked for, or the one it looks like.

    Text, true and false, and fewer than 20 different whole numbers are classes, anything else is
    a number to predict.
    """
    import pyarrow.types as types

    cells = target_cells(table, name)
    kind, values = cells.type, cells.to_pylist()
    if is_text(kind) and task is None:
        _refuse_mixed(table, name, values)
    looks, why = _looks_like(kind, values)
    if task is not None and task != looks:
        looks, why = task, f"asked for, though {why}"
    if looks == "regression":
        numbers = cells if types.is_floating(kind) else _numbers(table, name, cells)
        return Target(name, looks, why, np.asarray(numbers, np.float64))
    if types.is_floating(kind):
        whole = all(value.is_integer() for value in values)
        values = [int(value) if whole else str(value) for value in values]
    return Target(name, looks, why, np.asarray(values))


def target_cells(table: Table, name: str) -> pyarrow.ChunkedArray:
    """A target that is there in every row: trimmed text, truth values, or finite numbers."""
    import pyarrow.types as types

    column, path = as_numbers(_trimmed(table.columns[name])), table.source
    row, n = missing_target(column)
    if n:
        refuse_missing_target(path, name, table.place(row), n, len(column))
    kind = column.type
    numeric = types.is_integer(kind) or types.is_floating(kind)
    if not (numeric or types.is_boolean(kind) or is_text(kind)):
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


def _trimmed(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    import pyarrow.compute as pc
    import pyarrow.types as types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.utf8_trim_whitespace(column) if is_text(column.type) else column


def as_numbers(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """A column of decimals as numbers, whole ones as such, of durations as seconds; else itself."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    kind = column.type
    if types.is_decimal(kind):
        whole = kind.scale <= 0 and kind.precision - kind.scale <= DIGITS_OF_INT64
        return column.cast(pa.int64() if whole else pa.float64())
    if types.is_duration(kind):
        return pc.divide(column.cast(pa.int64()).cast(pa.float64()), PER_SECOND[kind.unit])
    return column


def with_target(table: Table, name: str) -> Table:
    """The rows that have a target, where some have none: how many are left out is told."""
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
    """What is told of rows without a target."""
    return f"{n:,} of {rows:,} rows have no target {name!r} and are left out, first {first}"


def missing_targets(column: pyarrow.ChunkedArray) -> Array:
    """Which rows have no target, (n,) of truth values."""
    import pyarrow.compute as pc

    column = _trimmed(column)
    empty = pc.is_null(column, nan_is_null=True)
    if is_text(column.type):
        empty = pc.or_kleene(empty, pc.equal(column, ""))
    found: Array = np.asarray(empty.to_numpy()).astype(bool)
    return found


def missing_target(column: pyarrow.ChunkedArray) -> tuple[int, int]:
    """The first row without a target, −1 where each has one, and how many have none."""
    missing = np.flatnonzero(missing_targets(column))
    return (int(missing[0]) if len(missing) else -1), len(missing)


def refuse_missing_target(source: str, name: str, place: str, missing: int, n: int) -> NoReturn:
    """Refuse a target that is not there, first in a place, in so many of n rows."""
    raise DataError(
        f"{source}: the target {name!r} is empty in {place}"
        + (f", and in {missing} of {n} rows in all" if missing > 1 else ""),
        "a target in every row",
        "fill it in, or remove the rows without one",
    )


def is_text(kind: pyarrow.DataType) -> bool:
    """Whether a column of this type holds text."""
    import pyarrow.types as types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _looks_like(kind: pyarrow.DataType, values: Sequence[object]) -> tuple[Task, str]:
    import pyarrow.types as types

    if is_text(kind):
        return "classification", "it holds text"
    if types.is_boolean(kind):
        return "classification", "it holds true and false"
    if types.is_floating(kind):
        return "regression", "it holds numbers with a decimal point"
    n, limit = len(set(values)), FEWEST_VALUES_OF_A_NUMBER
    if n < limit:
        return "classification", f"it holds {n} different whole numbers, fewer than {limit}"
    return "regression", f"it holds {n} different whole numbers, {limit} or more"


def _numbers(table: Table, name: str, cells: pyarrow.ChunkedArray) -> Array:
    import pyarrow as pa

    if not is_text(cells.type):
        return np.asarray(cells.cast(pa.float64()).to_numpy())
    found = Evidence.of(cells).format(".", None)
    if isinstance(found, NumberFormat):
        cells = found.read(cells).cast(pa.float64())
        if not cells.null_count:
            return np.asarray(cells.to_numpy())
        row = int(np.flatnonzero(cells.is_null().to_numpy())[0])
    else:
        odd = np.flatnonzero(~numbers_among(cells.cast(pa.string()).combine_chunks()))
        row = int(odd[0]) if len(odd) else 0
    raise DataError(
        f"{table.source}: the target {name!r} is {table.columns[name][row].as_py()!r} in "
        f"{table.place(row)}",
        "a number in every row, for regression",
        "correct it, or remove the row; or classification, if these are classes",
    )


def _refuse_mixed(table: Table, name: str, values: list[str]) -> None:
    """Refuse text among numbers: neither classes nor numbers were meant by it."""
    import pyarrow as pa

    odd = np.flatnonzero(~numbers_among(pa.array(values, pa.string())))
    numbers = len(values) - len(odd)
    if len(odd) and numbers > len(odd) and len(set(values)) >= FEWEST_VALUES_OF_A_NUMBER:
        row = int(odd[0])
        raise DataError(
            f"{table.source}: the target {name!r} is {values[row]!r} in {table.place(row)}, "
            f"among {numbers} numbers",
            "values of one kind",
            f"correct it, or remove the row; or --number '{name}', which leaves such rows out",
        )
