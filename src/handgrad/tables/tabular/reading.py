"""How scripts of pages read the cells of a table, as data."""

from typing import Any

from handgrad.tables.data import text_formats
from handgrad.tables.tabular import features


def reading() -> dict[str, Any]:
    """How numbers and dates in text are read, and what the features of a table share."""
    return {
        "number": _in_script(text_formats.NUMBER),
        "digits": text_formats.DIGITS,
        "date": _in_script(text_formats.DATE),
        "date_in_chinese": text_formats.DATE_IN_CHINESE,
        "missing": text_formats.MISSING,
        "blanks": text_formats.BLANKS,
        "last_century": text_formats.LAST_CENTURY,
        "most_digits": text_formats.MOST_DIGITS,
        "limit": features.LIMIT,
        "huge": features.HUGE,
        "cycles": features.CYCLES,
    }


def _in_script(pattern: str) -> str:
    """A pattern of RE2 as one of JavaScript."""
    return pattern.replace("(?P<", "(?<")
