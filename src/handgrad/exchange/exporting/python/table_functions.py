"""Reading of table columns, in functions that are copied into exported files.

They need only NumPy, the standard library, and the functions and constants of `cells`.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handgrad.files.cells import (
    DAY,
    NO_TIME,
    NO_VALUE,
    START,
    day_of,
    is_missing,
    text_of,
)
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
    return [None if is_missing(v) else v for v in values]


def numbers(column: object) -> Array:
    """Numbers of a column, (n,); NaN if missing."""
    values = np.array([np.nan if v is None else float(v) for v in cells(column)], float)
    if np.isinf(values).any():
        raise ValueError("infinity in a column of numbers; expected finite ones, or None")
    return values


def places(column: object, names: Sequence[str]) -> Array:
    """Hours of times such as 14:30, or places of names from 1, (n,); NaN if missing.

    Each of `names` has the names of one place. Numbers stay as they are.
    """
    known = {name: i for i, same in enumerate(names, 1) for name in same.split()}
    values = []
    for value in cells(column):
        if isinstance(value, str) and value.strip().lower().rstrip(".") in known:
            value = known[value.strip().lower().rstrip(".")]
        elif isinstance(value, str | datetime.time) and not known:
            t = datetime.time.fromisoformat(str(value))
            seconds = (10**6 * t.second + t.microsecond) / 10**6
            value = (3600 * t.hour + 60 * t.minute + seconds) / 3600
        values.append(np.nan if value is None else float(value))
    return np.array(values, float)


def days(column: object) -> Array:
    """Dates, or text such as 2024-01-31 or 2024-01-31 12:00, as days since 1970; NaN if missing."""
    read = datetime.datetime.fromisoformat
    dates = [read(v) if isinstance(v, str) else v for v in cells(column)]
    return np.array([np.nan if v is None else day_of(v) for v in dates], float)


def indices(column: object, known: Sequence[str]) -> Array:
    """Index of each text among the known ones, (n,), else -1; 3, 3.0 and "3" are the same text."""
    places = {value: i for i, value in enumerate(known)}
    values = cells(column)
    return np.array([-1 if v is None else places.get(text_of(v), -1) for v in values], float)
