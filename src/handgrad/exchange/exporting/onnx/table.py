"""Table columns in ONNX: inputs, and their numbers as rows of the encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.exporting.onnx.model import (
    OF_TABLES,
    ModelBuilder,
    NodeOrigin,
    described,
    tensor_type,
)
from handgrad.files.cells import DAY
from handgrad.files.features import Feature, TextFeature
from handgrad.textbook.errors import SettingError

if TYPE_CHECKING:
    import onnx

DOUBLE = np.float64
# Maximum of values of a category in a description.
SHOWN = 20


def inputs_of(columns: Mapping[str, Feature]) -> list[onnx.ValueInfoProto]:
    """Input (n, 1) of each column, with a description."""
    if "" in columns:
        raise SettingError(
            "a column with an empty name",
            "a name for each column",
            "rename the column, and fit again",
        )
    return [
        described(name, object if feature.kind == "text" else DOUBLE, ("n", 1), _taken(feature))
        for name, feature in columns.items()
    ]


def _taken(feature: Feature) -> str:
    """Description of the values of a column."""
    form = "NaN where it is missing"
    if feature.kind == "date":
        form = "seconds since 1970-01-01, NaN where it is missing"
    if isinstance(feature, TextFeature):
        known = ", ".join(map(repr, feature.values[:SHOWN])) + ", …" * (len(feature.values) > SHOWN)
        form = f"text, '' where it is missing, one of {known}"
    return f"{feature.summary()}; {form}"


def parsed_columns(model: ModelBuilder, columns: Mapping[str, Feature]) -> str:
    """Numbers of the columns, (n, n_columns): dates in days, and the index of each text."""
    values = [_parsed(model, name, feature) for name, feature in columns.items()]
    model.place = NodeOrigin("columns", "", "numbers, days, and indices of texts")
    return values[0] if len(values) == 1 else model.named(model.put("Concat", *values, axis=1))


def _parsed(model: ModelBuilder, name: str, feature: Feature) -> str:
    if isinstance(feature, TextFeature):
        model.place = NodeOrigin(f"{name} index", "", f"{name}: −1 for other values")
        index = model.put(
            "LabelEncoder",
            name,
            domain=OF_TABLES,
            keys_strings=[*feature.values],
            values_int64s=[*range(len(feature.values))],
            default_int64=-1,
        )
        return model.named(model.put("Cast", index, to=tensor_type(DOUBLE), step="float64"))
    if feature.kind == "date":
        model.place = NodeOrigin(f"{name} in days", "", f"{name}: {feature.summary()}")
        return model.named(model.put("Div", name, model.constant(DAY, DOUBLE)))
    return name
