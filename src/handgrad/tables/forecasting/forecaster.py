"""Forecasts of time series: an ensemble of nets on lags and the calendar, with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from handgrad.engines.dispatch import EngineName
from handgrad.files.cells import DAY
from handgrad.files.tensors import damaged, shown
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.forecasting.files import fitted_from, fitted_to
from handgrad.tables.forecasting.lags import ForecastRows, Lags
from handgrad.tables.forecasting.series import Roles, Series, SeriesSet
from handgrad.tables.tabular import TabularRegressor
from handgrad.textbook.errors import DataError, UnseenWarning, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net

# Most training rows; a row is an origin and a number of steps ahead of it.
MOST_ROWS = 20_000


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
        series = SeriesSet.of(table, roles)
        for note in series.notes:
            warnings.warn(note, stacklevel=2)
        lags = Lags.of(series, self.horizon, self.season)
        rows, y, positions = training_rows(lags, series.series, self.horizon)
        regressor = self._regressor()
        t = (y - rows.base) / rows.scale
        self.regressor_ = regressor.fit(pa.table(rows.columns), t, time=positions)
        self.lags_, self.roles_ = lags, roles
        self.series_ = tuple(one.last(lags.memory) for one in series.series)
        return self

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
            Rows with the columns of the training up to the time to forecast from; the training rows
            if not given.
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
            series = SeriesSet.of(table, self.roles_, self.lags_.step).series
            self._warn_of_new(series)
        # so that rounding does not depend on earlier values
        series = tuple(one.last(self.lags_.memory) for one in series)
        origins = [np.full(self.horizon, len(one.values) - 1) for one in series]
        return forecasts_from(self, series, origins, interval)

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
        first = self.series_[0]
        made = self.lags_.rows(first, np.array([len(first.values) - 1]), np.ones(1, int)).columns
        if read != [*made]:
            raise damaged(
                f"a regressor of the columns {shown(read)}", f"those of its lags, {[*made]}"
            )


def forecasts_from(
    model: Forecaster, series: Sequence[Series], origins: Sequence[Array], interval: float
) -> pa.Table:
    """Forecasts from `origins` of series, indices of values, each repeated for every step."""
    parts, places = [], []
    for one, of_one in zip(series, origins, strict=True):
        ahead = np.tile(np.arange(1, model.horizon + 1), len(of_one) // model.horizon)
        parts.append(model.lags_.rows(one, of_one, ahead))
        places.append(one.start + of_one + ahead)
    rows = ForecastRows.joined(parts)
    with no_unseen_warnings():
        z, ends = model.regressor_.predict(pa.table(rows.columns), interval=interval)
    labels = np.repeat([one.label for one in series], [len(of_one) for of_one in origins])
    times = model.lags_.step.times(np.concatenate(places))
    forecast, low, high = (rows.base + rows.scale * part for part in (z, ends[:, 0], ends[:, 1]))
    group = {model.roles_.group: pa.array(labels.tolist())} if model.roles_.group else {}
    when = {model.roles_.time: _cells(times, dates=model.lags_.dates)}
    return pa.table({**group, **when, "forecast": forecast, "low": low, "high": high})


def training_rows(
    lags: Lags, series: Sequence[Series], horizon: int
) -> tuple[ForecastRows, Array, Array]:
    """Rows of all origins and steps with a known value, the values, and their positions.

    Of more than `MOST_ROWS` a regular choice is made.
    """
    pairs = [_known(lags, one, horizon) for one in series]
    n_rows = sum(len(origins) for origins, _ in pairs)
    if not n_rows:
        longest = max(len(one.values) for one in series)
        raise DataError(
            f"{longest} steps in the longest series",
            f"at least {horizon + 4}, for a horizon of {horizon}",
            "more rows, or a shorter horizon",
        )
    every = max(n_rows / MOST_ROWS, 1.0)
    parts, values, positions, before = list[ForecastRows](), [], [], 0
    for one, (origins, ahead) in zip(series, pairs, strict=True):
        numbers = np.arange(before, before + len(origins))
        chosen = np.floor((numbers + 1) / every) > np.floor(numbers / every)
        before += len(origins)
        if chosen.any():
            origins, ahead = origins[chosen], ahead[chosen]
            parts.append(lags.rows(one, origins, ahead))
            values.append(one.values[origins + ahead])
            positions.append(one.start + origins + ahead)
    return ForecastRows.joined(parts), np.concatenate(values), np.concatenate(positions)


def _known(lags: Lags, series: Series, horizon: int) -> tuple[Array, Array]:
    """Origins and steps ahead whose values are known, of a series with enough before them."""
    n = len(series.values)
    first = min(max(2 * lags.season, lags.n_lags), n // 3)
    origins, ahead = (
        part.ravel()
        for part in np.meshgrid(np.arange(first, n - 1), np.arange(1, horizon + 1), indexing="ij")
    )
    inside = origins + ahead < n
    origins, ahead = origins[inside], ahead[inside]
    there = ~np.isnan(series.values[origins + ahead]) & (n >= horizon + 4)
    return origins[there], ahead[there]


def _cells(times: Array, *, dates: bool) -> pa.Array:
    """Times as dates, timestamps or numbers, whole ones as integers."""
    if not dates:
        return pa.array(times.astype(int) if (times == np.rint(times)).all() else times)
    seconds = np.rint(times * DAY).astype("M8[s]")
    return pa.array(seconds.astype("M8[D]") if (times == np.rint(times)).all() else seconds)
