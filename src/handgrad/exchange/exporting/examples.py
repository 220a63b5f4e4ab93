"""Rows that a file is proved by: ordinary ones, edges, gaps, and values never seen."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.files.features import (
    DAY,
    START,
    Binary,
    Category,
    Column,
    Columns,
    Date,
    Feature,
    Number,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import example_input

ROWS = 64
# In quartile distances from the median, or in deviations: the middle, the sides, where it bends.
PLACES = (0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 100.0, -100.0)
FARTHEST = 1e300
FIRST_DAY, LAST_DAY = -719162.0, 2932896.0  # of the years 1 to 9999
UNSEEN = "never seen"


def example_matrix(
    net: Net, x: object = None, center: Array | None = None, scale: Array | None = None
) -> Array:
    """Rows (n, n_in) for a net: those given, or drawn, and some edges, in its dtype.

    Numbers are drawn around `center` (n_in,), so far as `scale` (n_in,) says. Codes alone are whole
    numbers; among features they are of the net's dtype as these are.
    """
    if isinstance(x, tuple) and net.n_in is None:
        raise SettingError(
            f"a net that takes {len(x)} arrays a batch",
            "one array of rows, x (n, n_in)",
            "a net that takes its inputs side by side, in one array",
        )
    codes = net.integer_input and net.n_in is None
    if x is not None:
        given = np.asarray(x)
        axes = 1 if codes else 2
        if given.ndim < axes or len(given) == 0 or given.dtype.kind not in "fiub":
            raise SettingError(
                f"x of shape {given.shape} and type {given.dtype}",
                "a few rows of numbers, (n, n_in)",
                "x=x_train[:64]",
            )
        return given[:ROWS] if codes else given[:ROWS].astype(net.dtype)
    rows = example_input(net, ROWS)
    if net.integer_input:
        return rows if codes else rows.astype(net.dtype)
    edges = np.array(PLACES)
    rows[: len(edges)] = edges.reshape(-1, *[1] * (rows.ndim - 1))
    if center is not None and scale is not None:
        rows = rows * scale + center
    return np.asarray(rows, net.dtype)


def example_table(features: Mapping[str, Feature]) -> Columns:
    """A table of `ROWS` rows with such columns: nothing there, all unseen, edges, ordinary rows.

    Edges of one column meet all kinds of values of the others.
    """
    rng = np.random.default_rng(0)
    table = {}
    for name, feature in features.items():
        missing, unseen, others = _values(feature, rng)
        mixed = [others[k % len(others)] for k in rng.permutation(ROWS - 2).tolist()]
        table[name] = _column(feature, [missing, unseen, *mixed])
    return table


def _values(feature: Feature, rng: np.random.Generator) -> tuple[Any, Any, list[Any]]:
    """What stands for a missing value and one farthest off, and others, an ordinary mix."""
    if isinstance(feature, Number):
        places = np.array([*PLACES, *rng.normal(size=ROWS // 2)])
        with np.errstate(over="ignore"):
            numbers = (feature.center + places / feature.factor).clip(-FARTHEST, FARTHEST)
        rounded = [float(f"{value:.6g}") for value in numbers.tolist()]
        return np.nan, FARTHEST, [np.nan, -FARTHEST, feature.center, *rounded]
    if isinstance(feature, Date):
        _, _, days = _values(feature.time, rng)
        times = np.round(np.clip(days, FIRST_DAY, LAST_DAY) * DAY) / DAY
        return np.nan, LAST_DAY, times.tolist()
    if isinstance(feature, Binary | Category):
        unseen = UNSEEN
        while unseen in feature.values:
            unseen += "!"
        drawn = rng.choice(len(feature.values), ROWS // 4).tolist()
        some = [*feature.values[: ROWS // 2], *(feature.values[k] for k in drawn)]
        return None, unseen, [None, unseen, *some]
    return np.nan, np.nan, [np.nan]


def _column(feature: Feature, values: Sequence[object]) -> Column:
    if isinstance(feature, Binary | Category):
        return Column("text", np.array(values, object))
    return Column("date" if isinstance(feature, Date) else "number", np.array(values, float))


def records(table: Columns) -> dict[str, list[object]]:
    """The columns as Python's own values: floats, text, datetimes, None where one is missing."""
    found: dict[str, list[object]] = {}
    for name, column in table.items():
        gaps = column.missing.tolist()
        values = zip(column.values.tolist(), gaps, strict=True)
        dates = column.kind == "date"
        found[name] = [
            None
            if gap
            else START + datetime.timedelta(seconds=round(value * DAY))
            if dates
            else value
            for value, gap in values
        ]
    return found
