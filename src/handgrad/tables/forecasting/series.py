"""Time series: the values of each at regular steps, NaN where a step has none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from handgrad.tables.forecasting.steps import TimeStep
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array

# Columns of forecasts and backtests, beside time and group.
COLUMNS = ("forecast", "low", "high", "ahead", "actual", "linear", "seasonal_naive", "naive")


@dataclass(frozen=True)
class Series:
    """Values of one series, (n,), NaN in gaps; the first is at the position `start`."""

    label: str
    start: int
    values: Array

    @property
    def end(self) -> int:
        """Position after the last value."""
        return self.start + len(self.values)

    def until(self, end: int) -> Series:
        """The values before a position, up to the last known one."""
        known = np.flatnonzero(~np.isnan(self.values[: max(end - self.start, 0)]))
        return replace(self, values=self.values[: known[-1] + 1 if len(known) else 0])

    def after(self, past: Series) -> Series:
        """The values of `past` before the first of these, and these; NaN between them."""
        if past.start >= self.start:
            return self
        earlier = past.until(self.start).values
        between = np.full(self.start - past.start - len(earlier), np.nan)
        values = np.concatenate([earlier, between, self.values])
        return replace(self, start=past.start, values=values)

    def last(self, n: int) -> Series:
        """The last `n` values, and as many before as make the first a known one."""
        left_out = max(len(self.values) - n, 0)
        left_out = int(np.flatnonzero(~np.isnan(self.values[: left_out + 1]))[-1])
        return replace(self, start=self.start + left_out, values=self.values[left_out:])


@dataclass(frozen=True)
class Roles:
    """Names of the columns of target, time and group; a group of "" is none."""

    target: str
    time: str
    group: str = ""

    def __post_init__(self) -> None:
        if taken := {self.time, self.group} & {*COLUMNS}:
            raise SettingError(
                f"the column {min(taken)!r}, a name that tables of forecasts have",
                f"other names than {', '.join(COLUMNS)} for time and group",
                "rename the column",
            )


@dataclass(frozen=True)
class SeriesSet:
    """Series with a common step, and notes on their gaps.

    `dates` says whether the times are dates or numbers.
    """

    step: TimeStep
    dates: bool
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()

    def until(self, end: int) -> SeriesSet:
        """The values before a position, of series that have some."""
        before = (one.until(end) for one in self.series)
        return replace(self, series=tuple(one for one in before if len(one.values)))
