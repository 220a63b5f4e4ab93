"""What is made of the columns of a table, in functions that stand in an exported file as they are.

They use NumPy and the standard library alone, and give what the features of an estimator give.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handgrad.textbook.layers import Array

START = datetime.datetime(1970, 1, 1)


def cells(column: object) -> list[Any]:
    """The values of a column, or the one value of a single row, as Python's own; None for a gap."""
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
    """Whether it says that nothing is known: None, NaN, NA, NaT, a blank text."""
    if value is None or isinstance(value, str):
        return value is None or value.strip() in ("", "NaT")
    return str(value) in ("<NA>", "NaT") or bool(value != value)


def number(column: object, center: float, factor: float, marked: bool) -> Array:
    """Median 0, quartiles 1 apart, ends bent in; 0 where missing, and marked by a second number."""
    values = np.array([np.nan if v is None else float(v) for v in cells(column)], float)
    if np.isinf(values).any():
        raise ValueError("infinity in a column of numbers; expected finite ones, or None")
    missing = np.isnan(values)
    with np.errstate(over="ignore"):
        z = (np.where(missing, center, values) - center) * factor
    z = z.clip(-1e150, 1e150)
    bent = z / np.sqrt(1 + (z / 3.0) ** 2)
    return np.stack([bent, missing] if marked else [bent], axis=1)


def texts(column: object) -> list[str | None]:
    """The values of a column as text, whole numbers alike: 3, 3.0 and "3"; None where missing."""
    found = list[str | None]()
    for v in cells(column):
        whole = isinstance(v, int | float) and float(v).is_integer()
        found.append(None if v is None else str(int(v) if whole else v))
    return found


def one_of_two(column: object, first: str, second: str) -> Array:
    """-1 for the first value, 1 for the second, 0 for any other and where it is missing."""
    meant: dict[str | None, float] = {first: -1.0, second: 1.0}
    return np.array([meant.get(v, 0.0) for v in texts(column)], float)[:, None]


def category(column: object, known: Sequence[str]) -> Array:
    """A number for each value known, 1 where it is the row's, else 0."""
    places = code(column, known, 0) - 1
    return (places == np.arange(len(known))).astype(float)


def code(column: object, known: Sequence[str], first: int) -> Array:
    """Which of the values known it is, from first + 1 on; first where it is none of them."""
    places: dict[str | None, int] = {value: first + 1 + i for i, value in enumerate(known)}
    return np.array([places.get(v, first) for v in texts(column)], float)[:, None]


def days(column: object) -> Array:
    """Dates, or text as 2024-01-31 or 2024-01-31 12:00, as days since 1970; NaN where missing."""
    found = []
    for v in cells(column):
        if isinstance(v, str):
            v = datetime.datetime.fromisoformat(v)
        elif isinstance(v, datetime.date) and not isinstance(v, datetime.datetime):
            v = datetime.datetime(v.year, v.month, v.day)
        found.append(np.nan if v is None else (v.replace(tzinfo=None) - START).total_seconds())
    return np.array(found, float) / 86400.0


def date(
    column: object, center: float, factor: float, marked: bool, cycles: Sequence[float]
) -> Array:
    """The time that went by, as a number, and sine and cosine of each cycle, of so many days."""
    found = days(column)
    missing = np.isnan(found)
    parts = [number(found, center, factor, marked)]
    for length in cycles:
        turn = 2 * np.pi * np.where(missing, 0, found) / length
        parts.append(np.stack([np.sin(turn), np.cos(turn)], axis=1) * ~missing[:, None])
    return np.concatenate(parts, axis=1)
