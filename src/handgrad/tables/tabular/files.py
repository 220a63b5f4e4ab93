"""Files of estimators of tables: fitted features as JSON, and summaries, without scikit-learn.

What is read back is nothing that a fit could not have led to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Any, TypedDict, cast, get_type_hints

from handgrad.files.estimators import Summary
from handgrad.files.features import (
    CYCLES,
    Binary,
    Category,
    Code,
    Date,
    Feature,
    Features,
    Nothing,
    Number,
)
from handgrad.files.tensors import damaged, shown
from handgrad.files.values import read_classes
from handgrad.tables.data.table_options import DATE_ORDERS

KINDS = {kind.__name__: kind for kind in (Number, Binary, Category, Code, Date, Nothing)}
TARGET = ("center", "spread", "lowest", "highest")  # what `target_` says of the numbers learned
CHECKS: dict[str, Callable[[Any], bool]] = {  # of what a file says was fitted
    "columns": lambda columns: isinstance(columns, dict),
    "named": lambda named: type(named) is bool,
    "best_epochs": lambda epochs: (
        isinstance(epochs, list)
        and len(epochs) > 0
        and all(type(epoch) is int and 0 <= epoch < 2**53 for epoch in epochs)
    ),
    "classes": lambda classes: isinstance(classes, dict),
    "temperature": lambda t: type(t) is float and 1e-3 < t < 1e3,
    "target": lambda target: (
        isinstance(target, list)
        and [type(number) for number in target] == [float] * len(TARGET)
        and target[1] > 0
        and target[2] <= target[3]
    ),
}


class FittedToTable(TypedDict, total=False):
    """What a file says was fitted: the columns by name, the members, and what they predict."""

    columns: dict[str, object]
    named: bool
    best_epochs: list[int]
    classes: dict[str, object]
    temperature: float
    target: list[float]


def features_from(said: object) -> Features:
    """The features that were described so."""
    if not isinstance(said, dict):
        raise damaged(f"the columns {shown(said)}", "what each is read as, by name")
    features = Features({name: _feature(name, entry) for name, entry in said.items()})
    if features.n_out == 0:
        raise damaged("columns of which nothing is made", "one number a row at least")
    return features


def checked(fitted: dict[str, object], keys: Collection[str]) -> FittedToTable:
    """What was fitted, if it has these keys and each value is as it must be."""
    if set(fitted) != set(keys):
        raise damaged(f"the keys {shown(sorted(fitted))}", ", ".join(sorted(keys)))
    for name in keys:
        if not CHECKS[name](fitted[name]):
            raise damaged(f"{name} is {shown(fitted[name])}", "what a fit leaves")
    return cast("FittedToTable", fitted)


def _feature(name: str, said: object) -> Feature:
    kind = KINDS.get(str(said.get("read_as"))) if isinstance(said, dict) else None
    if kind is None or not isinstance(said, dict):
        raise damaged(f"column {shown(name)} is {shown(said)}", f"one of {', '.join(KINDS)}")
    feature: Feature = _made(kind, {k: v for k, v in said.items() if k != "read_as"}, name)
    if not _could_be(feature):
        raise damaged(f"column {shown(name)} is {shown(said)}", "what a column is read as")
    return feature


def _made(kind: type, said: object, name: str) -> Any:
    """A dataclass, each of whose fields is of its type."""
    hints = get_type_hints(kind)
    # Files of before a field was there lack it.
    needed = {field for field in hints if not hasattr(kind, field)}
    if not isinstance(said, dict) or not needed <= set(said) <= set(hints):
        raise damaged(f"column {shown(name)} has {shown(said)}", ", ".join(hints) or "nothing")
    return kind(**{key: _of_type(value, hints[key], name) for key, value in said.items()})


def _of_type(value: object, hint: type, name: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _made(hint, value, name)
    if hint in (float, bool, int, str):
        if type(value) is hint:
            return value
    elif isinstance(value, list) and all(type(part) is str for part in value):
        return tuple(value)
    raise damaged(f"column {shown(name)} has {shown(value)}", f"{getattr(hint, '__name__', hint)}")


def _could_be(feature: Feature) -> bool:
    """Whether a fit could have led to such a feature."""
    if isinstance(feature, Number):
        return feature.factor > 0 and feature.written in ("", ".", ",", *DATE_ORDERS)
    if isinstance(feature, Date):
        each_once = len(set(feature.cycles)) == len(feature.cycles)
        return feature.time.factor > 0 and each_once and set(feature.cycles) <= set(CYCLES)
    values = getattr(feature, "values", ("",))
    if len(set(values)) != len(values) or len(values) > getattr(feature, "n_values", 2):
        return False
    return len(values) == 2 if isinstance(feature, Binary) else len(values) > 0


def summary(fitted: FittedToTable) -> Summary:
    """What each column was read as, and the classes, or the numbers, that were learned."""
    found: Summary = {"columns": features_from(fitted["columns"]).read_as()}
    if "classes" in fitted:
        found["classes"] = read_classes(fitted["classes"]).tolist()
    if "target" in fitted:
        found["target"] = dict(zip(TARGET, fitted["target"], strict=True))
    return found


SUMMARIES = dict.fromkeys(("TableEncoder", "TabularClassifier", "TabularRegressor"), summary)
