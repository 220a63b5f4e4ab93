"""Facts for the report of forecasts: their errors by series and by step, and what to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from handgrad.check.doctor import Finding
from handgrad.tables.forecasting.backtest import ACTUAL, scales_of
from handgrad.tables.forecasting.lags import Lags
from handgrad.tables.forecasting.origins import held_out_steps, next_steps
from handgrad.tables.forecasting.series import Roles, Series, SeriesSet
from handgrad.tables.inspection.coverage import CoverageRecord
from handgrad.tables.reporting.checklist import CheckList
from handgrad.tables.reporting.checks import still_learning
from handgrad.tables.tabular import TabularRegressor
from handgrad.textbook.layers import Array
from handgrad.training import History

# Series that are drawn, and that are listed; horizons drawn before the held-out end, at least.
MOST_DRAWN, MOST_LISTED, HORIZONS_BEFORE = 6, 20, 3
NO_BETTER = "no better than a baseline"
NAMES = {
    "forecast": "this model",
    "held_out": "this model",
    "linear": "linear model",
    "seasonal_naive": "seasonal naive",
    "naive": "naive",
}
BASELINES = {
    "linear": "the linear model",
    "seasonal_naive": "the seasonal naive forecast",
    "naive": "the naive forecast",
}

Scores = Mapping[str, Mapping[str, float | None]]


class Forecasts(Protocol):
    """A fitted forecaster."""

    horizon: int
    lags_: Lags
    roles_: Roles
    regressor_: TabularRegressor


@dataclass(frozen=True)
class DrawnForecasts:
    """Forecasts of some times, with the ends of their intervals, (n,) each."""

    times: Array
    forecast: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class DrawnSeries:
    """Series to draw: its last values, forecasts of the held-out end, and those after the end."""

    label: str
    times: Array
    values: Array
    held_out: DrawnForecasts
    ahead: DrawnForecasts
    error: float


@dataclass(frozen=True)
class ForecastEvidence:
    """Facts of a forecaster and its backtest.

    Parameters
    ----------
    model : Forecaster
        Forecaster of all values.
    series : SeriesSet
        The series, whose end from the position `first` on was held out.
    first : int
        Position of the first held-out step.
    held_out, forecasts : pyarrow.Table
        Tables of the backtest, and of the steps after the end.
    scores : mapping
        Scores of the backtest, by model and metric.
    coverage : dict
        Coverage of its intervals.
    history : History
        Training history of the model.
    about : mapping
        Facts of the run.
    findings : sequence of dict
        Findings of its checks.
    """

    model: Forecasts
    series: SeriesSet
    first: int
    held_out: pa.Table
    forecasts: pa.Table
    scores: Scores
    coverage: CoverageRecord
    history: History
    about: Mapping[str, object]
    findings: Sequence[Mapping[str, str]]

    @property
    def estimator(self) -> TabularRegressor:
        """The model of the rows, whose net the section on reproduction shows."""
        return self.model.regressor_

    @property
    def target(self) -> str:
        """Name of the column that is forecast."""
        return self.model.roles_.target

    @property
    def ahead_in_words(self) -> str:
        """The horizon in words."""
        return f"next {self.model.lags_.step.several_in_words(self.model.horizon)}"

    @property
    def best_baseline(self) -> tuple[str, float]:
        """The baseline with the smallest mean absolute error, and that error."""
        others = {name: scores["mae"] for name, scores in self.scores.items() if name != "held_out"}
        name = min(others, key=lambda one: others[one] or 0.0)
        return BASELINES[name], float(others[name] or 0.0)

    @cached_property
    def _steps(self) -> list[Any]:
        return held_out_steps(self.series.series, self.first, self.model.horizon)

    @cached_property
    def scaled_errors(self) -> dict[str, Array]:
        """Absolute errors in units of the series' scale, (n,), by model; NaN without a scale."""
        before = self.series.until(self.first).series
        scales = scales_of(self._steps, before, self.model.lags_.season)
        scales = np.where(scales > 0, scales, np.nan)
        actual = self.held_out[ACTUAL].to_numpy()
        names = [name for name in NAMES if name in self.held_out.column_names]
        return {name: np.abs(self.held_out[name].to_numpy() - actual) / scales for name in names}

    @property
    def by_step(self) -> dict[str, Array]:
        """Mean scaled error by steps ahead, (horizon,), by model; {} without any scale.

        With a season the naive forecast is left out, whose errors are those of the season.
        """
        ahead = self.held_out["ahead"].to_numpy()
        there = ~np.isnan(self.scaled_errors["forecast"])
        steps = np.unique(ahead[there])
        if not len(steps):
            return {}
        return {
            name: np.array([errors[there & (ahead == step)].mean() for step in steps])
            for name, errors in self.scaled_errors.items()
            if name != "naive" or self.model.lags_.season == 1
        }

    @cached_property
    def by_series(self) -> list[tuple[str, int, dict[str, float]]]:
        """Name, number of held-out values and mean scaled errors of each series, best first.

        Series without a scale come last.
        """
        rows, end = list[tuple[str, int, dict[str, float]]](), 0
        for part in self._steps:
            begin, end = end, end + len(part.ahead)
            means = {name: float(e[begin:end].mean()) for name, e in self.scaled_errors.items()}
            rows.append((part.series.label, len(part.ahead), means))
        return sorted(rows, key=lambda row: (isnan(row[2]["forecast"]), row[2]["forecast"]))

    @property
    def listed(self) -> list[tuple[str, int, dict[str, float]]]:
        """Series with the largest scaled errors, largest first; those without a scale are last."""
        scaled = [row for row in self.by_series if not isnan(row[2]["forecast"])]
        others = [row for row in self.by_series if isnan(row[2]["forecast"])]
        return [*scaled[::-1], *others][:MOST_LISTED]

    @property
    def drawn(self) -> Iterator[DrawnSeries]:
        """Series from the best to the worst, all or `MOST_DRAWN` evenly chosen."""
        places = np.linspace(0, len(self.by_series) - 1, MOST_DRAWN).round().astype(int)
        for place in np.unique(places).tolist():
            label, _, errors = self.by_series[place]
            yield self._drawn(label, errors["forecast"])

    def _drawn(self, label: str, error: float) -> DrawnSeries:
        sizes = [len(part.ahead) for part in self._steps]
        k = next(i for i, part in enumerate(self._steps) if part.series.label == label)
        begin = sum(sizes[:k])
        series: Series = self._steps[k].series
        i = next(i for i, one in enumerate(self.series.series) if one.label == label)
        horizon = self.model.horizon
        (ahead,) = next_steps([series], horizon)
        n_held = series.end - self.first
        shown = series.last(n_held + max(n_held, HORIZONS_BEFORE * horizon))
        times = self.series.step.times
        return DrawnSeries(
            label,
            times(shown.start + np.arange(len(shown.values))),
            shown.values,
            _forecasts(self.held_out, times(self._steps[k].positions), begin),
            _forecasts(self.forecasts, times(ahead.positions), i * horizon),
            error,
        )


def _forecasts(table: pa.Table, times: Array, begin: int) -> DrawnForecasts:
    """Forecasts of the rows of a table from `begin` on, at `times`."""
    rows = table.slice(begin, len(times))
    return DrawnForecasts(times, *(rows[name].to_numpy() for name in ("forecast", "low", "high")))


def check_forecasts(
    scores: Scores, history: History | None, best_epochs: Sequence[int]
) -> CheckList:
    """Check whether forecasts are better than the baselines, and the training was long enough."""
    listed = CheckList()
    listed.make(NO_BETTER, lambda: _no_better(scores))
    listed.make("still improving", lambda: still_learning(history, best_epochs))
    return listed


def _no_better(scores: Scores) -> Iterator[Finding]:
    metric = "mase" if scores["held_out"]["mase"] is not None else "mae"
    size = {name: float(one[metric] or 0.0) for name, one in scores.items()}
    better = [name for name in size if name != "held_out" and size[name] <= size["held_out"]]
    if better:
        best = min(better, key=lambda name: size[name])
        yield Finding(
            NO_BETTER,
            "the held-out end",
            f"its {metric.upper()} is {size['held_out']:.3g}, that of {BASELINES[best]} "
            f"{size[best]:.3g}",
            f"{BASELINES[best]}; more past values; or another season",
        )
