"""Cells of a table as Python values: missing ones, text and dates.

Exported Python files have copies of these functions and constants.
"""

import datetime
from decimal import Decimal
from numbers import Real

# The words of pandas for a missing date, and for any missing value.
NO_TIME, NO_VALUE = "NaT", "<NA>"
START = datetime.datetime(1970, 1, 1)
DAY = 86400.0


def is_missing(value: object) -> bool:
    """Return True for None, NaN, NA, NaT and blank text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if isinstance(value, str | datetime.date | list | dict):
        return str(value) == NO_TIME
    try:
        return not bool(value == value)
    except (TypeError, ValueError):
        return str(value) == NO_VALUE


def text_of(value: object) -> str:
    """Convert a value to text; 3, 3.0 and True as 1 give the same text for equal integers."""
    if isinstance(value, Real | Decimal) and float(value).is_integer():
        return str(int(float(value)))
    return str(value)


def day_of(value: datetime.date) -> float:
    """Days since 1970 of a date or a local time."""
    if isinstance(value, datetime.datetime):
        return (value.replace(tzinfo=None) - START).total_seconds() / DAY
    return float((value - START.date()).days)
