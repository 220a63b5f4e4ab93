"""The model card: each of its facts, scores and limits is that of the rows and of the model."""

import datetime
import hashlib
import os
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error

import handgrad as hg
from handgrad.tables.reporting.card import MOST_LINES, ModelCard, card_of
from handgrad.tables.reporting.evidence import Evidence
from handgrad.tables.runs import Run, report_run
from handgrad.textbook.layers import Array
from tests.tables.reporting.pages import QUICK, Page

DAY = "2031-05-06"


def card(
    model: Any, x: Any, y: Any, held: Array, about: dict[str, object] | None = None
) -> tuple[ModelCard, Evidence]:
    """The card of a model of the rows that are not `held` out."""
    model.fit(x[~held], y[~held])
    evidence = Evidence(model, x[held], y[held], (x[~held], y[~held]), None, about)
    return card_of(evidence, "9.9", DAY), evidence


def customers(n: int = 600, seed: int = 0) -> tuple[pd.DataFrame, Array]:
    """Rows whose target follows from x, but not for the plan c."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "x": rng.normal(size=n).round(3), "age": rng.integers(18, 90, n),
        "plan": rng.choice(["a", "b", "c"], n),
        "since": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
    })  # fmt: skip
    guessed = rng.random(n) < 0.5
    y = np.where(frame["plan"] == "c", guessed, frame["x"] > 0)
    return frame, np.where(y, "yes", "no")


@pytest.fixture(scope="module")
def found() -> tuple[ModelCard, Evidence, pd.DataFrame, Array]:
    x, y = customers()
    held = np.arange(len(y)) % 3 == 0
    model = hg.TabularClassifier(2, epochs=12, random_state=0)
    about = {"target": "left", "data": "a.csv", "seed": 3, "held out": "every third row"}
    return *card(model, x, y, held, about), x[~held], held


def test_it_tells_what_the_model_is_made_from(found: Any) -> None:
    assert found[0].made_from == {
        "data": "a.csv",
        "date": DAY,
        "rows": "400 for training, 200 held out",
        "columns": "4: x, age, plan, since",
        "target": "left, 2 classes: no, yes",
        "split": "every third row",
        "seed": "3",
        "model": "TabularClassifier",
        "handgrad": "9.9",
    }


def test_it_tells_the_use_with_its_scores(found: Any) -> None:
    facts, evidence = found[:2]
    assert facts.good_for == (
        "Predicting left, one of 2 classes, for rows like the held-out ones: every third row."
    )
    assert facts.head == ["", "held out", "95% interval", "guessing"]
    accuracy = evidence.scores[0]
    ends = f"{accuracy.between[0]:.1%} to {accuracy.between[1]:.1%}"
    shown = [f"{accuracy.held:.1%}", ends, f"{accuracy.baseline:.1%}"]
    assert facts.scores[0] == ["Accuracy", *shown]


def test_it_names_the_groups_that_it_predicts_worse(found: Any) -> None:
    facts, evidence = found[:2]
    (line,) = facts.not_for["groups with a worse accuracy"]
    rows = (evidence.held.columns["plan"].values == "c").astype(bool)
    right = evidence.held.predicted == evidence.held.y
    assert line.startswith(f"plan, c: {right[rows].mean():.1%} (")
    assert line.endswith(f"of {rows.sum()} rows, {right[~rows].mean():.1%} of the others")


def test_it_names_the_ranges_and_the_values_of_the_training_rows(found: Any) -> None:
    facts, _, learned, _ = found
    dates = [f"{end:%Y-%m-%d}" for end in (learned["since"].min(), learned["since"].max())]
    assert facts.not_for["values outside these ranges"] == [
        f"x: {learned['x'].min():.6g} to {learned['x'].max():.6g}",
        f"age: {learned['age'].min()} to {learned['age'].max()}",
        f"since: {' to '.join(dates)}",
    ]
    assert facts.not_for["other values than these"] == ["plan: a, b, c"]


def test_it_makes_no_causal_claim_and_names_only_what_is_so(found: Any) -> None:
    assert [*found[0].not_for] == [
        "groups with a worse accuracy",
        "values outside these ranges",
        "other values than these",
        "effects of a change",
    ]


def test_an_error_has_its_unit_and_the_target_a_range() -> None:
    x, _ = customers(300)
    y = 50 * x["x"].to_numpy() + 7
    held = np.arange(len(y)) % 3 == 0
    model = hg.TabularRegressor(2, epochs=12, random_state=0)
    facts, evidence = card(model, x, y, held, {"target": "price"})
    error = mean_absolute_error(y[held], evidence.held.predicted)
    assert facts.scores[0][0] == "Mean absolute error, in units of price"
    assert facts.scores[0][1] == f"{error:.3g}"
    assert facts.scores[2][0] == "R²"
    learned = y[~held]
    ends = f"price, to predict: {learned.min():.6g} to {learned.max():.6g}"
    assert facts.not_for["values outside these ranges"][0] == ends
    assert "60 rows" not in facts.good_for
    assert facts.good_for.endswith("for rows like the held-out ones: 100 rows.")


def test_it_has_the_findings_and_the_checks_that_were_not_made() -> None:
    x, y = customers()
    frame = x.assign(gives_away=np.char.upper(y.astype(str)))
    facts, _ = card(hg.TabularClassifier(**QUICK), frame, y, np.arange(len(y)) % 3 == 0)
    (line,) = facts.not_for["problems found"]
    assert line.startswith("target leakage, column “gives_away”: it alone predicts 100.0%")
    model = hg.TabularClassifier(**QUICK).fit(x, y)
    skipped = card_of(Evidence(model, x, y, None, None, None), "9.9", DAY)
    assert (
        "repeated groups: training rows were not given"
        in (skipped.not_for["problems not looked for"])
    )


def test_without_independent_rows_there_are_no_intervals_and_no_groups() -> None:
    x, y = customers(150)
    x, y = pd.concat([x] * 4, ignore_index=True), np.tile(y, 4)
    x["customer"] = np.tile(np.arange(150), 4)
    held = np.random.default_rng(1).random(600) < 0.25
    facts, evidence = card(hg.TabularClassifier(**QUICK), x, y, held)
    assert [finding.problem for finding in evidence.dependent] == ["repeated groups"]
    assert facts.head == ["", "held out", "guessing"]
    assert "groups of rows: rows depend on each other" in facts.not_for["problems not looked for"]


def test_small_classes_have_their_recall() -> None:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"x": rng.normal(size=400)})
    y = np.where(x["x"] > 1.9, "rare", np.where(x["x"] > 0, "up", "down"))
    y[:2] = "rare"
    held = np.arange(400) % 3 == 0
    facts, evidence = card(hg.TabularClassifier(2, epochs=12, random_state=0), x, y, held)
    n = int((y[held] == "rare").sum())
    right = (evidence.held.predicted == 1)[evidence.held.y == 1].mean()
    (line,) = facts.not_for["classes with fewer than 20 held-out rows"]
    assert line.startswith(f"rare: {right:.0%} of {n} rows are predicted correctly (between ")


def test_a_model_no_better_than_guessing_is_good_for_nothing() -> None:
    x, y = customers(150)
    y = np.random.default_rng(5).permutation(y)
    facts, _ = card(hg.TabularClassifier(**QUICK), x, y, np.arange(150) % 3 == 0)
    assert facts.good_for.startswith("No use is shown: on the held-out rows, accuracy is")


def test_of_many_columns_some_are_named() -> None:
    x, y = hg.data.load("breast_cancer")
    facts, _ = card(hg.TabularClassifier(**QUICK), x, y, np.arange(len(y)) % 3 == 0)
    lines = facts.not_for["values outside these ranges"]
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == f"… and {30 - MOST_LINES} more"
    assert facts.made_from["columns"].startswith("30: ")
    assert facts.made_from["columns"].endswith("(30 in all)")


def test_a_model_of_arrays_has_the_ranges_of_the_rows() -> None:
    x, y = hg.data.load("iris")
    model = hg.MLPClassifier(solver="lbfgs", random_state=0)
    held = np.arange(150) % 3 == 0
    facts, _ = card(model, x, y, held)
    lines = facts.not_for["values outside these ranges"]
    low, high = x[~held, 0].min(), x[~held, 0].max()
    assert len(lines) == 4
    assert lines[0].endswith(f": {low:.6g} to {high:.6g}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("card")
    x, y = customers()
    x.assign(left=y).to_csv(folder / "customers.csv", index=False)
    source = folder / "customers.csv"
    return hg.tables.train_table(str(source), "left", epochs=4, compare=True, out=folder / "run")


def test_the_report_of_a_run_has_file_split_and_reference_models(run: Run) -> None:
    text = Page(run.folder / "report.html").sections["card"]
    data = run.folder.parent / "customers.csv"
    assert f"data{data}" in text
    assert hashlib.sha256(data.read_bytes()).hexdigest() in text
    assert f"date{datetime.date.today().isoformat()}" in text
    assert "rows480 for training, 120 held out" in text
    assert f"split{run.record['split']['words']}" in text
    assert "seed0" in text
    assert f"handgrad{hg.__version__}" in text
    assert "guessing linear model gradient boosting" in re.sub(r"\s+", " ", text)
    for reference in run.record["references"].values():
        assert f"{reference['scores']['accuracy']:.1%}" in text


@pytest.mark.slow
def test_a_report_written_again_keeps_the_date_of_the_run(run: Run) -> None:
    then = datetime.datetime(2025, 3, 4, 12).timestamp()
    os.utime(run.folder / "run.json", (then, then))
    assert "date2025-03-04" in Page(report_run(run.folder)).sections["card"]
