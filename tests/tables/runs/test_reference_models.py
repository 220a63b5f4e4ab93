"""A linear model and gradient boosting on the rows of a run, checked against scikit-learn."""

import csv
import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss, mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.tables.runs import Run, RunSettings, report_run
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.reference_models import is_cheap
from handgrad.training.results import Classifier
from tests.bad_input.refused import refused
from tests.cli.run import handgrad
from tests.tables.data.picture_folders import bars
from tests.tables.reporting.pages import Page

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # notes on the columns, few epochs
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
QUICK: dict[str, Any] = {"estimator": "mlp", "epochs": 2, "report": False}


def numbers(n: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)).round(6), columns=[*"abc"])
    frame["y"] = (2 * frame["a"] - frame["b"] + 0.1 * rng.normal(size=n)).round(6)
    frame["w"] = rng.integers(1, 9, n)
    return frame


def written(frame: pd.DataFrame, folder: Path) -> str:
    path = folder / "a.csv"
    frame.to_csv(path, index=False)
    return str(path)


def sides(frame: pd.DataFrame, run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and held-out rows, by held_out.csv."""
    with (run.folder / "held_out.csv").open(newline="") as file:
        held = [int(row["row"]) - 1 for row in csv.DictReader(file)]
    return frame.drop(index=held), frame.loc[held]


@pytest.mark.parametrize("weight", [None, "w"])
def test_scores_are_those_of_scikit_learn_on_the_same_rows(
    weight: str | None, tmp_path: Path
) -> None:
    frame = numbers()
    how = QUICK | ({"weight": "w"} if weight else {"ignore": "w"})
    run = hg.tables.train_table(
        written(frame, tmp_path), "y", compare=True, out=tmp_path / "r", **how
    )
    learned, held = sides(frame, run)
    w, w_held = (side[weight] if weight else None for side in (learned, held))
    scaler = StandardScaler().fit(learned[[*"abc"]])
    x, x_held = (scaler.transform(side[[*"abc"]]) for side in (learned, held))
    models = {
        "linear": Ridge().fit(x, learned["y"], sample_weight=w).predict(x_held),
        "boosting": HistGradientBoostingRegressor(random_state=0)
        .fit(learned[[*"abc"]].to_numpy(), learned["y"], sample_weight=w)
        .predict(held[[*"abc"]].to_numpy()),
    }
    own = np.abs(run.model.predict(held[[*"abc"]]) - held["y"])
    for name, predicted in models.items():
        one = run.record["references"][name]
        r2, error = (f(held["y"], predicted, sample_weight=w_held)
                     for f in (r2_score, mean_absolute_error))  # fmt: skip
        assert one["scores"]["r2"] == pytest.approx(r2, rel=1e-9)
        assert one["scores"]["mean_absolute_error"] == pytest.approx(error, rel=1e-9)
        larger = np.average(np.abs(predicted - held["y"]) - own, weights=w_held)
        assert one["larger_loss"]["of"] == "mean_absolute_error"
        assert one["larger_loss"]["mean"] == pytest.approx(larger, rel=1e-6)
        low, high = one["larger_loss"]["between"]
        assert low < larger < high
    assert run.record["references"]["linear"]["model"] == "Ridge"
    assert run.record["references"]["linear"]["scores"]["r2"] > 0.99


def mixed(n: int = 300, seed: int = 0) -> pd.DataFrame:
    """A target that a text decides; gaps, dates, a name in every row, values seen once."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Ulm", "Bonn", "Köln"], n).astype(object)
    yes = (town == "Ulm") ^ (rng.random(n) < 0.05)
    town[rng.random(n) < 0.1] = None
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    number = rng.normal(size=n).round(3)
    number[rng.random(n) < 0.2] = np.nan
    names = [f"name {i}" for i in range(n)]
    rare = np.where(np.arange(n) % 40 == 0, [f"r{i}" for i in range(n)], "usual")
    return pd.DataFrame({
        "town": town, "day": day.strftime("%Y-%m-%d"), "number": number, "name": names,
        "rare": rare, "money": [f"{i:,}.50 €" for i in rng.integers(0, 9999, n)],
        "answer": np.where(yes, "yes", "no"),
    })  # fmt: skip


def test_texts_gaps_dates_and_unseen_values_are_taken(tmp_path: Path) -> None:
    run = hg.tables.train_table(
        written(mixed(), tmp_path), "answer", compare=True, out=tmp_path / "r", **QUICK
    )
    for one in run.record["references"].values():
        assert one["scores"]["accuracy"] > 0.85
        assert one["scores"]["log_loss"] < run.scores["guessing"]["log_loss"]


def test_classes_have_their_weights_and_probabilities(tmp_path: Path) -> None:
    frame = mixed()
    path = written(frame, tmp_path)
    plain, weighted = (
        hg.tables.train_table(
            path, "answer", compare=True, out=tmp_path / str(how), class_weight=how,
            metric=("recall", "log_loss"), positive="yes", **QUICK,
        )
        for how in (None, "yes=50,no=1")
    )  # fmt: skip
    for name in ("linear", "boosting"):
        before, after = (r.record["references"][name]["scores"] for r in (plain, weighted))
        assert after["recall"] >= before["recall"]
        assert after["log_loss"] != before["log_loss"]
    held = sides(frame, plain)[1]
    model = cast("Classifier", plain.model)
    own = log_loss(held["answer"], model.predict_proba(held.drop(columns="answer")))
    linear = plain.record["references"]["linear"]
    assert linear["larger_loss"]["mean"] == pytest.approx(linear["scores"]["log_loss"] - own)


@pytest.mark.slow
def test_without_being_asked_only_the_report_of_a_small_table_compares(tmp_path: Path) -> None:
    path = written(numbers(), tmp_path)
    how: dict[str, Any] = {"target": "y", "estimator": "mlp", "epochs": 2}
    silent = hg.tables.train_table(path, out=tmp_path / "a", report=False, **how)
    assert silent.record["references"] == {}
    run = hg.tables.train_table(path, out=tmp_path / "b", **how)
    assert [*run.record["references"]] == ["linear", "boosting"]
    page = run.folder / "report.html"
    text = Page(page).sections["comparison"]
    assert "HistGradientBoostingRegressor" in text
    assert "the mean absolute error of the linear model is" in text
    assert report_run(run.folder) == page
    assert Page(page).sections["comparison"] == text


@pytest.mark.parametrize(
    ("rows", "classes", "cheap"),
    [(5000, 2, True), (5000, 12, False), (60_000, 2, False), (30_000, 0, True)],
)
def test_the_size_decides_what_is_cheap(
    rows: int, classes: int, cheap: bool, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"a": np.arange(rows) % 7, "b": np.arange(rows) % 5})
    frame["y"] = [f"c{i % classes}" for i in range(rows)] if classes else np.arange(rows) / 8
    assert is_cheap(load_table(RunSettings(written(frame, tmp_path), "y"))) == cheap


def test_dependent_rows_have_no_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(30, 4)), 12, axis=0) + rng.normal(size=(360, 4)) / 1000
    frame = pd.DataFrame(x, columns=[*"abcd"])
    frame["customer"] = np.repeat([f"C{i}" for i in range(30)], 12)
    frame["y"] = np.repeat(rng.normal(size=30), 12) + rng.normal(size=360) / 100
    run = hg.tables.train_table(
        written(frame, tmp_path), "y", compare=True, out=tmp_path / "r", **QUICK
    )
    assert run.record["intervals"] == {}
    assert run.record["references"]["linear"]["larger_loss"]["between"] is None


def test_the_terminal_shows_the_models_side_by_side(tmp_path: Path) -> None:
    path = written(mixed(), tmp_path)
    words = ("train", path, "--target", "answer", "--no-report", "--estimator", "mlp")
    text = handgrad(*words, "--compare", "--out", tmp_path / "r").stdout
    header = next(line for line in text.splitlines() if "held out" in line)
    assert header.index("held out") < header.index("linear") < header.index("boosting")
    assert "log loss of gradient boosting is" in text
    assert json.loads((tmp_path / "r" / "run.json").read_text())["settings"]["compare"] is True
    assert "linear" not in handgrad(*words, "--out", tmp_path / "q").stdout


def test_pictures_and_chunks_are_refused(tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "compare=True, for pictures"):
        hg.tables.train_table(str(bars(tmp_path / "p", 4)), compare=True, out=tmp_path / "r")
    path = written(numbers(9000), tmp_path)
    with refused(hg.errors.SettingError, "compare=True, for a table in chunks", "memory="):
        hg.tables.train_table(path, "y", memory="1 MB", compare=True, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()
