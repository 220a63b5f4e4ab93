"""What the page of a model knows, as JSON: columns, patterns to read by, rows to begin with."""

from __future__ import annotations

import datetime
import json
from importlib import resources
from typing import Any

import numpy as np

from handgrad._version import __version__
from handgrad.data import text_formats
from handgrad.data.frames import DAY, START, Column
from handgrad.exporting.subject import Subject
from handgrad.html import STEERING
from handgrad.layers import Sigmoid, Softmax
from handgrad.tabular import Features, features
from handgrad.tabular.features import Date, Feature, Nothing, Number
from handgrad.tabular.files import described

MOST_EXAMPLES = 12
ORDERS: dict[str, str] = {"dmy": "%d.%m.%Y", "mdy": "%m/%d/%Y", "ymd": "%Y-%m-%d"}


def page_data(subject: Subject) -> dict[str, Any]:
    """What the scripts of a page are told of a model."""
    return {
        "version": __version__,
        "kind": subject.kind,
        "output": subject.output,
        "shares": isinstance(subject.net.layers[-1], Softmax | Sigmoid),
        "classes": None if subject.classes is None else [*map(str, subject.classes.tolist())],
        "columns": columns_of(subject),
        "examples": examples(subject),
        "reading": reading(),
        "steering": STEERING.pattern,
        "words": json.loads(
            resources.files(__package__).joinpath("page/words.json").read_text("utf-8")
        ),
    }


def reading() -> dict[str, Any]:
    """How numbers and dates in text are read, and what the features of a table share."""
    return {
        "number": _in_script(text_formats.NUMBER),
        "digits": text_formats.DIGITS,
        "date": _in_script(text_formats.DATE),
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


def columns_of(subject: Subject) -> list[dict[str, Any]]:
    """What each field of the page holds, in the order of the columns."""
    if subject.features is None:
        return [{"name": name} | _plain(subject, i) for i, name in enumerate(subject.names)]
    found = described(subject.features)
    return [
        {"name": name, "timed": isinstance(feature, Date) and _timed(feature)} | found[name]
        for name, feature in used(subject.features).items()
    ]


def used(features: Features) -> dict[str, Feature]:
    """The columns of which something is made, in the order of the table."""
    return {name: f for name, f in features.features.items() if not isinstance(f, Nothing)}


def _timed(feature: Date) -> bool:
    """Whether dates of the training had times of the day."""
    return "of the day" in feature.cycles or not feature.time.center.is_integer()


def _plain(subject: Subject, i: int) -> dict[str, Any]:
    """What the column `i` of rows is that come as numbers: one of them, or the number of a row."""
    first = subject.net.layers[0]
    if subject.example.dtype.kind in "iu" or i >= getattr(first, "n_numbers", np.inf):
        return {"read_as": "Index", "n": getattr(first, "n_values", None)}
    return {"read_as": "Input"}


def examples(subject: Subject) -> list[list[str]]:
    """Rows as they would be typed; none of the edges that the model is proved by."""
    if subject.table is None or subject.features is None:
        rows = subject.example.reshape(len(subject.example), -1)[::-1][:MOST_EXAMPLES]
        return [[_written(float(f"{value:.4g}")) for value in row] for row in rows.tolist()]
    table = subject.table
    cells = [_typed(feature, table[name]) for name, feature in used(subject.features).items()]
    return [[*row] for row in zip(*cells, strict=True)][::-1][:MOST_EXAMPLES]


def _typed(feature: Feature, column: Column) -> list[str]:
    """The cells of a column as they would be typed, '' where one is missing."""
    if isinstance(feature, Number):
        digits = max(map(_digits, (feature.center, 1 / feature.factor)))
        numbers = np.round(column.values, digits).tolist()
        texts = [_written(value, feature.written) for value in numbers]
    elif isinstance(feature, Date):
        texts = [_day(value, feature) for value in column.values.tolist()]
    else:
        texts = column.values.tolist()
    return ["" if gap else text for gap, text in zip(column.missing, texts, strict=True)]


def _digits(value: float) -> int:
    """How many digits a number has behind its point, six at most."""
    return max((k for k in range(7) if round(value, k) != round(value, k - 1)), default=0)


def _written(value: float, decimal: str = ".") -> str:
    """A number as it would be typed: no point where there is nothing behind it."""
    return repr(value).removesuffix(".0").replace(".", decimal or ".")


def _day(days: float, feature: Date) -> str:
    """Days since 1970 as a date, in the order of the training."""
    if days != days:
        return ""
    at = START + datetime.timedelta(seconds=round(days * DAY))
    order = ORDERS[feature.time.written or "ymd"]
    if not _timed(feature):
        return at.strftime(order)
    return at.strftime(f"{order} %H:%M") if feature.time.written else at.isoformat()
