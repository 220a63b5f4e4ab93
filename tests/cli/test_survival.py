"""`handgrad train --event`: times of which some are censored, trained, told and refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.csv import read_csv, write_csv

import handgrad as hg
from handgrad.tables.runs import facts_of
from handgrad.tables.tabular.censored import censored_errors, restricted_mean
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised, record
from tests.tables.tabular.test_survival import patients

ASKED = ("--target", "time", "--event", "died")


def table_of(path: Path, seed: int = 0, n: int = 400, words: tuple[Any, Any] = (0, 1)) -> Path:
    """A table of patients; `words` are those of no event and of an event."""
    x, y, _ = patients(seed, n)
    died = [words[int(time > 0)] for time in y]
    columns = {"a": x[:, 0].round(3), "b": x[:, 1].round(3), "died": died}
    write_csv(pa.table(columns | {"time": np.abs(y).round(3) + 0.001}), path)
    return path


def signed(rows: Any) -> Any:
    died = np.array(rows["died"].to_pylist()) == 1
    return np.where(died, rows["time"].to_numpy(), -rows["time"].to_numpy())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("patients")
    words = ("train", table_of(folder / "table.csv"), *ASKED, "--epochs", 12)
    done = handgrad(*words, "--out", folder / "run")
    assert done.exit_code == 0, done.output
    return folder, done.stdout


def test_a_run_tells_the_concordance(run: tuple[Path, str]) -> None:
    folder, told = run
    found = record(folder / "run")
    assert (found["settings"]["event"], found["settings"]["task"]) == ("died", "regression")
    assert found["epochs_chosen_by"] == "log_likelihood"
    assert [*found["columns"]] == ["a", "b"]
    assert "events in 400 rows" in told
    assert "censored where 'died' is no" in " ".join(told.split())
    assert found["references"] == {}
    assert found["target"]["range"][0] > 0
    rows = read_csv(folder / "table.csv")
    numbers = [int(row) - 1 for row in read_csv(folder / "run" / "held_out.csv")["row"].to_pylist()]
    held_out = rows.take(numbers)
    others = rows.take([i for i in range(400) if i not in numbers])
    y, model = signed(held_out), hg.load(folder / "run" / "model.safetensors")
    assert isinstance(model, hg.TabularSurvival)
    p, scores = model.predict(held_out.select(["a", "b"])), found["scores"]
    concordance = hg.metrics.concordance_index(p, y)
    assert scores["held_out"] == {
        "concordance_index": pytest.approx(concordance),
        "mean_censored_error": pytest.approx(censored_errors(p, y).mean()),
    }
    guess = np.full(len(y), restricted_mean(signed(others)))
    assert scores["guessing"] == {
        "concordance_index": 0.5,
        "mean_censored_error": pytest.approx(censored_errors(guess, y).mean()),
    }
    low, high = found["intervals"]["scores"]["concordance_index"]
    assert 0.6 < low < concordance < high < 0.95
    page = (folder / "run" / "report.html").read_text("utf-8")
    for words in ("Concordance index", "Survival by thirds", "Kaplan-Meier", "more than "):
        assert words in page
    assert "Residuals" not in page
    assert f"in <b>{concordance:.1%}</b> of the pairs whose order is known" in page
    assert re.search(r", to predict: \d", page)  # not the signed times


def test_the_interval_is_that_of_resampled_rows(run: tuple[Path, str]) -> None:
    folder, _ = run
    model, (x, y, _) = hg.load(folder / "run" / "model.safetensors"), patients(5, 300)
    p, rng = model.predict(pa.table({"a": x[:, 0], "b": x[:, 1]})), np.random.default_rng(0)
    from handgrad.tables.reporting.intervals import interval_of, sums_of

    low, high = interval_of(  # type: ignore[misc]
        "Concordance index", sums_of("Concordance index", y, p, None, None), None
    )
    drawn = [rng.integers(0, 300, 300) for _ in range(300)]
    deviation = np.std([hg.metrics.concordance_index(p[rows], y[rows]) for rows in drawn])
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.2)


def test_evaluations_and_predictions(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = run
    model, data = folder / "run" / "model.safetensors", folder / "table.csv"
    rows = read_csv(data)
    features = rows.select(["a", "b"])
    found = json.loads(handgrad("evaluate", model, data, "--json").stdout)
    loaded = hg.load(model)
    expected = hg.metrics.concordance_index(loaded.predict(features), signed(rows))
    assert found["scores"]["concordance_index"] == pytest.approx(expected)
    result = handgrad("predict", model, data, "-o", tmp_path / "o.csv")
    assert result.exit_code == 0, result.output
    assert "ignored" not in result.output
    assert "predictions are restricted mean times" in result.output
    written = read_csv(tmp_path / "o.csv")
    np.testing.assert_allclose(written["prediction"].to_numpy(), loaded.predict(features))
    times = [name for name in written.column_names if name.startswith("survival_")]
    assert len(times) == 3
    at = [float(name.partition("_")[2]) for name in times]
    found_at = np.column_stack([written[name].to_numpy() for name in times])
    np.testing.assert_allclose(found_at, loaded.predict_survival(features, at), atol=1e-4)
    write_csv(rows.drop_columns(["died"]), tmp_path / "without.csv")
    with refused(hg.errors.DataError, "died"):
        raised("evaluate", model, tmp_path / "without.csv")
    with refused(hg.errors.SettingError, "--interval"):
        raised("predict", model, data, "--interval", "0.9")
    assert facts_of(model)["metric"] == "concordance_index"
    for words in (
        ("compare", table_of(folder / "new.csv", 3), folder / "run"),
        ("explain", model, data),
        ("report", folder / "run"),
    ):
        done = handgrad(*words)
        assert done.exit_code == 0, done.output


def test_yes_and_no_folds_another_file_and_new_rows(tmp_path: Path) -> None:
    data = table_of(tmp_path / "a.csv", words=("no", "yes"))
    test = table_of(tmp_path / "b.csv", 1, 100, ("No", "YES"))
    words = ("--test", test, "--folds", 2, "--metric", "concordance_index", *QUICK)
    done = handgrad("train", data, *ASKED, *words, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    found, rows = record(tmp_path / "run"), read_csv(test)
    model = tmp_path / "run" / "model.safetensors"
    y = np.where(np.array(rows["died"].to_pylist()) == "YES", 1, -1) * rows["time"].to_numpy()
    expected = hg.metrics.concordance_index(hg.load(model).predict(rows.select(["a", "b"])), y)
    assert found["scores"]["held_out"] == {"concordance_index": pytest.approx(expected)}
    assert len(found["scores"]["folds"]) == 2
    again = handgrad("train", data, "--from", model, *QUICK, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert record(tmp_path / "again")["settings"]["event"] == "died"


def test_rows_that_all_had_their_event(tmp_path: Path) -> None:
    data = table_of(tmp_path / "a.csv", words=(1, 1))
    done = handgrad("train", data, *ASKED, *QUICK, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert "400 events in 400 rows" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--event", "a"), ("--event a", "1 or 0, yes or no, true or false", "row 1")),
        (("--event", "c"), ("'c'",)),
        (("--event", "time"), ("--event time and --target time",)),
        (("--event", "none"), ("--event none, which is no in every row",)),
        (("--event", "gap"), ("--event gap: the cell is empty", "row 2")),
        (("--event", "died", "--ignore", "died"), ("--ignore died",)),
        (("--event", "died", "--quantile", "0.5"), ("--quantile 0.5 with --event died",)),
        (("--event", "died", "--loss", "gamma"), ("--loss gamma with --event died",)),
        (("--event", "died", "--task", "classification"), ("--task classification",)),
        (("--event", "died", "--compare"), ("--compare with --event died",)),
        (("--event", "died", "--estimator", "mlp"), ("--event died for --estimator mlp",)),
        (("--event", "died", "--metric", "r2"), ("--metric r2, of times", "concordance_index")),
        (("--metric", "concordance_index"), ("--metric concordance_index",)),
    ],
)
def test_what_does_not_fit_is_refused(
    words: tuple[str, ...], said: tuple[str, ...], tmp_path: Path
) -> None:
    rows = read_csv(table_of(tmp_path / "a.csv", n=60))
    rows = rows.append_column("none", pa.array([0] * 60))
    rows = rows.append_column("gap", pa.array([1, None] * 30))
    write_csv(rows, tmp_path / "a.csv")
    with pytest.raises(hg.HandgradError) as caught:
        raised(
            "train", tmp_path / "a.csv", "--target", "time", *words, *QUICK, "--out", tmp_path / "r"
        )
    assert all(word in str(caught.value) for word in said), str(caught.value)


@pytest.mark.parametrize("time", [0, -2])
def test_times_that_are_not_above_zero_are_refused(time: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,died,time\n" + "".join(f"{i},{i % 2},{i + time}\n" for i in range(40)))
    said = f"the time 'time' is {time}, with --event died", "times above 0", "row 1"
    with refused(hg.errors.DataError, *said):
        raised("train", path, *ASKED, *QUICK, "--out", tmp_path / "run")
