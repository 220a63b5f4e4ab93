"""Origins of forecasts and the steps ahead of them: of a training, of a backtest, and the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.tables.forecasting.series import Series, SeriesSet
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# Most training rows; a row is an origin and a number of steps ahead of it.
MOST_ROWS = 20_000
# Fewest values of a series in training, beyond the horizon.
FEWEST = 4


@dataclass(frozen=True)
class ForecastSteps:
    """Steps `ahead` (n,) of `origins` (n,), which are indices of values of a series."""

    series: Series
    origins: Array
    ahead: Array

    @classmethod
    def of(cls, series: Series, origins: Array, horizon: int) -> ForecastSteps:
        """All steps up to the horizon, of each origin."""
        steps = np.arange(1, horizon + 1)
        return cls(series, np.repeat(origins, horizon), np.tile(steps, len(origins)))

    @property
    def positions(self) -> Array:
        """Positions of the steps in time, (n,)."""
        return self.series.start + self.origins + self.ahead

    @property
    def values(self) -> Array:
        """Values of the series at the steps, (n,); all are known."""
        return self.series.values[self.origins + self.ahead]

    @property
    def last_values(self) -> Array:
        """Last known values at the origins, (n,)."""
        known = np.where(np.isnan(self.series.values), 0, np.arange(len(self.series.values)))
        return self.series.values[np.maximum.accumulate(known)[self.origins]]

    def take(self, chosen: Array) -> ForecastSteps:
        """Some of the steps, by a mask or indices."""
        return ForecastSteps(self.series, self.origins[chosen], self.ahead[chosen])

    def known(self) -> ForecastSteps:
        """The steps whose values are known."""
        inside = self.take(self.origins + self.ahead < len(self.series.values))
        return inside.take(~np.isnan(inside.values))


def next_steps(series: Sequence[Series], horizon: int) -> list[ForecastSteps]:
    """The steps after the end of each series."""
    return [ForecastSteps.of(one, np.array([len(one.values) - 1]), horizon) for one in series]


def training_steps(series: Sequence[Series], horizon: int, n_before: int) -> list[ForecastSteps]:
    """Steps with known values, of all origins that have `n_before` values before them.

    A short series has origins after its first third. Of more than `MOST_ROWS` steps, a regular
    choice is made.
    """
    parts = list[ForecastSteps]()
    for one in series:
        n = len(one.values)
        first = min(n_before, n // 3) if n >= horizon + FEWEST else n
        parts.append(ForecastSteps.of(one, np.arange(first, n - 1), horizon).known())
    total = sum(len(part.ahead) for part in parts)
    if not total:
        longest = max(len(one.values) for one in series)
        raise DataError(
            f"{longest} steps in the longest series",
            f"at least {horizon + FEWEST}, for a horizon of {horizon}",
            "more rows, or a shorter horizon",
        )
    every, before, chosen = max(total / MOST_ROWS, 1.0), 0, list[ForecastSteps]()
    for part in parts:
        numbers = np.arange(before, before + len(part.ahead))
        before += len(numbers)
        chosen.append(part.take(np.floor((numbers + 1) / every) > np.floor(numbers / every)))
    return [part for part in chosen if len(part.ahead)]


def first_held_out(series: SeriesSet, horizon: int, share: float) -> int:
    """Position of the first held-out step: whole horizons, about a `share` of the longest series.

    Half of it at least stays for training.
    """
    n = max(len(one.values) for one in series.series)
    windows = min(max(round(share * n / horizon), 1), n // 2 // horizon)
    if windows < 1 or n - windows * horizon < horizon + FEWEST:
        raise DataError(
            f"{n} steps in the longest series",
            f"at least {2 * horizon + FEWEST}, of which {horizon} are held out",
            "more rows, or a shorter horizon",
        )
    return max(one.end for one in series.series) - windows * horizon


def held_out_steps(series: Sequence[Series], first: int, horizon: int) -> list[ForecastSteps]:
    """Steps with known values from the position `first` on, of origins a horizon apart."""
    parts = list[ForecastSteps]()
    for one in series:
        origins = np.arange(first - 1, one.end - 1, horizon) - one.start
        parts.append(ForecastSteps.of(one, origins[origins >= 0], horizon).known())
    return [part for part in parts if len(part.ahead)]
