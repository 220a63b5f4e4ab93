"""Encoding of table columns, in functions that are copied into exported files.

They need only NumPy and the standard library; their results equal those of the `Features` of an
estimator.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from handgrad.textbook.layers import Array

START = datetime.datetime(1970, 1, 1)


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
        return value is None or value.strip() in ("", "NaT")
    return str(value) in ("<NA>", "NaT") or bool(value != value)


def number(column: object, center: float, factor: float, marked: bool) -> Array:
    """Robust z-score (median, IQR), outliers squashed; 0 if missing, with a missing-value flag."""
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
    """Values of a column as text, None if missing; 3, 3.0 and "3" are the same text."""
    values = list[str | None]()
    for v in cells(column):
        whole = isinstance(v, int | float) and float(v).is_integer()
        values.append(None if v is None else str(int(v) if whole else v))
    return values


def one_of_two(column: object, first: str, second: str) -> Array:
    """-1 for the first value, 1 for the second, 0 for other and missing values."""
    meant: dict[str | None, float] = {first: -1.0, second: 1.0}
    return np.array([meant.get(v, 0.0) for v in texts(column)], float)[:, None]


def category(column: object, known: Sequence[str]) -> Array:
    """One-hot encoding of the known values."""
    places = code(column, known, 0) - 1
    return (places == np.arange(len(known))).astype(float)


def code(column: object, known: Sequence[str], first: int) -> Array:
    """Index of each value among the known ones, from first + 1; first for other values."""
    places: dict[str | None, int] = {value: first + 1 + i for i, value in enumerate(known)}
    return np.array([places.get(v, first) for v in texts(column)], float)[:, None]


def days(column: object) -> Array:
    """Dates, or text such as 2024-01-31 or 2024-01-31 12:00, as days since 1970; NaN if missing."""
    seconds = []
    for v in cells(column):
        if isinstance(v, str):
            v = datetime.datetime.fromisoformat(v)
        elif isinstance(v, datetime.date) and not isinstance(v, datetime.datetime):
            v = datetime.datetime(v.year, v.month, v.day)
        seconds.append(np.nan if v is None else (v.replace(tzinfo=None) - START).total_seconds())
    return np.array(seconds, float) / 86400.0


def date(
    column: object, center: float, factor: float, marked: bool, cycles: Sequence[float]
) -> Array:
    """Robust z-score of the time, and sine and cosine of each cycle, of a length in days."""
    times = days(column)
    missing = np.isnan(times)
    parts = [number(times, center, factor, marked)]
    for length in cycles:
        turn = 2 * np.pi * np.where(missing, 0, times) / length
        parts.append(np.stack([np.sin(turn), np.cos(turn)], axis=1) * ~missing[:, None])
    return np.concatenate(parts, axis=1)
