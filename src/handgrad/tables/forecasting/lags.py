"""Features of forecasts: lags and means of a series up to an origin, and the calendar after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from handgrad.files.cells import DAY
from handgrad.tables.forecasting.origins import ForecastSteps
from handgrad.tables.forecasting.series import SeriesSet
from handgrad.tables.forecasting.steps import MONDAY, WEEK, TimeStep
from handgrad.textbook.layers import Array

# Lags without a season, and most of them.
FEWEST_LAGS, MOST_LAGS = 8, 25
# Last steps that the scale of a series and its level are means over. The scale must not follow
# short quiet times: what depends on the calendar would then differ from row to row.
WINDOW = 800
# Least scale of a series, relative to the mean of its absolute values.
LEAST = 1e-3
YEAR = 365
# Names, since digits would be read as numbers.
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AHEAD, SERIES = "steps ahead", "series"


@dataclass(frozen=True)
class ForecastRows:
    """Rows of forecasts: columns by name, and `base` and `scale` (n,) of their targets.

    The target of the net is (y − base) / scale.
    """

    columns: dict[str, Array]
    base: Array
    scale: Array

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of several series."""
        names = [*parts[0].columns]
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
        base, scale = (np.concatenate([getattr(p, a) for p in parts]) for a in ("base", "scale"))
        return cls(columns, base, scale)

    def relative(self, values: Array) -> Array:
        """Targets of the net for values of the series, (n,)."""
        return (values - self.base) / self.scale

    def absolute(self, targets: Array) -> Array:
        """Values of the series for targets of the net, (n,)."""
        return self.base + self.scale * targets


@dataclass(frozen=True)
class Lags:
    """Lags for series with a `step` and `seasons`, the shortest first.

    With `dates` there is a calendar, with `months` their month is in it; with `grouped` the series
    is a column.
    """

    step: TimeStep
    seasons: tuple[int, ...]
    n_lags: int
    dates: bool
    months: bool
    grouped: bool

    @classmethod
    def of(cls, series: SeriesSet, horizon: int, season: int | None) -> Self:
        """Lags for series: with a given season, or those of the step that occur twice."""
        longest = max(len(one.values) for one in series.series)
        usual = series.step.seasons() if season is None else (season,)
        seasons = tuple(q for q in usual if q > 1 and 2 * q + horizon <= longest)
        n_lags = min(max(FEWEST_LAGS, *(q + 1 for q in seasons[:1]), 0), MOST_LAGS, longest // 3)
        grouped = len({one.label for one in series.series}) > 1
        ends = np.array([[one.start, one.end] for one in series.series], float).T
        years = np.subtract(*(series.step.times(end) for end in ends[::-1])).max() / YEAR
        months = bool(series.dates and years >= 1 and series.step.months_vary)
        return cls(series.step, seasons, max(n_lags, 1), series.dates, months, grouped)

    @property
    def season(self) -> int:
        """The shortest season; 1 without one."""
        return self.seasons[0] if self.seasons else 1

    @property
    def memory(self) -> int:
        """Number of last values that a forecast depends on."""
        return max(WINDOW + self.season, self.n_lags, *(2 * q for q in self.seasons), 1)

    def rows(self, steps: Sequence[ForecastSteps]) -> ForecastRows:
        """Rows of steps; no value after their origins is used."""
        return ForecastRows.joined([self._rows(part) for part in steps])

    def _rows(self, steps: ForecastSteps) -> ForecastRows:
        series, ahead = steps.series, steps.ahead
        past = _Past(series.values, steps.origins, ahead)
        base = past.seasonal(self.season, 1)
        scale = past.mean_change(self.season, WINDOW)
        columns = {f"lag {i}": past.lag(i) for i in range(self.n_lags)}
        for season in self.seasons:
            columns[f"season of {season}, before"] = past.seasonal(season, 2)
            columns[f"season of {season}, last"] = past.seasonal(season, 1)
            columns[f"mean of {season}"] = past.mean(season)
        columns[f"mean of {WINDOW}"] = past.mean(WINDOW)
        relative = {name: (values - base) / scale for name, values in columns.items()}
        for season in self.seasons:
            relative[f"change in {season}"] = (past.lag(0) - past.lag(season)) / scale
        calendar = self._calendar(steps.positions) if self.dates else {}
        own = {SERIES: np.full(len(ahead), series.label, object)} if self.grouped else {}
        columns = {**relative, AHEAD: ahead.astype(float), **calendar, **own}
        return ForecastRows(columns, base, scale)

    def _calendar(self, positions: Array) -> dict[str, Array]:
        """Month, day of the week and hour of positions, where these differ within a season."""
        days, step = self.step.times(positions), self.step
        columns = {}
        if self.months:
            months = np.floor(days).astype("M8[D]").astype("M8[M]").astype(int) % 12
            columns["month"] = np.array(MONTHS, object)[months]
        if step.unit == "second" and step.count <= DAY:
            columns["day of the week"] = np.array(DAYS, object)[
                (np.floor(days) - MONDAY).astype(int) % WEEK
            ]
        if step.unit == "second" and step.count < DAY:
            hours = np.array([f"{hour} h" for hour in range(24)], object)
            columns["hour"] = hours[np.rint(days * DAY).astype(int) // 3600 % 24]
        return columns


class _Past:
    """Values of a series up to origins (n,), which are indices of its values `y`."""

    def __init__(self, y: Array, origins: Array, ahead: Array) -> None:
        there = ~np.isnan(y)
        self.y, self.origins, self.ahead = y, origins, ahead
        self.filled = y[np.maximum.accumulate(np.where(there, np.arange(len(y)), 0))]

    def lag(self, i: int) -> Array:
        """Value `i` steps before the origin, (n,); NaN before the series."""
        return _at(self.y, self.origins - i)

    def seasonal(self, season: int, back: int) -> Array:
        """Value of the same place in the season, `back` known seasons before; else the last."""
        seasons = -(-self.ahead // season) + back - 1
        value = _at(self.filled, self.origins + self.ahead - seasons * season)
        return np.where(np.isnan(value), self.filled[self.origins], value)

    def mean(self, n: int) -> Array:
        """Mean of the last `n` values, (n,)."""
        return _mean(self.filled, self.origins, n)

    def mean_change(self, season: int, n: int) -> Array:
        """Mean absolute change from season to season in the last `n` steps, (n,)."""
        changes = np.abs(self.filled[season:] - self.filled[:-season])
        size = _mean(np.abs(self.filled), self.origins, n)
        near = _mean(np.append(changes, 0.0), self.origins - season, n)
        return np.maximum(np.where(self.origins < season, size, near), LEAST * size) + (size == 0)


def _at(values: Array, places: Array) -> Array:
    return np.where(places < 0, np.nan, values[np.maximum(places, 0)])


def _mean(values: Array, ends: Array, n: int) -> Array:
    """Mean of the `n` values up to each of `ends`, or of as many as there are."""
    ends = np.maximum(ends, 0)
    begins = np.maximum(ends + 1 - n, 0)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((sums[ends + 1] - sums[begins]) / (ends + 1 - begins))
