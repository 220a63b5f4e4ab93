"""Forecasts: nothing from the future in them, better than the season before, in a file too."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.files import inspect
from handgrad.tables.forecasting.lags import AHEAD, SERIES, Lags
from handgrad.tables.forecasting.origins import ForecastSteps
from handgrad.tables.forecasting.reading import read_series
from handgrad.tables.forecasting.series import Roles, Series
from handgrad.tables.forecasting.steps import TimeStep
from handgrad.textbook.layers import Array
from tests.bad_input.refused import refused
from tests.files.mutations import joined, split

QUICK: dict[str, Any] = {"n_members": 2, "epochs": 8, "engine": "eager", "random_state": 0}
DAYS = np.arange("2024-01-01", "2024-08-01", dtype="M8[D]")
TEXTS = [str(day) for day in DAYS]


def sales(seed: int = 0, n: int = len(DAYS)) -> Array:
    """A week's season whose size follows a random walk, and noise."""
    rng = np.random.default_rng(seed)
    level = 100 + np.cumsum(rng.normal(0, 2, n))
    return level * (1 + 0.3 * (np.arange(n) % 7 > 4)) + rng.normal(0, 2, n)


def table(**more: object) -> dict[str, Any]:
    return {"day": DAYS.tolist(), "sales": sales(), **more}


def stores() -> dict[str, Any]:
    """Two series of different sizes and ends."""
    many, few = sales(1), sales(2)[:-20] / 100
    return {
        "day": [*DAYS.tolist(), *DAYS[:-20].tolist()],
        "sales": [*many, *few],
        "store": ["Ulm"] * len(many) + ["Bonn"] * len(few),
    }


@pytest.fixture(scope="module")
def model() -> hg.tables.Forecaster:
    return hg.tables.Forecaster(7, **QUICK).fit(table(), "sales", time="day")


@pytest.fixture(scope="module")
def of_stores() -> hg.tables.Forecaster:
    return hg.tables.Forecaster(7, **QUICK).fit(stores(), "sales", time="day", group="store")


# features

DAILY = TimeStep("second", 86400.0, 19723.0)  # from Monday, the first of January 2024 on


def rows(y: Array, origins: list[int], ahead: list[int], **more: Any) -> dict[str, list[Any]]:
    lags = Lags(DAILY, (7,), 2, **({"dates": True, "months": False, "grouped": True} | more))
    made = lags.rows([ForecastSteps(Series("Ulm", 0, y), np.array(origins), np.array(ahead))])
    columns = {name: values.tolist() for name, values in made.columns.items()}
    return columns | {"base": made.base.tolist(), "scale": made.scale.tolist()}


def test_features_by_hand() -> None:
    y = np.arange(1.0, 22.0)  # each week 7 more than the one before
    made = rows(y, [20, 20], [1, 8])
    assert made["base"] == [15, 15]  # the Monday before; eight steps ahead is a Monday too
    assert made["scale"] == [7, 7]
    assert made["lag 0"] == pytest.approx([(21 - 15) / 7] * 2)
    assert made["lag 1"] == pytest.approx([(20 - 15) / 7] * 2)
    assert made["season of 7, last"] == [0, 0]
    assert made["season of 7, before"] == [-1, -1]
    assert made["mean of 7"] == pytest.approx([(18 - 15) / 7] * 2)
    assert made["change in 7"] == [1, 1]
    assert made[AHEAD] == [1, 8]
    assert made["day of the week"] == ["Monday", "Monday"]
    assert made[SERIES] == ["Ulm", "Ulm"]
    assert "month" not in made


def test_gaps_are_missing_lags_and_the_season_before_stands_in_for_them() -> None:
    y = np.arange(1.0, 22.0)
    y[[13, 20]] = np.nan, 21
    made = rows(y, [20, 14], [7, 6])
    assert np.isnan(made["lag 1"][1])
    assert made["base"] == [21, 13]  # the value before the gap


@pytest.mark.parametrize("origin", [30, 55, 80])
def test_no_feature_is_from_the_future(origin: int) -> None:
    y = sales(3)[:100]
    changed = y.copy()
    changed[origin + 1 :] = 1e6
    asked = [origin] * 20, [*range(1, 21)]
    assert rows(changed, *asked) == rows(y, *asked)
    seen = y.copy()
    seen[origin] += 1  # the test would see a change
    assert rows(seen, *asked) != rows(y, *asked)


def test_forecasts_do_not_change_with_the_future(model: hg.tables.Forecaster) -> None:
    y = sales()
    changed = y.copy()
    changed[151:] = -1e3
    was, now = (from_origins(model, values, [150]) for values in (y, changed))
    assert now == was
    changed[150] += 5
    assert from_origins(model, changed, [150]) != was


# forecasts


def from_origins(model: hg.tables.Forecaster, y: Array, origins: list[int]) -> pa.Table:
    """Forecasts of all steps from origins in a series."""
    steps = [ForecastSteps.of(Series("", 0, y), np.array(origins), model.horizon)]
    return model._forecasts(steps, model.lags_.rows(steps), 0.9)


def test_a_forecast_goes_on_from_the_last_row(model: hg.tables.Forecaster) -> None:
    forecast = model.predict()
    assert forecast.column_names == ["day", "forecast", "low", "high"]
    first = DAYS[-1] + 1
    assert forecast["day"].to_pylist() == np.arange(first, first + 7).tolist()
    low, middle, high = (forecast[name].to_numpy() for name in ("low", "forecast", "high"))
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert (low < high).any()


def test_the_training_rows_are_the_default_and_later_ones_are_used(
    model: hg.tables.Forecaster,
) -> None:
    order = np.random.default_rng(0).permutation(len(DAYS))
    mixed = {"day": DAYS[order].tolist(), "sales": sales()[order]}
    assert model.predict(mixed) == model.predict()
    assert model.predict(pa.table(mixed)) == model.predict()
    short = {"day": DAYS[:-7].tolist(), "sales": sales()[:-7]}
    assert model.predict(short)["day"][0].as_py() == DAYS[-7].tolist()


def test_later_rows_alone_continue_the_training(model: hg.tables.Forecaster) -> None:
    """The file has the last values of the training."""
    later = [*range(int(DAYS[-1].astype(int)) + 1, int(DAYS[-1].astype(int)) + 6)]
    days, y = np.array(later).astype("M8[D]").tolist(), [90.0, 91.0, 92.0, 93.0, 94.0]
    alone = model.predict({"day": days, "sales": y})
    whole = {"day": [*DAYS.tolist(), *days], "sales": [*sales(), *y]}
    assert alone == model.predict(whole)
    # with a gap, the steps between are missing
    gap = {"day": [*DAYS.tolist(), *days[2:]], "sales": [*sales(), *y[2:]]}
    assert model.predict({"day": days[2:], "sales": y[2:]}) == model.predict(gap)


def test_rows_of_a_series_replace_those_of_the_training(model: hg.tables.Forecaster) -> None:
    changed = sales()
    changed[-50:] += 10
    part = {"day": DAYS[-50:].tolist(), "sales": changed[-50:]}
    assert model.predict(part) == model.predict({"day": DAYS.tolist(), "sales": changed})


def test_it_forecasts_better_than_the_season_before(model: hg.tables.Forecaster) -> None:
    y, first = sales(5, 400), 151
    made = from_origins(model, y, [*range(first - 1, 390, 7)])
    values, before = y[first : first + len(made)], y[first - 7 : first - 7 + len(made)]
    error = np.abs(made["forecast"].to_numpy() - values)
    assert error.mean() < 0.9 * np.abs(before - values).mean()
    inside = (made["low"].to_numpy() <= values) & (values <= made["high"].to_numpy())
    assert 0.75 < inside.mean() < 0.99


def test_a_narrower_interval_has_less_coverage(model: hg.tables.Forecaster) -> None:
    wide, narrow = (model.predict(interval=c) for c in (0.9, 0.5))
    assert (narrow["high"].to_numpy() <= wide["high"].to_numpy()).all()
    assert (narrow["high"].to_numpy() < wide["high"].to_numpy()).any()


def test_each_series_has_its_own_end_and_size(of_stores: hg.tables.Forecaster) -> None:
    forecast = of_stores.predict()
    assert forecast.column_names == ["store", "day", "forecast", "low", "high"]
    assert forecast["store"].to_pylist() == ["Ulm"] * 7 + ["Bonn"] * 7
    assert forecast["day"][0].as_py() == (DAYS[-1] + 1).tolist()
    assert forecast["day"][7].as_py() == DAYS[-20].tolist()
    values = forecast["forecast"].to_numpy()
    assert values[:7].min() > 20
    assert values[7:].max() < 5


def test_a_series_unseen_in_training_is_forecast_with_a_warning(
    of_stores: hg.tables.Forecaster,
) -> None:
    new = table(store=["Jena"] * len(DAYS))
    with pytest.warns(hg.errors.UnseenWarning, match="1 of 1 series unseen in training: 'Jena'"):
        forecast = of_stores.predict(new)
    assert forecast["store"].to_pylist() == ["Jena"] * 7


def test_numbers_and_hours_as_times() -> None:
    numbers = {"year": [*range(1900, 2000)], "y": sales(0, 100)}
    forecast = hg.tables.Forecaster(3, **QUICK).fit(numbers, "y", time="year").predict()
    assert forecast["year"].to_pylist() == [2000, 2001, 2002]
    hours = np.arange("2024-01-01T00", "2024-01-08T00", dtype="M8[h]").astype("M8[s]")
    table_ = pa.table({"hour": hours, "y": sales(0, len(hours))})
    forecaster = hg.tables.Forecaster(2, **QUICK).fit(table_, "y", time="hour")
    assert str(forecaster.predict()["hour"][1]) == "2024-01-08 01:00:00"
    assert forecaster.regressor_.features_.read_as()["hour"] == "category of 24 values, embedded"


def test_names_of_series_are_categories_whatever_they_read_as() -> None:
    named = stores() | {"store": ["10"] * len(DAYS) + ["2"] * (len(DAYS) - 20)}
    forecaster = hg.tables.Forecaster(3, **QUICK).fit(named, "sales", time="day", group="store")
    assert forecaster.regressor_.features_.read_as()[SERIES] == "binary, '10' or '2'"


def test_months_are_categories_of_series_of_a_year() -> None:
    days = DAYS[0] + np.arange(400)
    series = {"day": days.tolist(), "sales": sales(0, 400)}
    forecaster = hg.tables.Forecaster(3, **QUICK).fit(series, "sales", time="day")
    assert forecaster.regressor_.features_.read_as()["month"] == "category of 12 values, embedded"


def test_a_season_may_be_given() -> None:
    forecaster = hg.tables.Forecaster(3, season=1, **QUICK).fit(table(), "sales", time="day")
    assert forecaster.lags_.seasons == ()
    forecaster = hg.tables.Forecaster(3, season=28, **QUICK).fit(table(), "sales", time="day")
    assert forecaster.lags_.seasons == (28,)


def test_a_fit_that_fails_leaves_the_model_as_it_was(model: hg.tables.Forecaster) -> None:
    before = model.predict()
    with refused(hg.errors.DataError, "at least 11, for a horizon of 7"):
        model.fit({"day": DAYS[:10].tolist(), "sales": sales()[:10]}, "sales", time="day")
    assert model.predict() == before


# tables


def test_a_gap_is_a_warning() -> None:
    there = np.delete(np.arange(len(DAYS)), [50, 51, 90])
    gaps = {"day": DAYS[there].tolist(), "sales": sales()[there]}
    gaps["sales"][10] = np.nan
    with pytest.warns(UserWarning, match="4 of 213 steps have no value of 'sales'"):
        forecaster = hg.tables.Forecaster(7, **QUICK).fit(gaps, "sales", time="day")
    assert np.isfinite(forecaster.predict()["forecast"].to_numpy()).all()


def test_empty_values_at_the_end_are_to_be_forecast() -> None:
    y = sales()
    y[-7:] = np.nan
    series = read_series({"day": DAYS.tolist(), "sales": y}, Roles("sales", "day"))
    assert (series.notes, len(series.series[0].values)) == ((), len(DAYS) - 7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"day": [*TEXTS[:-1], TEXTS[0]]}, ["repeats that of an earlier row", "group="]),
        ({"day": [*TEXTS[:-1], "2024-07-31 07:00"]}, ["'day'", "irregular times"]),
        ({"day": [*TEXTS[:-1], "2025-07-30"]}, ["have no value of 'sales'"]),
        ({"day": [None, *TEXTS[1:]]}, ["the time 'day' is empty", "row 0"]),
        ({"day": ["soon", *TEXTS[1:]]}, ["'day' holds text"]),
        ({"sales": ["many"] * len(DAYS)}, ["the target 'sales' has texts", "'many'"]),
        ({"sales": [None] * len(DAYS)}, ["the target 'sales' has nothing"]),
    ],
)
def test_unusable_tables_are_refused(change: dict[str, Any], words: list[str]) -> None:
    with refused(hg.errors.DataError, *words):
        hg.tables.Forecaster(7, **QUICK).fit(table() | change, "sales", time="day")


def test_unusable_arguments_are_refused(model: hg.tables.Forecaster) -> None:
    with refused(hg.errors.DataError, "no column named 'sale'", "sales"):
        hg.tables.Forecaster(7).fit(table(), "sale", time="day")
    with refused(hg.errors.SettingError, "the column 'low'", "rename the column"):
        hg.tables.Forecaster(7).fit(table(low=DAYS.tolist()), "sales", time="low")
    with refused(hg.errors.SettingError, "horizon = 0"):
        hg.tables.Forecaster(0).fit(table(), "sales", time="day")
    with refused(hg.errors.SettingError, "season = 1.5"):
        hg.tables.Forecaster(season=1.5).fit(table(), "sales", time="day")  # type: ignore[arg-type]
    with refused(hg.errors.SettingError, "interval=2"):
        model.predict(interval=2)
    noon = {"day": (DAYS.astype("M8[s]") + np.timedelta64(12, "h")).tolist(), "sales": sales()}
    with refused(hg.errors.DataError, "'day' is between two steps of 1 day", "row 0"):
        model.predict(noon)


def test_groups_of_large_numbers_are_told_apart() -> None:
    rows = {
        "day": [*DAYS[:30].tolist()] * 2,
        "sales": [*sales()[:30], *sales(1)[:30]],
        "shop": [1234567.0] * 30 + [1234568.0] * 30,
    }
    series = read_series(rows, Roles("sales", "day", "shop")).series
    assert [one.label for one in series] == ["1234567", "1234568"]


def test_a_series_without_values_is_named() -> None:
    empty = stores()
    empty["sales"][len(DAYS) :] = [None] * (len(DAYS) - 20)
    with refused(hg.errors.DataError, "no value of 'sales' of store 'Bonn'"):
        hg.tables.Forecaster(7, **QUICK).fit(empty, "sales", time="day", group="store")


# in a file


@pytest.mark.parametrize("which", ["model", "of_stores"])
def test_a_file_has_the_same_forecasts(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    forecaster = request.getfixturevalue(which)
    path = hg.save(forecaster, tmp_path / "model.safetensors")
    again = hg.load(path)
    assert again.predict() == forecaster.predict()
    assert again.get_params() == forecaster.get_params()
    (entry,) = inspect(path).estimators
    assert entry.columns["day"] == "time, steps of 1 day"


LIES: dict[str, tuple[str, Any]] = {
    "no step": ("step", None),
    "a step of 0": ("step", {"unit": "second", "count": 0.0}),
    "a part of a second": ("step", {"count": 0.5}),
    "another unit": ("step", {"unit": "moon"}),
    "a day too many": ("step", {"open_days": [0, 7]}),
    "no season": ("lags", {"seasons": [1]}),
    "seasons in no order": ("lags", {"seasons": [9, 7]}),
    "no lags": ("lags", {"n_lags": 0}),
    "other lags": ("lags", {"n_lags": 3}),
    "a key more": ("lags", {"hook": 1}),
    "a number as a name": ("roles", {"time": 3}),
    "no series": ("series", []),
    "a series of no kind": ("series", [["", 0, "values"]]),
    "an empty series": ("series", [["", 0, {"array": {"dtype": "float64", "values": []}}]]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_no_fit_has_written_is_refused(
    lie: str, model: hg.tables.Forecaster, tmp_path: Path
) -> None:
    path = hg.save(model, tmp_path / "model.safetensors")
    header, data = split(path.read_bytes())
    document = json.loads(header["__metadata__"]["handgrad"])
    key, value = LIES[lie]
    fitted = document["model"]["fitted"]
    fitted[key] = {**fitted[key], **value} if isinstance(value, dict) else value
    header["__metadata__"]["handgrad"] = json.dumps(document)
    path.write_bytes(joined(header, data, Random(0)))
    with refused(hg.errors.FileError, "model.safetensors"):
        hg.load(path)
