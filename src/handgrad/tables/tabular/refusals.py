"""Cells of another kind than those of the training, refused with what can be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from handgrad.files.features import DAY, Column
from handgrad.tables.data.table_options import option
from handgrad.textbook.errors import DataError


def refuse_cell(
    column: Column, name: str, expected: str, reads: Callable[[Column], object] | None = None
) -> NoReturn:
    """Refuse a column for the first cell that is not as `expected`, by what `reads` such cells."""
    there = np.flatnonzero(~column.missing)
    odd = (r for r in there if reads and not reads(Column("text", column.values[r : r + 1])))
    row = int(next(odd, there[0]))
    hint = "the column that the training had, read in the same way"
    if reads is not None:
        said = option(expected.removesuffix("s"), name, quoted=True)
        said = said if said.startswith("--") else f"hg.data.open_table with {said}"
        hint = (
            f"correct that cell, or leave it empty; or {said}, by which such cells count as missing"
        )
    raise DataError(
        f"column {name!r} has {_plain(column, row)} in row {row}, counted from 0",
        f"{expected}, as in training",
        hint,
        row=row,
    )


def _plain(column: Column, row: int) -> str:
    """A value as it stood in a table."""
    value = column.values[row]
    if column.kind == "date":
        return str((value * DAY).round().astype("M8[s]")).removesuffix("T00:00:00")
    if column.kind == "text":
        return repr(value)
    if column.kind == "boolean":
        return str(bool(value))
    return str(int(value)) if float(value).is_integer() else str(float(value))
