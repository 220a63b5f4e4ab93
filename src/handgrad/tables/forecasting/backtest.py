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
from handgrad.tables.forecasting.series import Series
from handgrad.tables.tabular import TableEncoder
from handgrad.textbook.layers import Array

# Penalties of the linear model, of which cross-validation chooses one.
PENALTIES = np.logspace(-3, 3, 13)
ACTUAL = "actual"


@dataclass(frozen=True)
class Backtest:
    """Backtest of a forecaster: its forecasts of the held-out end of series, and their scores.

    Origins are `horizon` steps apart, so that each held-out step is forecast once. The model is
    fitted once, to the values before the end. The seasonal naive forecast is the last known value
    of the same place in the season; the linear model is ridge regression on the features of the
    net.

    Parameters
    ----------
    table : pyarrow.Table
        A row for each series and held-out step: group and time, the steps `ahead` of the origin,
        the `actual` value, the `forecast` with `low` and `high`, and the forecasts `linear` and
        `seasonal_naive`.
    scores : dict of str to dict
        MASE, MAE and RMSE of `forecast`, `linear` and `seasonal_naive`. MASE, the mean absolute
        scaled error, is in units of the mean absolute change from season to season in the training
        values: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006.
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
        encoder = TableEncoder().fit(training.table)
        x, x_held = (encoder.transform(part.table).astype(float) for part in (training, rows))
    return rows.absolute(RidgeCV(PENALTIES).fit(x, targets).predict(x_held))


def scores_of(
    table: pa.Table,
    names: Sequence[str],
    steps: Sequence[ForecastSteps],
    changes: Mapping[str, float],
) -> dict[str, dict[str, float]]:
    """MASE, MAE and RMSE of columns of a backtest.

    Parameters
    ----------
    table : pyarrow.Table
        Table of the backtest.
    names : sequence of str
        Columns with forecasts.
    steps : sequence of ForecastSteps
        The steps of its rows, series by series.
    changes : dict of str to float
        Mean absolute change from season to season of each series in training, by name. A series
        without one, or with one of 0, is not part of the MASE.
    """
    scales = np.concatenate(
        [np.full(len(part.ahead), changes.get(part.series.label, 0.0)) for part in steps]
    )
    actual, scaled = table[ACTUAL].to_numpy(), scales > 0
    scores = {}
    for name in names:
        error = np.abs(table[name].to_numpy() - actual)
        mase = float((error[scaled] / scales[scaled]).mean()) if scaled.any() else np.nan
        rmse = float(np.sqrt((error**2).mean()))
        scores[name] = {"mase": mase, "mae": float(error.mean()), "rmse": rmse}
    return scores


def seasonal_change(series: Series, season: int) -> float:
    """Mean absolute change of a series from season to season; 0 if it is shorter."""
    changes = np.abs(series.values[season:] - series.values[:-season])
    return float(np.nanmean(changes)) if (~np.isnan(changes)).any() else 0.0
