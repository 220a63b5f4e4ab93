"""Data of the HTML page as JSON: columns, patterns and initial rows."""

from __future__ import annotations

import base64
import datetime
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from handgrad.exchange.exporting.examples import records
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.portable.picture_page import picture_data
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.files.cell_patterns import NAMES, reading
from handgrad.files.cells import DAY, START
from handgrad.files.features import Column, Cyclic, Date, Feature, Number
from handgrad.textbook.layers import Array, Sigmoid, Softmax
from handgrad.textbook.version import __version__
from handgrad.training.replacement_ranks import replacement_ranks

PAGE = "model"
# Relative tolerances: other machine code of the training.
MOST = {"float32": 1e-5, "float64": 1e-12}
MOST_EXAMPLES = 12
# Random orders of the columns for each example, each with its reverse, for contributions.
REPEATS = 2
# In interquartile ranges from the median: columns without negative values mostly stay so.
LOWEST, HIGHEST = -0.5, 1.5
ORDERS: dict[str, str] = {"dmy": "%d.%m.%Y", "mdy": "%m/%d/%Y", "ymd": "%Y-%m-%d"}


def page_data(
    spec: ModelSpec, answers: Array, train_spec: TrainSpec | None = None
) -> dict[str, Any]:
    """Data for the scripts of a page.

    `answers` (n, n_out) are the outputs for its example rows, bit for bit. The training rows of
    `train_spec`, if any, are part of it.
    """
    from handgrad.files.html import STEERING, page_words

    return {
        "version": __version__,
        "kind": spec.kind,
        "about": asdict(spec.about),
        "output": spec.output,
        "shares": isinstance(spec.net.layers[-1], Softmax | Sigmoid),
        "classes": None if spec.classes is None else [*map(str, spec.classes.tolist())],
        "thresholds": None if spec.thresholds is None else spec.thresholds.tolist(),
        "quantiles": spec.quantiles,
        "columns": [] if spec.picture else columns_of(spec),
        "picture": picture_data(spec),
        "examples": examples(spec),
        "orders": orders_of(spec),
        "proof": {
            "rows": proof_rows(spec),
            "answers": [[*map(_json, row)] for row in answers.tolist()],
        },
        "reading": reading(),
        "training": train_spec and {"x": _bytes(train_spec.x), "y": _bytes(train_spec.y)},
        "steering": STEERING.pattern,
        "words": page_words(PAGE),
    }


def columns_of(spec: ModelSpec) -> list[dict[str, Any]]:
    """Form fields, in the order of the columns."""
    if spec.features is None:
        return [{"name": name} | _plain(spec, i) for i, name in enumerate(_names(spec))]
    descriptions = spec.features.described()
    return [
        {"name": name, "kind": feature.kind, "timed": _timed(feature)} | descriptions[name]
        for name, feature in spec.columns.items()
    ]


def _names(spec: ModelSpec) -> list[str]:
    """Names of the numbers of a flattened row."""
    if spec.example.ndim == 2:
        return [*spec.names]
    return [f"x{i}" for i in range(math.prod(spec.example.shape[1:]))]


def _timed(feature: Feature) -> bool:
    """Return True for a date if training dates had times of the day."""
    return isinstance(feature, Date) and (
        "of the day" in feature.cycles or not feature.time.center.is_integer()
    )


def _plain(spec: ModelSpec, i: int) -> dict[str, Any]:
    """Form field of column `i` of a model of arrays."""
    first = spec.net.layers[0]
    if spec.example.dtype.kind in "iu" or i >= getattr(first, "n_numbers", np.inf):
        return {"kind": "index", "n": getattr(first, "n_values", None)}
    return {"kind": "input"}


def examples(spec: ModelSpec) -> list[list[str]] | dict[str, object]:
    """Initial rows of the form, from values of the test rows.

    Each column of a table has values typical of the training rows, combined arbitrarily. Pictures
    are those that are given.
    """
    if spec.picture:
        return _bytes(spec.example[: MOST_EXAMPLES if spec.given else 0])
    if spec.table is None or spec.features is None:
        rows = spec.example.reshape(len(spec.example), -1)[::-1][:MOST_EXAMPLES]
        return [[_written(float(f"{value:.4g}")) for value in row] for row in rows.tolist()]
    columns = []
    for name, feature in spec.columns.items():
        texts, usual = _typed(feature, spec.table[name]), _usual(feature, spec.table[name])
        columns.append([text for text, likely in zip(texts, usual, strict=True) if likely][::-1])
    return [[texts[i % len(texts)] for texts in columns] for i in range(MOST_EXAMPLES)]


def orders_of(spec: ModelSpec) -> list[list[list[int]]] | None:
    """Orders in which a row's cells replace those of each example, for contributions; or None."""
    if len(spec.columns) < 2:
        return None
    rng = np.random.default_rng(0)
    ranks = replacement_ranks(MOST_EXAMPLES, len(spec.columns), REPEATS, rng)
    orders: list[list[list[int]]] = (
        ranks.argsort(axis=-1).reshape(MOST_EXAMPLES, -1, len(spec.columns)).tolist()
    )
    return orders


def _usual(feature: Feature, column: Column) -> Array:
    """Mask, (n,), of values of a column that are typical of the training rows."""
    number = feature.number
    if number is not None:
        with np.errstate(over="ignore"):
            z = (column.values - number.center) * number.factor
        return np.asarray((z >= LOWEST) & (z <= HIGHEST))  # which NaN is not
    return np.array([value in getattr(feature, "values", ()) for value in column.values], bool)


def proof_rows(spec: ModelSpec) -> list[list[str]] | dict[str, object]:
    """Test rows as numbers; those of a table as text that parses to the same values."""
    if spec.table is None or spec.features is None:
        return _bytes(spec.example)
    values, cells = records(spec.table), []
    for name, feature in spec.columns.items():
        decimal = getattr(feature, "written", "")
        cells.append([_exactly(value, decimal) for value in values[name]])
    return [[*row] for row in zip(*cells, strict=True)]


def _exactly(value: object, decimal: str) -> str:
    if isinstance(value, float):
        return _written(value, decimal)
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value or "")


def _json(value: float) -> float | str:
    """Number for JSON; text if not finite."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else f"{'-' if value < 0 else ''}Infinity"


def _bytes(rows: Array) -> dict[str, object]:
    """Rows (n, …) as little-endian bytes."""
    kind = "int32" if rows.dtype.kind in "iub" else rows.dtype.name
    numbers = np.ascontiguousarray(rows, np.dtype(kind).newbyteorder("<"))
    text = base64.b64encode(numbers.tobytes()).decode()
    return {"type": kind, "width": math.prod(rows.shape[1:]), "bytes": text}


def _typed(feature: Feature, column: Column) -> list[str]:
    """Cells of a column as typed in the form, '' if missing."""
    if isinstance(feature, Number):
        digits = max(map(_digits, (feature.center, 1 / feature.factor)))
        numbers = np.round(column.values, digits).tolist()
        texts = [_written(value, feature.written) for value in numbers]
    elif isinstance(feature, Cyclic):
        texts = [_in_words(place, feature) for place in column.values.tolist()]
    elif isinstance(feature, Date):
        texts = [_day(value, feature) for value in column.values.tolist()]
    else:
        texts = column.values.tolist()
    return ["" if gap else text for gap, text in zip(column.missing, texts, strict=True)]


def _digits(value: float) -> int:
    """Number of decimals of a number, at most six."""
    return max((k for k in range(7) if round(value, k) != round(value, k - 1)), default=0)


def _written(value: float, decimal: str = ".") -> str:
    """Number as typed in the form."""
    return repr(value).removesuffix(".0").replace(".", decimal or ".")


def _in_words(place: float, feature: Cyclic) -> str:
    """Number of a cycle as a time of day, to the minute, or as a name in English."""
    if place != place:
        return ""
    if feature.place.written == "time":
        minutes = min(round(60 * place), 24 * 60 - 1)
        return f"{minutes // 60}:{minutes % 60:02}"
    names = NAMES[feature.place.written]
    return names[max(round(place), 1) - 1].split()[0].capitalize()


def _day(days: float, feature: Date) -> str:
    """Days since 1970 as a date in the training format."""
    if days != days:
        return ""
    at = START + datetime.timedelta(seconds=round(days * DAY))
    order = ORDERS[feature.time.written or "ymd"]
    if not _timed(feature):
        return at.strftime(order)
    return at.strftime(f"{order} %H:%M") if feature.time.written else at.isoformat()
