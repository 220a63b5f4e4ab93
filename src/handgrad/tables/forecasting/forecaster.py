"""Forecasts of time series: an ensemble of nets on lags and the calendar, with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from handgrad.engines.dispatch import EngineName
from handgrad.files.tensors import damaged, shown
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.forecasting.backtest import (
    ACTUAL,
    MODELS,
    Backtest,
    linear_forecasts,
    scales_of,
    scores_of,
)
from handgrad.tables.forecasting.files import fitted_from, fitted_to
from handgrad.tables.forecasting.lags import ForecastRows, Lags
from handgrad.tables.forecasting.origins import (
    ForecastSteps,
    first_held_out,
    held_out_steps,
    next_steps,
    training_steps,
)
from handgrad.tables.forecasting.reading import cells_of, read_series, table_of, time_at
from handgrad.tables.forecasting.series import Roles, Series, SeriesSet
from handgrad.tables.tabular import TabularRegressor
from handgrad.textbook.errors import DataError, UnseenWarning, between_0_and_1, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net


@dataclass(repr=False, eq=False)
class Forecaster(BaseEstimator):  # type: ignore[misc]
    """Forecaster of time series: a `TabularRegressor` on lags and the calendar.

    A training row is an origin and a number of steps ahead of it, so that one model forecasts all
    steps directly. Its features are lags, seasonal lags and means up to the origin, and the month,
    the day of the week and the hour of the step: nothing that is unknown at the origin. They are
    relative to the seasonal naive forecast and to the usual change from season to season.

    The steps follow from the times: seconds to weeks, months to years, or numbers. Days of the week
    without any row are skipped. Steps without a value are gaps, which a warning reports.

    Parameters
    ----------
    horizon : int, default 14
        Number of steps to forecast.
    season : int, optional
        Steps of a season, 1 for none; by default a day, a week or a year, by the steps of the time.
    n_members : int, default 8
        Nets of the ensemble.
    epochs : int, optional
        Epochs; by default those of `TabularRegressor`.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        Engine, as in `hg.train`.
    verbose : bool, default False
        Whether progress is printed.
    random_state : int, RandomState or None, default None
        Seed of the initial weights, the shuffling and the held-out rows.

    Examples
    --------
    >>> import handgrad as hg, numpy as np
    >>> days = np.arange("2024-01-01", "2024-06-01", dtype="M8[D]")
    >>> sales = 100 + 30 * (np.arange(len(days)) % 7 > 4) + np.arange(len(days)) / 10
    >>> model = hg.tables.Forecaster(horizon=7, n_members=2, epochs=5, random_state=0)
    >>> forecast = model.fit({"day": days, "sales": sales}, "sales", time="day").predict()
    >>> forecast.column_names, str(forecast["day"][0])
    (['day', 'forecast', 'low', 'high'], '2024-06-01')
    """

    horizon: int = 14
    _: KW_ONLY
    season: int | None = None
    n_members: int = 8
    epochs: int | None = None
    engine: EngineName = "auto"
    verbose: bool = False
    random_state: int | np.random.RandomState | None = None

    def fit(self, table: object, target: str, *, time: str, group: str | None = None) -> Self:
        """Fit the forecaster to the series of a table.

        Parameters
        ----------
        table : data frame, dict of columns, str or Path
            A row for each time, or for each group and time, in any order; a path is that of a file.
        target : str
            Column of numbers to forecast.
        time : str
            Column of dates or numbers at regular steps.
        group : str, optional
            Column that identifies the series.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If times repeat or are irregular, or all series are too short.
        """
        self._check_settings()
        roles = Roles(target, time, group or "")
        series = read_series(table, roles)
        for note in series.notes:
            warnings.warn(note, stacklevel=2)
        return self._fit(series, roles)

    def _fit(self, series: SeriesSet, roles: Roles) -> Self:
        lags = Lags.of(series, self.horizon, self.season)
        rows, targets, positions = self._training(series, lags)
        self.regressor_ = self._regressor().fit(table_of(rows.columns), targets, time=positions)
        self.lags_, self.roles_ = lags, roles
        self.series_ = tuple(one.last(lags.memory) for one in series.series)
        return self

    def _training(self, series: SeriesSet, lags: Lags) -> tuple[ForecastRows, Array, Array]:
        """Training rows, their targets, and their positions in time."""
        steps = training_steps(series.series, self.horizon, max(2 * lags.season, lags.n_lags))
        rows = lags.rows(steps)
        values, positions = (
            np.concatenate([getattr(part, name) for part in steps])
            for name in ("values", "positions")
        )
        return rows, rows.relative(values), positions

    def _check_settings(self) -> None:
        positive("horizon", self.horizon, whole=True)
        if self.season is not None:
            positive("season", self.season, whole=True)

    def _regressor(self) -> TabularRegressor:
        return TabularRegressor(
            self.n_members,
            metric="mae",
            epochs=self.epochs,
            engine=self.engine,
            verbose=self.verbose,
            random_state=self.random_state,
        )

    def predict(self, table: object = None, *, interval: float = 0.9) -> pa.Table:
        """Forecast the next `horizon` steps of each series.

        Parameters
        ----------
        table : data frame, dict of columns, str or Path, optional
            Rows with the columns of the training up to the time to forecast from, all or only those
            after the training; the training rows if not given.
        interval : float, default 0.9
            Coverage of the intervals, between 0 and 1.

        Returns
        -------
        pyarrow.Table
            A row for each series and step: group and time, the forecast, and the ends of its
            interval, low and high.

        Raises
        ------
        DataError
            If the times of the table do not fit the steps of the training.
        """
        check_is_fitted(self)
        series = self.series_
        if table is not None:
            series = read_series(table, self.roles_, self.lags_.step).series
            self._warn_of_new(series)
            series = self._continued(series)
        # so that rounding does not depend on earlier values
        series = tuple(one.last(self.lags_.memory) for one in series)
        steps = next_steps(series, self.horizon)
        return self._forecasts(steps, self.lags_.rows(steps), interval)

    def _forecasts(
        self, steps: Sequence[ForecastSteps], rows: ForecastRows, interval: float
    ) -> pa.Table:
        """Table of the forecasts of steps, with their intervals."""
        with no_unseen_warnings():
            z, ends = self.regressor_.predict(table_of(rows.columns), interval=interval)
        labels = [label for part in steps for label in [part.series.label] * len(part.ahead)]
        times = self.lags_.step.times(np.concatenate([part.positions for part in steps]))
        group = {self.roles_.group: pa.array(labels)} if self.roles_.group else {}
        when = {self.roles_.time: cells_of(times, dates=self.lags_.dates)}
        forecast, low, high = map(rows.absolute, (z, *ends.T))
        return pa.table({**group, **when, "forecast": forecast, "low": low, "high": high})

    def backtest(
        self,
        table: object,
        target: str,
        *,
        time: str,
        group: str | None = None,
        test_size: float = 0.2,
        interval: float = 0.9,
    ) -> Backtest:
        """Forecast the end of the series by a model of what came before.

        A copy of the forecaster is fitted to the values before the held-out end, and forecasts it
        from origins `horizon` steps apart; the forecaster itself does not change.

        Parameters
        ----------
        table : data frame, dict of columns, str or Path
            As in `fit`.
        target : str
            Column of numbers to forecast.
        time : str
            Column of dates or numbers at regular steps.
        group : str, optional
            Column that identifies the series.
        test_size : float, default 0.2
            Fraction of the steps to hold out, rounded to whole horizons.
        interval : float, default 0.9
            Coverage of the intervals, between 0 and 1.

        Returns
        -------
        Backtest
            The forecasts, and their scores beside those of a linear model and of naive forecasts.

        Raises
        ------
        DataError
            If the series are too short.

        Examples
        --------
        >>> import handgrad as hg, numpy as np
        >>> days = np.arange("2024-01-01", "2024-06-01", dtype="M8[D]")
        >>> sales = 100 + 30 * (np.arange(len(days)) % 7 > 4) + np.arange(len(days)) / 10
        >>> model = hg.tables.Forecaster(horizon=7, n_members=2, epochs=5, random_state=0)
        >>> test = model.backtest({"day": days, "sales": sales}, "sales", time="day")
        >>> len(test.table), test.scores["forecast"]["mase"] < test.scores["seasonal_naive"]["mase"]
        (28, True)
        """
        self._check_settings()
        between_0_and_1("test_size", test_size)
        roles = Roles(target, time, group or "")
        series = read_series(table, roles)
        first = first_held_out(series, self.horizon, test_size)
        before, steps = series.until(first), held_out_steps(series.series, first, self.horizon)
        model = clone(self)._fit(before, roles)
        rows, (training, targets, _) = model.lags_.rows(steps), model._training(before, model.lags_)
        linear = linear_forecasts(training, targets, rows)
        return model._tested(steps, rows, before.series, interval, linear=linear)

    def evaluate(self, table: object, *, interval: float = 0.9) -> Backtest:
        """Forecast the values of a table after those of the training, and score the forecasts.

        Origins are `horizon` steps apart, the first at the last time of the training. The MASE is
        in units of the changes in the values before, of which the forecaster has the last ones.

        Parameters
        ----------
        table : data frame, dict of columns, str or Path
            Rows with the columns of the training, all or only those after it.
        interval : float, default 0.9
            Coverage of the intervals, between 0 and 1.

        Returns
        -------
        Backtest
            The forecasts, and their scores beside those of naive forecasts.

        Raises
        ------
        DataError
            If no value is later than the training.

        Examples
        --------
        >>> import handgrad as hg, numpy as np
        >>> days = np.arange("2024-01-01", "2024-06-01", dtype="M8[D]")
        >>> sales = 100 + 30 * (np.arange(len(days)) % 7 > 4) + np.arange(len(days)) / 10
        >>> table = {"day": days[:130], "sales": sales[:130]}
        >>> model = hg.tables.Forecaster(horizon=7, n_members=2, epochs=5, random_state=0)
        >>> model = model.fit(table, "sales", time="day")
        >>> tested = model.evaluate({"day": days, "sales": sales})
        >>> len(tested.table), [*tested.scores]
        (22, ['forecast', 'seasonal_naive', 'naive'])
        """
        check_is_fitted(self)
        read = read_series(table, self.roles_, self.lags_.step)
        self._warn_of_new(read.series)
        series = replace(read, series=self._continued(read.series))
        first = max(one.end for one in self.series_)
        steps = held_out_steps(series.series, first, self.horizon)
        if not steps:
            raise DataError(
                f"no values after {time_at(read, first - 1)}, the last time of the training",
                "later rows, which the forecasts are compared with",
                "predict, for forecasts; or a backtest, which holds out the end of the series",
            )
        return self._tested(steps, self.lags_.rows(steps), series.until(first).series, interval)

    def _tested(
        self,
        steps: Sequence[ForecastSteps],
        rows: ForecastRows,
        before: Sequence[Series],
        interval: float,
        **others: Array,
    ) -> Backtest:
        """Forecasts of steps with known values, beside `others` (n,), and their scores."""
        more = {
            "ahead": np.concatenate([part.ahead for part in steps]),
            ACTUAL: np.concatenate([part.values for part in steps]),
            **others,
            "seasonal_naive": rows.base,
            "naive": np.concatenate([part.last_values for part in steps]),
        }
        made = self._forecasts(steps, rows, interval)
        for name, values in more.items():
            made = made.append_column(name, pa.array(values))
        models = [name for name in MODELS if name in made.column_names]
        scores = scores_of(made, models, scales_of(steps, before, self.lags_.season))
        low, high = made["low"].to_numpy(), made["high"].to_numpy()
        inside = (low <= more[ACTUAL]) & (more[ACTUAL] <= high)
        n_training = sum(int((~np.isnan(one.values)).sum()) for one in before)
        return Backtest(made, scores, float(inside.mean()), float((high - low).mean()), n_training)

    def _continued(self, series: Sequence[Series]) -> tuple[Series, ...]:
        """The series, after their last values of the training where they begin later."""
        past = {one.label: one for one in self.series_}
        return tuple(one.after(past.get(one.label, one)) for one in series)

    def _warn_of_new(self, series: Sequence[Series]) -> None:
        """Warn of series that the training rows lack."""
        known = {one.label for one in self.series_}
        new = [repr(one.label) for one in series if one.label not in known]
        if new and self.lags_.grouped:
            named = ", ".join([*new[:3], *["…"][: len(new) > 3]])
            warnings.warn(
                f"{len(new)} of {len(series)} series unseen in training: {named}",
                UnseenWarning,
                stacklevel=3,
            )

    # in a file

    def _to_file(self) -> tuple[dict[str, object], Net | None]:
        fitted, net = self.regressor_._to_file()
        return fitted_to(fitted, self.lags_, self.roles_, self.series_), net

    def _from_file(self, fitted: dict[str, object], net: Net | None) -> None:
        self._check_settings()
        regressor, self.lags_, self.roles_, self.series_ = fitted_from(fitted)
        self.regressor_ = self._regressor()
        self.regressor_._from_file(regressor, net)
        read = [*self.regressor_.features_.features]
        made = self.lags_.rows(next_steps(self.series_[:1], 1)).columns
        if read != [*made]:
            raise damaged(
                f"a regressor of the columns {shown(read)}", f"those of its lags, {[*made]}"
            )
