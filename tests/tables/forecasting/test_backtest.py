"""Backtests: the end of series is forecast by a model that has not seen it, and scored by hand."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.tables.forecasting.test_forecaster import DAYS, QUICK, sales, stores, table

ROLES: dict[str, Any] = {"target": "sales", "time": "day"}


def forecaster() -> hg.tables.Forecaster:
    return hg.tables.Forecaster(7, **QUICK)


@pytest.fixture(scope="module")
def tested() -> hg.tables.Backtest:
    return forecaster().backtest(table(), **ROLES)


def test_each_step_of_the_end_is_forecast_once_from_origins_a_horizon_apart(
    tested: hg.tables.Backtest,
) -> None:
    made = tested.table
    assert made["day"].to_pylist() == DAYS[-42:].tolist()  # six weeks are about a fifth
    assert made["actual"].to_pylist() == sales()[-42:].tolist()
    assert made["ahead"].to_pylist() == [*range(1, 8)] * 6
    assert made["seasonal_naive"].to_pylist() == sales()[-49:-7].tolist()
    assert tested.n_training == len(DAYS) - 42


def test_scores_by_hand(tested: hg.tables.Backtest) -> None:
    y, made = sales(), tested.table
    change = np.abs(y[7:-42] - y[:-49]).mean()  # of the training values only
    for name in ("forecast", "linear", "seasonal_naive"):
        error = np.abs(made[name].to_numpy() - y[-42:])
        expected = error.mean() / change, error.mean(), np.sqrt((error**2).mean())
        assert [*tested.scores[name].values()] == pytest.approx(expected), name
    low, high = made["low"].to_numpy(), made["high"].to_numpy()
    assert tested.coverage == pytest.approx(((low <= y[-42:]) & (y[-42:] <= high)).mean())
    assert tested.mean_width == pytest.approx((high - low).mean())


def test_the_first_forecasts_are_those_of_a_model_of_the_rows_before(
    tested: hg.tables.Backtest,
) -> None:
    before = {"day": DAYS[:-42].tolist(), "sales": sales()[:-42]}
    expected = forecaster().fit(before, "sales", time="day").predict()
    assert tested.table.select(["day", "forecast", "low", "high"])[:7] == expected


def test_the_held_out_values_change_no_forecast_from_before_them(
    tested: hg.tables.Backtest,
) -> None:
    y = sales()
    y[-7:] = 1e3
    again = forecaster().backtest(table() | {"sales": y}, **ROLES)
    names = ["forecast", "low", "high", "linear", "seasonal_naive"]
    assert again.table.select(names) == tested.table.select(names)
    assert again.scores["forecast"]["mae"] > 10 * tested.scores["forecast"]["mae"]


def test_the_linear_model_repeats_a_season_that_repeats() -> None:
    y = 100.0 + 50 * (np.arange(len(DAYS)) % 7 > 4) + np.arange(len(DAYS))
    tested = forecaster().backtest(table() | {"sales": y}, **ROLES)
    assert tested.scores["linear"]["mase"] < 0.05
    assert tested.scores["seasonal_naive"]["mase"] == pytest.approx(1)


def test_series_of_different_ends_are_tested_over_the_same_time() -> None:
    tested = forecaster().backtest(stores(), **ROLES, group="store", test_size=0.15)
    made = tested.table
    of_ulm, of_bonn = (made.filter(pa.compute.equal(made["store"], s)) for s in ("Ulm", "Bonn"))
    assert of_ulm["day"].to_pylist() == DAYS[-35:].tolist()
    assert of_bonn["day"].to_pylist() == DAYS[-35:-20].tolist()
    errors = [
        np.abs(part["forecast"].to_numpy() - part["actual"].to_numpy())
        for part in (of_ulm, of_bonn)
    ]
    changes = [np.abs(y[7:] - y[:-7]).mean() for y in (sales(1)[:-35], sales(2)[:-35] / 100)]
    scaled = np.concatenate([e / c for e, c in zip(errors, changes, strict=True)])
    assert tested.scores["forecast"]["mase"] == pytest.approx(scaled.mean())


def test_a_series_that_begins_in_the_end_is_forecast_too() -> None:
    y, young = sales(1), sales(2)[-20:]
    rows = {
        "day": [*DAYS.tolist(), *DAYS[-20:].tolist()],
        "sales": [*y, *young],
        "store": ["Ulm"] * len(y) + ["Bonn"] * 20,
    }
    made = forecaster().backtest(rows, **ROLES, group="store").table
    of_bonn = made.filter(pa.compute.equal(made["store"], "Bonn"))
    assert of_bonn["day"].to_pylist() == DAYS[-14:].tolist()


def test_the_forecaster_itself_does_not_change() -> None:
    model = forecaster()
    before = vars(model).copy()
    model.backtest(table(), **ROLES)
    assert vars(model) == before


def test_unusable_arguments_are_refused() -> None:
    short = {"day": DAYS[:17].tolist(), "sales": sales()[:17]}
    with refused(hg.errors.DataError, "17 steps in the longest series", "at least 18, of which 7"):
        forecaster().backtest(short, **ROLES)
    with refused(hg.errors.SettingError, "test_size = 1"):
        forecaster().backtest(table(), **ROLES, test_size=1)


def test_later_values_are_forecast_by_a_fitted_model(tested: hg.tables.Backtest) -> None:
    y, k = sales(), len(DAYS) - 42
    model = forecaster().fit({"day": DAYS[:k].tolist(), "sales": y[:k]}, **ROLES)
    for begin in (0, k):  # all rows, or only the later ones
        later = {"day": DAYS[begin:].tolist(), "sales": y[begin:]}
        evaluated = model.evaluate(later)
        names = [name for name in tested.table.column_names if name != "linear"]
        assert evaluated.table.column_names == names
        assert evaluated.table == tested.table.select(names)
        without = {name: scores for name, scores in tested.scores.items() if name != "linear"}
        assert evaluated.scores == without
        assert evaluated.coverage == tested.coverage
    with refused(hg.errors.DataError, "no values after", str(DAYS[k - 1]), "later rows"):
        model.evaluate({"day": DAYS[:k].tolist(), "sales": y[:k]})
