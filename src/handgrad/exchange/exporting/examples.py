"""Test rows for exported files: ordinary, extreme, missing and unseen values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.files.cells import DAY, START
from handgrad.files.features import (
    Column,
    Columns,
    Cyclic,
    Feature,
    TextFeature,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import example_input

ROWS = 64
# In interquartile ranges from the median, or in standard deviations.
PLACES = (0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 100.0, -100.0)
FARTHEST = 1e300
FIRST_DAY, LAST_DAY = -719162.0, 2932896.0  # of the years 1 to 9999
UNSEEN = "never seen"


def example_matrix(
    net: Net, x: object = None, center: Array | None = None, scale: Array | None = None
) -> Array:
    """Test rows (n, n_in) for a net in its dtype: `x`, or random and extreme values.

    Random numbers have the location `center` (n_in,) and the spread `scale` (n_in,). Codes are
    integers, or among other features of the net's dtype.
    """
    if isinstance(x, tuple) and net.n_in is None:
        raise SettingError(
            f"a net that takes {len(x)} arrays per batch",
            "one array of rows, x (n, n_in)",
            "a net that takes its inputs concatenated in one array",
        )
    codes = net.integer_input and net.n_in is None
    if x is not None:
        rows = np.asarray(x)
        axes = 1 if codes else 2
        if rows.ndim < axes or len(rows) == 0 or rows.dtype.kind not in "fiub":
            raise SettingError(
                f"x of shape {rows.shape} and type {rows.dtype}",
                "a few rows of numbers, (n, n_in)",
                "x=x_train[:64]",
            )
        return rows[:ROWS] if codes else rows[:ROWS].astype(net.dtype)
    rows = example_input(net, ROWS)
    if net.integer_input:
        return rows if codes else rows.astype(net.dtype)
    edges = np.array(PLACES)
    rows[: len(edges)] = edges.reshape(-1, *[1] * (rows.ndim - 1))
    if center is not None and scale is not None:
        rows = rows * scale + center
    return np.asarray(rows, net.dtype)


def example_table(features: Mapping[str, Feature]) -> Columns:
    """Table of `ROWS` test rows: all missing, all unseen, and random mixes of other values."""
    rng = np.random.default_rng(0)
    table = {}
    for name, feature in features.items():
        missing, unseen, others = _values(feature, rng)
        mixed = [others[k % len(others)] for k in rng.permutation(ROWS - 2).tolist()]
        table[name] = _column(feature, [missing, unseen, *mixed])
    return table


def _values(feature: Feature, rng: np.random.Generator) -> tuple[Any, Any, list[Any]]:
    """Missing value, unseen or extreme value, and a mix of other values of a feature."""
    if feature.number is not None:
        center, factor = feature.number.center, feature.number.factor
        places = np.array([*PLACES, *rng.normal(size=ROWS // 2)])
        with np.errstate(over="ignore"):
            spread = (center + places / factor).clip(-FARTHEST, FARTHEST)
        rounded = [float(f"{value:.6g}") for value in spread.tolist()]
        numbers = [np.nan, -FARTHEST, center, *rounded]
        if isinstance(feature, Cyclic):
            length = feature.cycle.length
            return np.nan, length, np.clip(numbers, 0.0, length).tolist()
        if feature.kind != "date":
            return np.nan, FARTHEST, numbers
        times = np.round(np.clip(numbers, FIRST_DAY, LAST_DAY) * DAY) / DAY
        return np.nan, LAST_DAY, times.tolist()
    if isinstance(feature, TextFeature):
        unseen = UNSEEN
        while unseen in feature.values:
            unseen += "!"
        drawn = rng.choice(len(feature.values), ROWS // 4).tolist()
        some = [*feature.values[: ROWS // 2], *(feature.values[k] for k in drawn)]
        return None, unseen, [None, unseen, *some]
    return np.nan, np.nan, [np.nan]


def _column(feature: Feature, values: Sequence[object]) -> Column:
    return Column(feature.kind, np.array(values, object if feature.kind == "text" else float))


def records(table: Columns) -> dict[str, list[object]]:
    """Columns as lists of Python values: floats, text, datetimes, None if missing."""
    lists: dict[str, list[object]] = {}
    for name, column in table.items():
        gaps = column.missing.tolist()
        values = zip(column.values.tolist(), gaps, strict=True)
        dates = column.kind == "date"
        lists[name] = [
            None
            if gap
            else START + datetime.timedelta(seconds=round(value * DAY))
            if dates
            else value
            for value, gap in values
        ]
    return lists
