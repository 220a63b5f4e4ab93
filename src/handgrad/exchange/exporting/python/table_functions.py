"""Reading of table cells, in functions that are copied into exported files.

They need only NumPy, the standard library and the constants of `CONSTANTS`.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handgrad.files.cell_patterns import NO_TIME, NO_VALUE
from handgrad.files.features import DAY, START
from handgrad.textbook.layers import Array

CONSTANTS = {"START": START, "DAY": DAY, "NO_TIME": NO_TIME, "NO_VALUE": NO_VALUE}


def cells(column: object) -> list[Any]:
    """Values of a column, or the value of a single row, as Python objects; None if missing."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        column = column.astype("datetime64[us]")
    if hasattr(column, "to_pylist"):
        column = column.to_pylist()
    if isinstance(column, str) or not isinstance(column, Iterable):
        column = [column]
    values = column.tolist() if isinstance(column, np.ndarray) else [*column]
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    return [None if is_gap(v) else v for v in values]


def is_gap(value: object) -> bool:
    """Return True for a missing value: None, NaN, NA, NaT or blank text."""
    if value is None or isinstance(value, str):
        return value is None or value.strip() in ("", NO_TIME)
    return str(value) in (NO_VALUE, NO_TIME) or bool(value != value)


def numbers(column: object) -> Array:
    """Numbers of a column, (n,); NaN if missing."""
    values = np.array([np.nan if v is None else float(v) for v in cells(column)], float)
    if np.isinf(values).any():
        raise ValueError("infinity in a column of numbers; expected finite ones, or None")
    return values


def days(column: object) -> Array:
    """Dates, or text such as 2024-01-31 or 2024-01-31 12:00, as days since 1970; NaN if missing."""
    seconds = []
    for v in cells(column):
        if isinstance(v, str):
            v = datetime.datetime.fromisoformat(v)
        elif isinstance(v, datetime.date) and not isinstance(v, datetime.datetime):
            v = datetime.datetime(v.year, v.month, v.day)
        seconds.append(np.nan if v is None else (v.replace(tzinfo=None) - START).total_seconds())
    return np.array(seconds, float) / DAY


def indices(column: object, known: Sequence[str]) -> Array:
    """Index of each text among the known ones, (n,), else -1; 3, 3.0 and "3" are the same text."""
    places: dict[str | None, int] = {value: i for i, value in enumerate(known)}
    texts = list[str | None]()
    for v in cells(column):
        whole = isinstance(v, int | float) and float(v).is_integer()
        texts.append(None if v is None else str(int(v) if whole else v))
    return np.array([places.get(text, -1) for text in texts], float)
