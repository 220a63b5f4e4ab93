"""Backtests: forecasts of the end of series by a model of what came before, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sklearn.linear_model import RidgeCV

from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.forecasting.lags import ForecastRows
from handgrad.tables.forecasting.origins import ForecastSteps
from handgrad.tables.forecasting.reading import table_of
from handgrad.tables.forecasting.series import Series
from handgrad.tables.tabular import TableEncoder
from handgrad.textbook.layers import Array

# Penalties of the linear model, of which cross-validation chooses one.
PENALTIES = np.logspace(-3, 3, 13)
ACTUAL = "actual"
# Columns of forecasts in a backtest.
MODELS = ("forecast", "linear", "seasonal_naive", "naive")


@dataclass(frozen=True)
class Backtest:
    """Forecasts of the held-out end of series, or of values after the training, and their scores.

    Origins are `horizon` steps apart, so that each of these steps is forecast once. The model is
    fitted once, to the values before. The seasonal naive forecast is the last known value
    of the same place in the season, the naive one the last known value; the linear model is ridge
    regression on the features of the net.

    Parameters
    ----------
    table : pyarrow.Table
        A row for each series and held-out step: group and time, the steps `ahead` of the origin,
        the `actual` value, the `forecast` with `low` and `high`, and the forecasts `linear` (of a
        backtest), `seasonal_naive` and `naive`.
    scores : dict of str to dict
        MASE, MAE and RMSE of each of these forecasts. MASE, the mean absolute scaled error, is in
        units of the mean absolute change from season to season in the training values: Hyndman and
        Koehler, "Another look at measures of forecast accuracy", 2006.
    coverage : float
        Fraction of the actual values inside their intervals.
    mean_width : float
        Mean width of the intervals.
    n_training : int
        Number of values before the held-out end.
    """

    table: pa.Table
    scores: Mapping[str, Mapping[str, float]]
    coverage: float
    mean_width: float
    n_training: int


def linear_forecasts(training: ForecastRows, targets: Array, rows: ForecastRows) -> Array:
    """Forecasts by ridge regression on the encoded columns, (n,).

    Parameters
    ----------
    training : ForecastRows
        Training rows.
    targets : array (n_training,)
        Their targets, relative to base and scale.
    rows : ForecastRows
        Rows to forecast.
    """
    with no_unseen_warnings():
        encoder = TableEncoder().fit(table_of(training.columns))
        x, x_held = (
            encoder.transform(table_of(part.columns)).astype(float) for part in (training, rows)
        )
    return rows.absolute(RidgeCV(PENALTIES).fit(x, targets).predict(x_held))


def scores_of(table: pa.Table, names: Sequence[str], scales: Array) -> dict[str, dict[str, float]]:
    """MASE, MAE and RMSE of columns of a backtest.

    Parameters
    ----------
    table : pyarrow.Table
        Table of the backtest.
    names : sequence of str
        Columns with forecasts.
    scales : array (n,)
        Scale of the series of each row. Rows with a scale of 0 are not part of the MASE.
    """
    actual, scaled = table[ACTUAL].to_numpy(), scales > 0
    scores = {}
    for name in names:
        error = np.abs(table[name].to_numpy() - actual)
        mase = float((error[scaled] / scales[scaled]).mean()) if scaled.any() else np.nan
        rmse = float(np.sqrt((error**2).mean()))
        scores[name] = {"mase": mase, "mae": float(error.mean()), "rmse": rmse}
    return scores


def scales_of(steps: Sequence[ForecastSteps], before: Sequence[Series], season: int) -> Array:
    """Scale of the series of each step, (n,): its mean absolute change from season to season.

    Parameters
    ----------
    steps : sequence of ForecastSteps
        Steps, series by series.
    before : sequence of Series
        Training values of the series; the scale of a shorter or a missing one is 0.
    season : int
        Steps of a season.
    """
    changes = {one.label: _seasonal_change(one, season) for one in before}
    return np.concatenate(
        [np.full(len(part.ahead), changes.get(part.series.label, 0.0)) for part in steps]
    )


def _seasonal_change(series: Series, season: int) -> float:
    changes = np.abs(series.values[season:] - series.values[:-season])
    return float(np.nanmean(changes)) if (~np.isnan(changes)).any() else 0.0
