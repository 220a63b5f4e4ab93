"""Fitted forecasters in files: step, lags, columns, and the last values of each series.

Reading accepts only what a fit can produce.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, replace
from math import inf
from typing import Any, TypedDict, cast, get_args

import numpy as np

from handgrad.files.estimators import Summary
from handgrad.files.tensors import damaged, shown
from handgrad.files.values import read_array, written_array
from handgrad.tables.forecasting.lags import Lags
from handgrad.tables.forecasting.series import Roles, Series
from handgrad.tables.forecasting.steps import WEEK, TimeStep, Unit


class FittedForecaster(TypedDict):
    """Fitted values in a file."""

    regressor: dict[str, object]
    step: dict[str, Any]
    lags: dict[str, Any]
    roles: dict[str, Any]
    series: list[object]


def fitted_to(
    regressor: dict[str, object], lags: Lags, roles: Roles, series: Sequence[Series]
) -> dict[str, object]:
    """Describe a fitted forecaster as JSON.

    Parameters
    ----------
    regressor : dict
        Description of its regressor.
    lags, roles, series : Lags, Roles, sequence of Series
        Its lags, columns and last values.
    """
    own = asdict(lags)
    step = own.pop("step")
    tails = [[one.label, one.start, written_array(one.values)] for one in series]
    return {
        "regressor": regressor,
        "step": step | {"open_days": [*lags.step.open_days]},
        "lags": own | {"seasons": [*lags.seasons]},
        "roles": asdict(roles),
        "series": tails,
    }


def fitted_from(
    fitted: dict[str, object],
) -> tuple[dict[str, object], Lags, Roles, tuple[Series, ...]]:
    """Description of the regressor, lags, columns and last values, from that of a forecaster."""
    if fitted.keys() != FittedForecaster.__required_keys__:
        expected = ", ".join(FittedForecaster.__required_keys__)
        raise damaged(f"the keys {shown(sorted(fitted))}", expected)
    entry = cast("FittedForecaster", fitted)
    lags = Lags(_step_from(entry["step"]), **entry["lags"])
    lags = replace(lags, seasons=tuple(lags.seasons))
    if (
        not all(type(q) is int and 1 < q < 2**31 for q in lags.seasons)
        or [*lags.seasons] != sorted({*lags.seasons})
        or type(lags.n_lags) is not int
        or not 0 < lags.n_lags < 2**10
        or any(type(flag) is not bool for flag in (lags.dates, lags.months, lags.grouped))
    ):
        raise damaged(f"the lags {shown(entry['lags'])}", "seasons and a number of lags")
    roles = Roles(**entry["roles"])
    if not all(type(name) is str for name in astuple(roles)):
        raise damaged(f"the columns {shown(entry['roles'])}", "names")
    if not entry["series"]:
        raise damaged("no series", "the last values of one at least")
    return entry["regressor"], lags, roles, tuple(map(_series_from, entry["series"]))


def _step_from(entry: object) -> TimeStep:
    step = TimeStep(**cast("dict[str, Any]", entry))
    step = replace(step, open_days=tuple(step.open_days))
    known = [*step.open_days] == sorted({*step.open_days} & {*range(WEEK)})
    numbers = all(type(n) is float and abs(n) < inf for n in (step.count, step.start))
    if (
        step.unit not in get_args(Unit)
        or not numbers
        or step.count <= 0
        or not known
        or (step.unit != "number" and step.count % 1)
        or type(step.month_ends) is not bool
    ):
        raise damaged(f"the step {shown(entry)}", "a unit and a number of it")
    return step


def _series_from(entry: object) -> Series:
    parts = entry if isinstance(entry, list) and len(entry) == 3 else [None] * 3
    label, start, values = parts[0], parts[1], read_array(parts[2])
    if (
        type(label) is not str
        or type(start) is not int
        or values.dtype != np.float64
        or not len(values)
        or np.isinf(values).any()
        or np.isnan(values[[0, -1]]).any()
    ):
        raise damaged(f"the series {shown(entry)}", "a name, a position and its last values")
    return Series(label, start, values)


def summary(fitted: dict[str, object]) -> Summary:
    """The columns, and the step and the seasons of the target."""
    _, lags, roles, series = fitted_from(fitted)
    columns = columns_in_words(lags, roles, len(series))
    return {"columns": columns, "target": {"seasons in steps": [*lags.seasons]}}


def columns_in_words(lags: Lags, roles: Roles, n_series: int) -> dict[str, str]:
    """Columns of a table of series, and how they are read."""
    seasons = " and ".join(map(str, lags.seasons))
    season = f", season{'s' * (len(lags.seasons) > 1)} of {seasons} steps" if seasons else ""
    columns = {
        roles.time: f"time, steps of {lags.step.words()}",
        roles.target: f"number to forecast{season}",
    }
    if roles.group:
        columns[roles.group] = f"series, {n_series:,} of them"
    return columns


SUMMARIES = {"Forecaster": summary}
