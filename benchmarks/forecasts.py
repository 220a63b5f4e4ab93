"""MASE of forecasts beside simple ones and boosted trees: `python -m benchmarks.forecasts`.

Ten series that statsmodels and dmba ship, which handgrad does not need: `pip install statsmodels
dmba`. The last fifth is forecast from origins one horizon apart, by models of what came before.
Gradient boosting, scikit-learn's, has the lags of a season and the place in it, forecasts the
change since a season ago or since the last value, and has 30, 100 or 300 trees: what is best on the
last horizons of the training values is chosen.
"""

import itertools
import warnings
from dataclasses import dataclass

import dmba
import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.ensemble import HistGradientBoostingRegressor

import handgrad as hg
from handgrad.textbook.layers import Array

TREES, VALIDATION = (30, 100, 300), 3  # horizons for validation


@dataclass(frozen=True)
class Example:
    """A series with its number of steps to forecast, and of those of a season."""

    values: Array
    begin: str
    step: str
    horizon: int
    season: int


def of_dmba(name: str, column: str) -> Array:
    """Numbers of a column of a table that dmba ships."""
    column_of = dmba.load_data(name)[column].astype(str).str.replace(",", "")
    numbers: Array = pd.to_numeric(column_of).to_numpy(float)
    return numbers


def of_statsmodels(name: str) -> pd.DataFrame:
    """A table that statsmodels ships."""
    return getattr(sm.datasets, name).load_pandas().data


def examples() -> dict[str, Example]:
    """The ten series."""
    wines, month, co2 = "AustralianWines.csv", ("M", 12, 12), of_statsmodels("co2")["co2"]
    sea = of_statsmodels("elnino").iloc[:, 1:].to_numpy(float).ravel()
    bills = of_statsmodels("macrodata")["tbilrate"].to_numpy(float)
    spots = of_statsmodels("sunspots")["SUNACTIVITY"].to_numpy(float)
    tunnel = of_dmba("BareggTunnel.csv", "Number of vehicles")
    return {
        "Amtrak": Example(of_dmba("Amtrak.csv", "Ridership"), "1991-01", *month),
        "red wine": Example(of_dmba(wines, "Red"), "1980-01", *month),
        "fortified wine": Example(of_dmba(wines, "Fortified"), "1980-01", *month),
        "souvenirs": Example(of_dmba("SouvenirSales.csv", "Sales"), "1995-01", *month),
        "air miles": Example(of_dmba("Sept11Travel.csv", "Air RPM (000s)"), "1990-01", *month),
        "CO2": Example(co2.resample("MS").mean().ffill().to_numpy(float), "1958-03", *month),
        "El Niño": Example(sea, "1950-01", *month),
        "tunnel": Example(tunnel, "2003-11-01", "D", 14, 7),
        "treasury bills": Example(bills, "1959-01", "Q", 4, 4),
        "sunspots": Example(spots, "1700", "Y", 5, 1),
    }


def features(y: Array, origins: Array, ahead: Array, season: int, base: Array) -> Array:
    """Lags relative to the base, steps ahead, and place in the season, (n, n_features)."""
    lags = [y[origins - lag] - base for lag in range(max(season, 4) + 1)]
    return np.column_stack([ahead, (origins + ahead) % season, *lags])


def boosted(
    y: Array, first: int, origins: Array, ahead: Array, season: int, trees: int, seasonal: bool
) -> Array:
    """Forecasts by boosting of the values before `first`, (n,)."""

    def base(origins: Array, ahead: Array) -> Array:
        back = season * -(-ahead // season) if seasonal else ahead
        return y[origins + ahead - back]

    known, steps = np.meshgrid(np.arange(2 * max(season, 4), first), np.arange(1, ahead.max() + 1))
    inside = known + steps < first
    known, steps = known[inside], steps[inside]
    start = base(known, steps)
    model = HistGradientBoostingRegressor(max_iter=trees, early_stopping=False)
    model.fit(features(y, known, steps, season, start), y[known + steps] - start)
    start = base(origins, ahead)
    return start + model.predict(features(y, origins, ahead, season, start))


def tuned_boosting(example: Example, first: int, origins: Array, ahead: Array) -> Array:
    """Forecasts by the setting that is best on the last horizons before `first`."""
    y, horizon = example.values, example.horizon
    begin = first - VALIDATION * horizon
    held = np.arange(begin, first)
    steps = (held - begin) % horizon + 1
    errors = {
        setting: np.abs(boosted(y, begin, held - steps, steps, example.season, *setting) - y[held])
        for setting in itertools.product(TREES, (True, False))
    }
    best = min(errors, key=lambda setting: errors[setting].mean())
    return boosted(y, first, origins, ahead, example.season, *best)


def main() -> None:
    """Print a line for each series: MASE of each model, and the coverage of 90 % intervals."""
    for name, example in examples().items():
        y = example.values
        times = pd.period_range(example.begin, periods=len(y), freq=example.step).to_timestamp()
        table = {"time": times.to_numpy().astype("M8[D]"), "y": y}
        net = hg.tables.Forecaster(horizon=example.horizon, season=example.season, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values beyond those of the training
            test = net.backtest(table, "y", time="time")
        first, ahead = test.n_training, test.table["ahead"].to_numpy()
        held = first + np.arange(len(ahead))
        np.testing.assert_allclose(test.table["actual"].to_numpy(), y[held], 1e-6)
        forecasts = tuned_boosting(example, first, held - ahead, ahead)
        scale = np.abs(y[example.season : first] - y[: first - example.season]).mean()
        mase = {model: scores["mase"] for model, scores in test.scores.items()}
        mase["boosting"] = np.abs(forecasts - y[held]).mean() / scale
        words = ", ".join(f"{model.replace('_', ' ')} {value:.2f}" for model, value in mase.items())
        print(f"{name}, {len(y)} values: {words}; coverage {test.coverage:.0%}", flush=True)


if __name__ == "__main__":
    main()
