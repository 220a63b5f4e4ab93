"""Files of estimators of tables: fitted features as JSON, and summaries, without scikit-learn.

Reading accepts only what a fit can produce.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any, TypedDict, cast, get_type_hints

from handgrad.files.estimators import Summary
from handgrad.files.features import (
    CYCLES,
    CYCLES_OF_TEXT,
    Binary,
    Category,
    Code,
    Cyclic,
    Date,
    Feature,
    Features,
    Nothing,
    Number,
)
from handgrad.files.tensors import damaged, shown
from handgrad.files.text_scores import TextScores
from handgrad.files.values import read_classes
from handgrad.tables.data.table_options import DATE_ORDERS
from handgrad.tables.estimators.temperature import is_temperature
from handgrad.tables.tabular.deviances import DEVIANCES
from handgrad.tables.tabular.quantiles import MOST_LEVELS
from handgrad.textbook.layers import Array

KINDS = {
    kind.__name__: kind
    for kind in (Number, Binary, Category, Code, Date, Cyclic, TextScores, Nothing)
}
TARGET = ("center", "spread", "lowest", "highest")  # the entries of `target_`
CHECKS: dict[str, Callable[[Any], bool]] = {  # of the fitted values in a file
    "columns": lambda columns: isinstance(columns, dict),
    "named": lambda named: type(named) is bool,
    "best_epochs": lambda epochs: (
        isinstance(epochs, list)
        and len(epochs) > 0
        and all(type(epoch) is int and 0 <= epoch < 2**53 for epoch in epochs)
    ),
    "classes": lambda classes: isinstance(classes, dict),
    "conformal": lambda entry: isinstance(entry, dict),
    "quantiles": lambda levels: (
        isinstance(levels, list)
        and 0 < len(levels) <= MOST_LEVELS
        and all(type(level) is float for level in levels)
        and all(a < b for a, b in pairwise([0.0, *levels, 1.0]))
    ),
    "loss": lambda loss: isinstance(loss, str) and loss in DEVIANCES,
    "times": lambda times: (
        isinstance(times, list)
        and len(times) > 0
        and all(type(time) is float and time < math.inf for time in times)
        and all(a < b for a, b in pairwise([0.0, *times]))
    ),
    "training": lambda entry: isinstance(entry, dict),
    "arrays": lambda arrays: isinstance(arrays, dict),
    "temperature": is_temperature,
    "positive": lambda place: type(place) is int and place in (0, 1),
    "threshold": lambda t: type(t) is float and 0 < t < 1,
    "target": lambda target: (
        isinstance(target, list)
        and [type(number) for number in target] == [float] * len(TARGET)
        and target[1] > 0
        and target[2] <= target[3]
    ),
}


class FittedToTable(TypedDict, total=False):
    """Fitted values in a file: columns by name, members, and target."""

    columns: dict[str, object]
    named: bool
    best_epochs: list[int]
    classes: dict[str, object]
    temperature: float
    positive: int
    threshold: float
    target: list[float]
    quantiles: list[float]
    loss: str
    times: list[float]
    conformal: dict[str, Any]
    training: dict[str, Any]
    arrays: dict[str, Array]


def features_from(columns: object) -> Features:
    """Features from their description in a file."""
    if not isinstance(columns, dict):
        raise damaged(f"the columns {shown(columns)}", "the type of each, by name")
    features = Features({name: _feature(name, entry) for name, entry in columns.items()})
    if features.n_out == 0:
        raise damaged("columns without any encoding", "at least one number for each row")
    return features


def checked(
    fitted: dict[str, object], keys: Collection[str], optional: Collection[str] = ()
) -> FittedToTable:
    """Fitted values with these keys; refused if one is invalid."""
    if set(fitted) - {*optional} != set(keys):
        raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join(sorted(keys)))
    for name in fitted:
        if not CHECKS[name](fitted[name]):
            raise damaged(f"{name} is {shown(fitted[name])}", "a result of a fit")
    return cast("FittedToTable", fitted)


def _feature(name: str, entry: object) -> Feature:
    kind = KINDS.get(str(entry.get("read_as"))) if isinstance(entry, dict) else None
    if kind is None or not isinstance(entry, dict):
        raise damaged(f"column {shown(name)} is {shown(entry)}", f"one of {', '.join(KINDS)}")
    feature: Feature = _dataclass_of(kind, {k: v for k, v in entry.items() if k != "read_as"}, name)
    if not _is_possible(feature):
        raise damaged(f"column {shown(name)} is {shown(entry)}", "the encoder of a column")
    return feature


def _dataclass_of(kind: type, entry: object, name: str) -> Any:
    """Dataclass from a dictionary, with a check of each field's type."""
    types = get_type_hints(kind)
    hints = {field.name: types[field.name] for field in dataclasses.fields(kind)}
    # Older files lack fields that were added later.
    needed = {field for field in hints if not hasattr(kind, field)}
    if not isinstance(entry, dict) or not needed <= set(entry) <= set(hints):
        raise damaged(f"column {shown(name)} has {shown(entry)}", ", ".join(hints) or "nothing")
    return kind(**{key: _of_type(value, hints[key], name) for key, value in entry.items()})


def _of_type(value: object, hint: type, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _dataclass_of(hint, value, name)
    if hint in (float, bool, int, str):
        if type(value) is hint:
            return value
    elif hint == float | None:
        if value is None or type(value) is float:
            return value
    elif isinstance(value, list) and all(type(part) is str for part in value):
        return tuple(value)
    raise damaged(f"column {shown(name)} has {shown(value)}", f"{getattr(hint, '__name__', hint)}")


def _is_possible(feature: Feature) -> bool:
    """Return True if a fit can produce this feature."""
    if isinstance(feature, Number):
        known = feature.written in ("", ".", ",", *DATE_ORDERS)
        return feature.factor > 0 and known and _is_range(feature.lowest, feature.highest)
    if isinstance(feature, TextScores):
        return feature.is_possible()
    if isinstance(feature, Cyclic):
        place = feature.place
        return place.written in CYCLES_OF_TEXT and _is_possible(
            dataclasses.replace(place, written="")
        )
    if isinstance(feature, Date):
        each_once = len(set(feature.cycles)) == len(feature.cycles)
        return _is_possible(feature.time) and each_once and set(feature.cycles) <= set(CYCLES)
    values = getattr(feature, "values", ("",))
    if len(set(values)) != len(values) or len(values) > getattr(feature, "n_values", 2):
        return False
    return len(values) == 2 if isinstance(feature, Binary) else len(values) > 0


def _is_range(lowest: float | None, highest: float | None) -> bool:
    """Return True for both ends of a range, or neither."""
    if lowest is None or highest is None:
        return lowest is highest
    return -math.inf < lowest <= highest < math.inf


def summary(fitted: FittedToTable) -> Summary:
    """Type of each column, and the classes, or the moments of the target."""
    summary_: Summary = {"columns": features_from(fitted["columns"]).read_as()}
    if "classes" in fitted:
        summary_["classes"] = read_classes(fitted["classes"]).tolist()
    if "target" in fitted:
        summary_["target"] = dict(zip(TARGET, fitted["target"], strict=True))
    if "quantiles" in fitted:
        summary_["target"]["quantiles"] = fitted["quantiles"]
    if "loss" in fitted:
        summary_["target"]["loss"] = fitted["loss"]
    if "times" in fitted:
        summary_["target"] = {"times": fitted["times"]}
    return summary_


SUMMARIES = dict.fromkeys(
    ("TableEncoder", "TabularClassifier", "TabularRegressor", "TabularSurvival"), summary
)
