"""`handgrad train TABLE --horizon N`: a forecaster, its backtest, its report, and its forecasts."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, raised, record, sales_csv, write_rows
from tests.tables.forecasting.test_forecaster import DAYS, sales

QUICK = ("--horizon", 7, "--epochs", 2, "--engine", "eager")
OF_STORES = ("--target", "sales", "--time", "day", "--group", "store")


CODES = ("01067", "1067")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two stores, with the file of the table and the output beside it."""
    folder = tmp_path_factory.mktemp("forecasts")
    data = sales_csv(folder / "sales.csv", CODES)
    result = handgrad(
        "train", data, *OF_STORES, *QUICK, "--category", "store", "--out", folder / "run"
    )
    assert result.exit_code == 0, result.output
    (folder / "told.txt").write_text(result.output, "utf-8")
    return folder


@pytest.fixture(scope="module")
def model(trained: Path) -> Path:
    return trained / "run" / "model.safetensors"


def test_a_run_has_forecasts_scores_and_a_report(trained: Path) -> None:
    told, run = (trained / "told.txt").read_text("utf-8"), trained / "run"
    assert "sales: 2 series by store, 193 to 213 steps of 1 day, 2024-01-01 to 2024-07-31" in told
    assert "forecasting sales: the next 7 days" in told
    assert "the last 42 steps, from 2024-06-20 on, forecast from 6 origins, 7 steps apart" in told
    assert "90% intervals: the true value is inside for" in told
    assert sorted(path.name for path in run.iterdir()) == [
        *("forecast.csv", "held_out.csv", "history.csv", "history.json", "model.safetensors"),
        *("report.html", "run.json"),
    ]
    found = record(run)
    assert found["settings"]["estimator"] == "forecast"
    assert found["rows"] == {"training": 171 + 171, "held_out": 42 + 22}
    assert [*found["scores"]] == ["held_out", "linear", "seasonal_naive", "naive"]
    assert found["columns"]["store"] == "series, 2 of them"
    assert found["columns"]["sales"] == "number to forecast, season of 7 steps"


def test_scores_are_those_of_the_backtest_in_python(trained: Path) -> None:
    forecaster = hg.tables.Forecaster(7, epochs=2, engine="eager", random_state=0)
    columns: dict[str, Any] = {
        name: [row[name] for row in table(trained / "sales.csv")] for name in ("store", "day")
    }
    columns["sales"] = [float(row["sales"]) for row in table(trained / "sales.csv")]
    roles: dict[str, Any] = {"time": "day", "group": "store"}
    tested = forecaster.backtest(columns, "sales", **roles)
    found = record(trained / "run")
    assert found["scores"]["held_out"] == tested.scores["forecast"]
    assert found["scores"]["naive"] == tested.scores["naive"]
    assert found["coverage"]["observed"] == tested.coverage
    held_out = table(trained / "run" / "held_out.csv")
    assert [float(row["forecast"]) for row in held_out] == tested.table["forecast"].to_pylist()
    # the kept model has seen the end
    expected = forecaster.fit(columns, "sales", **roles).predict()
    made = table(trained / "run" / "forecast.csv")
    assert [float(row["high"]) for row in made] == expected["high"].to_pylist()


def test_predict_continues_the_training(trained: Path, model: Path, tmp_path: Path) -> None:
    to, again = tmp_path / "forecast.csv", tmp_path / "again.csv"
    assert handgrad("predict", model, "-o", to).exit_code == 0
    assert to.read_bytes() == (trained / "run" / "forecast.csv").read_bytes()
    assert handgrad("predict", model, trained / "sales.csv", "-o", again).exit_code == 0
    assert again.read_bytes() == to.read_bytes()
    rows = table(to)
    assert [row["store"] for row in rows] == ["01067"] * 7 + ["1067"] * 7
    assert rows[0]["day"] == str(DAYS[-1] + 1)
    assert rows[7]["day"] == str(DAYS[-20])


def test_predict_continues_another_table(model: Path, tmp_path: Path) -> None:
    short = sales_csv(tmp_path / "short.csv", CODES, left_out=7)
    result = handgrad("predict", model, short, "--interval", "0.5", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["predictions"]
    assert [row["day"] for row in rows[:2]] == [str(day) for day in DAYS[-7:-5]]
    wide = json.loads(handgrad("predict", model, short, "--json").stdout)["predictions"]
    widths = [[row["high"] - row["low"] for row in one] for one in (rows, wide)]
    assert sum(widths[0]) < sum(widths[1])


def test_the_report_shows_forecasts_and_can_be_written_again(trained: Path) -> None:
    page = trained / "run" / "report.html"
    first = page.read_text("utf-8")
    for words in ("Forecasts of sales", "next 7 days", "seasonal naive", "mean scaled error"):
        assert words in first
    assert first.count("<svg") == 4  # two series, the error by steps ahead, the loss
    page.unlink()
    assert handgrad("report", trained / "run").exit_code == 0
    assert page.read_text("utf-8") == first


def test_a_forecast_without_a_use_is_a_finding(tmp_path: Path) -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(0, 1, len(DAYS)))
    rows = [*zip(DAYS, walk.round(4), strict=True)]
    data = write_rows(tmp_path / "walk.csv", rows, ["day", "price"])
    words = ("--target", "price", "--time", "day", "--season", 1, "--no-report")
    result = handgrad("train", data, *words, *QUICK, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    found = record(tmp_path / "run")
    assert found["columns"]["price"] == "number to forecast"
    scores = found["scores"]
    assert scores["naive"] == scores["seasonal_naive"]
    (finding,) = [f for f in found["findings"] if f["problem"] == "no better than a baseline"]
    best = min(s["mase"] for s in scores.values())
    assert scores["held_out"]["mase"] >= best
    assert f"{best:.3g}" in finding["evidence"]


@pytest.mark.slow
def test_gaps_are_noted_and_drawn_as_such(tmp_path: Path) -> None:
    rows = [*zip(DAYS, sales().round(3), strict=True)]
    del rows[50:53]
    data = write_rows(tmp_path / "gaps.csv", rows, ["day", "sales"])
    words = ("--target", "sales", "--time", "day", "--out", tmp_path / "run")
    result = handgrad("train", data, *words, *QUICK)
    assert result.exit_code == 0, result.output
    (note,) = record(tmp_path / "run")["notes"]
    assert note.startswith("3 of 213 steps have no value of 'sales'")
    assert result.output.count("3 of 213 steps") == 1


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_to_the_same_files(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", trained / "sales.csv", *OF_STORES, *QUICK, "--category", "store")
    out, forecaster = tmp_path / "run", hg.tables.Forecaster

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(forecaster, "fit", stop)
        result = handgrad(*words, "--out", out)
    assert "2 finished parts saved; to resume: handgrad train" in result.output
    with monkeypatch.context() as patched:
        patched.setattr(forecaster, "backtest", stop)  # it is not made again
        assert handgrad(*words, "--out", out, "--resume").exit_code == 0
    for name in ("forecast.csv", "held_out.csv", "model.safetensors"):
        assert (out / name).read_bytes() == (trained / "run" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--horizon 7", ["--horizon 7 without --time", "--time COLUMN"]),
        ("--horizon 0 --time day", ["--horizon 0", "a number of steps", "--horizon 14"]),
        ("--season 7", ["--season 7", "a table of time series", "--horizon 14"]),
        ("--estimator forecast --time day", ["without --horizon", "--horizon 14"]),
        ("--horizon 7 --time day --folds 3", ["--folds 3, for forecasts"]),
        ("--horizon 7 --time day --loss poisson", ["--loss poisson, for forecasts"]),
        ("--horizon 7 --time day --exposure days", ["--exposure days, for forecasts"]),
        ("--horizon 7 --time day --ignore store", ["--ignore store, for forecasts"]),
        ("--horizon 7 --time days --group store", ["no column named 'days'", "'day'"]),
        ("--horizon 7 --time day", ["sales.csv: the time 'day' repeats", "--group"]),
        ("--horizon 110 --time day --group store", ["213 steps in the longest series"]),
        ("--horizon 7 --estimator mlp", ["--horizon 7", "--estimator forecast"]),
    ],
)
def test_what_cannot_be_forecast_is_refused(
    words: str, told: list[str], trained: Path, tmp_path: Path
) -> None:
    always = ("--target", "sales", "--category", "store", "--out", tmp_path / "run")
    with pytest.raises(hg.HandgradError) as caught:
        raised("train", trained / "sales.csv", *always, *words.split())
    for word in told:
        assert word in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_later_values_are_evaluated(trained: Path, model: Path, tmp_path: Path) -> None:
    with refused(hg.errors.DataError, "sales.csv: no values after 2024-07-31", "later rows"):
        raised("evaluate", model, trained / "sales.csv")
    rows = [(row["store"], row["day"], row["sales"]) for row in table(trained / "sales.csv")]
    days = np.arange("2024-08-01", "2024-08-11", dtype="M8[D]").astype(str)
    more = [(code, day, 100 + i) for code in CODES for i, day in enumerate(days)]
    for name, some in (("all.csv", [*rows, *more]), ("later.csv", more)):
        path = write_rows(tmp_path / name, some, ["store", "day", "sales"])
        result = handgrad("evaluate", model, path, "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert (found["task"], found["target"], found["rows"]) == ("forecast", "sales", 20)
        assert [*found["scores"]] == [*found["guessing"]] == ["mase", "mae", "rmse"]
        assert found["coverage"]["rows"] == 20
    shown = handgrad("evaluate", model, path).output
    assert "20 values; sales is predicted by" in shown
    assert "seasonal naive" in shown
    with refused(hg.errors.SettingError, "--metric r2, for a forecaster", "MASE, MAE and RMSE"):
        raised("evaluate", model, path, "--metric", "r2")
    with refused(hg.errors.SettingError, "--target store, for a forecaster", "'sales'"):
        raised("evaluate", model, path, "--target", "store")


def test_what_a_forecaster_does_not_take_is_refused(
    trained: Path, model: Path, tmp_path: Path
) -> None:
    data = trained / "sales.csv"
    with refused(hg.errors.SettingError, "--keep day, for a forecaster", "without --keep"):
        raised("predict", model, data, "--keep", "day")
    with refused(hg.errors.SettingError, "a forecaster, which takes series", "handgrad predict"):
        raised("explain", model, data)
    with refused(hg.errors.SettingError, "a name that ends in .csv or .parquet"):
        raised("predict", model, "-o", tmp_path / "a.txt")
    other = write_rows(tmp_path / "other.csv", [["a", 1]], ["shop", "sales"])
    with refused(hg.errors.DataError, "other.csv: no column named 'day'"):
        raised("predict", model, other)
    run = hg.tables.train_table("iris", epochs=1, report=False, out=tmp_path / "iris")
    with refused(hg.errors.SettingError, "without DATA", "a table"):
        raised("predict", run.folder / "model.safetensors")
