"""What is to be predicted: classes or numbers, and why a column is taken as one or the other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from handgrad.data.files import Table
from handgrad.errors import DataError
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

Task = Literal["classification", "regression"]

FEWEST_VALUES_OF_A_NUMBER = 20


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
    column = _decoded(table.columns[name])
    cells = _cells(table, name, column)
    kind = _kind(table, name, column)
    if kind == "text" and task is None:
        _refuse_mixed(table, name, cells)
    looks, why = _looks_like(kind, cells)
    if task is not None and task != looks:
        looks, why = task, f"asked for, though {why}"
    if looks == "regression":
        return Target(name, "regression", why, _numbers(table, name, cells))
    if kind == "number":
        whole = all(float(cell).is_integer() for cell in cells)
        return Target(name, looks, why, np.asarray([int(c) if whole else str(c) for c in cells]))
    return Target(name, looks, why, np.asarray(cells))


def _decoded(column: "pyarrow.ChunkedArray") -> "pyarrow.ChunkedArray":
    import pyarrow.types as types

    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column


def _kind(table: Table, name: str, column: "pyarrow.ChunkedArray") -> str:
    import pyarrow.types as types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    raise DataError(
        f"{table.source}: the target {name!r} holds {column[0]}, of type {kind}",
        "text, true and false, or numbers",
        "turn it into a number, days since a first one say",
    )


def _cells(table: Table, name: str, column: "pyarrow.ChunkedArray") -> list[Any]:
    """The values, without spaces around text; refused where one is missing."""
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in column.to_pylist()]
    empty = [row for row, cell in enumerate(cells) if cell is None or cell == ""]
    if empty:
        in_all = f", and in {len(empty)} of {len(cells)} in all" if len(empty) > 1 else ""
        raise DataError(
            f"{table.source}: the target {name!r} is empty in {table.place(empty[0])}{in_all}",
            "a target in every row",
            "fill it in, or remove the rows without one",
        )
    for row, cell in enumerate(cells):
        if isinstance(cell, float) and not np.isfinite(cell):
            raise DataError(
                f"{table.source}: the target {name!r} is {cell} in {table.place(row)}",
                "a finite number in every row",
                "correct it, or remove the row",
            )
    return cells


def _looks_like(kind: str, cells: list[Any]) -> tuple[Task, str]:
    if kind == "text":
        return "classification", "it holds text"
    if kind == "boolean":
        return "classification", "it holds true and false"
    if isinstance(cells[0], float):
        return "regression", "it holds numbers with a decimal point"
    n, limit = len(set(cells)), FEWEST_VALUES_OF_A_NUMBER
    if n < limit:
        return "classification", f"it holds {n} different whole numbers, fewer than {limit}"
    return "regression", f"it holds {n} different whole numbers, {limit} or more"


def _numbers(table: Table, name: str, cells: list[Any]) -> Array:
    for row, cell in enumerate(cells):
        if not is_number(cell):
            raise DataError(
                f"{table.source}: the target {name!r} is {cell!r} in {table.place(row)}",
                "a number in every row, for regression",
                "correct it, or remove the row; or classification, if these are classes",
            )
    return np.asarray([float(cell) for cell in cells])


def _refuse_mixed(table: Table, name: str, cells: list[Any]) -> None:
    """Refuse text among numbers: neither classes nor numbers were meant by it."""
    odd = [row for row, cell in enumerate(cells) if not is_number(cell)]
    numbers = len(cells) - len(odd)
    if odd and numbers > len(cells) / 2 and len(set(cells)) >= FEWEST_VALUES_OF_A_NUMBER:
        raise DataError(
            f"{table.source}: the target {name!r} is {cells[odd[0]]!r} in {table.place(odd[0])}, "
            f"among {numbers} numbers",
            "values of one kind",
            "correct it, or remove the row",
        )


def is_number(cell: Any) -> bool:
    """Whether text reads as a finite number, or is one."""
    try:
        return bool(np.isfinite(float(cell))) and "_" not in str(cell)
    except ValueError:
        return False
