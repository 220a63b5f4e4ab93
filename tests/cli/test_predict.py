"""`handgrad predict` and `evaluate`: a model from a file, and rows it has not seen."""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pyarrow.csv import read_csv, write_csv

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, messy_csv, record


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of classes, one of numbers, and rows they have not seen."""
    folder = tmp_path_factory.mktemp("made")
    path = messy_csv(folder / "messy.csv")
    for target in ("left", "income"):
        kept = read_csv(path)
        there = kept.filter(kept["income"].is_valid())
        write_csv(there, folder / f"{target}.csv")
        words = ("train", folder / f"{target}.csv", "--target", target, *QUICK)
        assert handgrad(*words, "--out", folder / target).exit_code == 0
    messy_csv(folder / "new.csv", 50, seed=9)
    return folder


def model(made: Path, target: str = "left") -> Path:
    return made / target / "model.safetensors"


def written(path: Path) -> dict[str, list[Any]]:
    table = read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    found: dict[str, list[Any]] = table.to_pydict()
    return found


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predictions_are_written_row_by_row(name: str, made: Path, tmp_path: Path) -> None:
    out = tmp_path / name
    words = ("predict", model(made), made / "new.csv", "-o", out)
    result = handgrad(*words, "--probabilities", "--keep", "customer", "--keep", "city")
    assert result.exit_code == 0, result.output
    assert "50 rows predicted, written to " in result.stdout
    found, table, estimator = written(out), read_csv(made / "new.csv"), hg.load(model(made))
    assert [*found] == ["customer", "city", "prediction", "probability_no", "probability_yes"]
    assert found["customer"] == table["customer"].to_pylist()
    assert found["city"] == table["city"].to_pylist()
    table = table.drop_columns(["left"])
    assert found["prediction"] == estimator.predict(table).tolist()
    p = estimator.predict_proba(table)
    np.testing.assert_allclose(found["probability_yes"], p[:, 1], rtol=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_numbers_are_predicted(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert handgrad("predict", model(made, "income"), made / "new.csv", "-o", out).exit_code == 0
    found = written(out)
    assert [*found] == ["prediction"]
    table = read_csv(made / "new.csv")
    expected = hg.load(model(made, "income")).predict(table.drop_columns(["income"]))
    np.testing.assert_allclose(found["prediction"], expected, rtol=1e-12)


def test_without_out_they_go_to_the_screen_and_as_json_they_are_one_object(made: Path) -> None:
    words = ("predict", model(made), made / "new.csv", "--keep", "row")
    result = handgrad(*words)
    rows = [*csv.DictReader(io.StringIO(result.stdout))]
    assert [row["row"] for row in rows] == [str(i + 1) for i in range(50)]
    found = json.loads(handgrad(*words, "--json").stdout)
    assert found["rows"] == 50
    assert [row["prediction"] for row in found["predictions"]] == [r["prediction"] for r in rows]
    assert handgrad(*words, "--out", "-").stdout == result.stdout


def test_as_json_the_file_is_named(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = handgrad("predict", model(made), made / "new.csv", "-o", out, "--json")
    assert json.loads(result.stdout) == {"rows": 50, "written": str(out), "notes": []}


def test_other_columns_and_another_order_change_nothing(made: Path, tmp_path: Path) -> None:
    table = read_csv(made / "new.csv")
    other = table.select(table.column_names[::-1]).append_column("more", pa.array([*range(50)]))
    write_csv(other, tmp_path / "other.csv")
    first = handgrad("predict", model(made), made / "new.csv")
    second = handgrad("predict", model(made), tmp_path / "other.csv")
    assert first.stdout == second.stdout
    assert first.stderr == ""
    assert second.stderr == "note: columns that training did not have are ignored: more\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["new.csv.gz", "caf\udce9.csv", "caf\udce9.parquet"])
def test_packed_files_and_any_name_are_taken_by_every_command(
    name: str, made: Path, tmp_path: Path
) -> None:
    content = (made / "left.csv").read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    if name.endswith(".parquet"):
        with path.open("wb") as file:
            parquet.write_table(read_csv(made / "left.csv"), file)
    for command in ("predict", "evaluate"):
        plain = handgrad(command, model(made), made / "left.csv", "--json")
        other = handgrad(command, model(made), path, "--json")
        assert other.exit_code == 0, other.output
        found, expected = json.loads(other.stdout), json.loads(plain.stdout)
        assert {**found, "data": 0} == {**expected, "data": 0}
    words = ("--target", "left", "--epochs", 1, "--out", tmp_path / "run")
    result = handgrad("train", path, *words)
    assert result.exit_code == 0, result.output
    assert handgrad("report", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize("memory", ["1 GB", "1 MB"])
def test_values_never_seen_are_told_for_all_rows_together(
    memory: str, made: Path, tmp_path: Path
) -> None:
    table = read_csv(made / "left.csv")
    plans = ["Basic" if plan == "basic" else plan for plan in table["plan"].to_pylist()]
    other = table.set_column(table.column_names.index("plan"), "plan", pa.array(plans))
    write_csv(pa.concat_tables([other] * 10), path := tmp_path / "other.csv")
    n = plans.count("Basic") * 10
    words = f"column 'plan': {n} of {10 * len(plans)} rows have values unseen in training: 'Basic'"
    words_for = ("predict", model(made), path, "--memory", memory, "--probabilities")
    assert handgrad(*words_for).stderr.count("note: ") == 1
    assert f"note: {words}\n" in handgrad(*words_for).stderr
    if memory == "1 GB":
        assert f"note: {words}\n" in handgrad("evaluate", model(made), path).stderr
    found = json.loads(handgrad(*words_for, "--json").stdout)
    assert found["notes"] == [words]
    assert json.loads(handgrad("evaluate", model(made), path, "--json").stdout)["notes"] == [words]


def test_several_files_are_predicted_one_after_another(made: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        messy_csv(tmp_path / f"part-{seed}.csv", 20, seed)
    words = ("predict", model(made), tmp_path / "part-*.csv", "--keep", "customer")
    lines = handgrad(*words).stdout.splitlines()
    assert len(lines) == 41
    assert [line.split(",")[0][-2] for line in lines[1:]] == ["1"] * 20 + ["2"] * 20


def test_small_pieces_give_what_the_whole_gives(made: Path, tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "large.csv", 3000)
    words = ("predict", model(made), path, "--probabilities", "--keep", "row", "-o")
    assert handgrad(*words, tmp_path / "whole.csv").exit_code == 0
    assert handgrad(*words, tmp_path / "pieces.csv", "--memory", "1 MB").exit_code == 0
    whole, pieces = written(tmp_path / "whole.csv"), written(tmp_path / "pieces.csv")
    assert whole["row"] == pieces["row"] == [*range(1, 3001)]
    assert whole["prediction"] == pieces["prediction"]
    np.testing.assert_allclose(whole["probability_yes"], pieces["probability_yes"], rtol=1e-12)


def changed(table: Any, how: str) -> Any:
    place = table.column_names.index("income")
    if how == "lacks":
        return table.drop_columns(["income"])
    if how == "renamed":
        return table.rename_columns([n.replace("income", "incom") for n in table.column_names])
    text = pa.array([f"{value} EUR" for value in table["income"].to_pylist()])
    return table.set_column(place, "income", text)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("lacks", ("the table lacks 1 of the columns of the training: 'income'",)),
        ("renamed", ("lacks 1 of the columns", "is it the column 'incom'?")),
        (
            "text",
            ("column 'income' has", "EUR' in row 14 below the header", "numbers, as in training"),
        ),
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_table_of_another_kind_is_refused_and_nothing_is_written(
    command: str, how: str, words: tuple[str, ...], made: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "other.csv", tmp_path / "out.csv"
    write_csv(changed(read_csv(made / "new.csv"), how), path)
    result = handgrad(command, model(made), path, *(("-o", out) if command == "predict" else ()))
    assert isinstance(result.exception, hg.errors.DataError), result.output
    with refused(hg.errors.DataError, f"{path}: ", *words):
        raise result.exception
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("{left}", "nothing.csv"), ("no such file",)),
        (("nothing.safetensors", "{new}"), ("No such file",)),
        (("{new}", "{new}"), ("new.csv as MODEL, a table", "model.safetensors, written")),
        (("{run}", "{new}"), ("as MODEL, a folder", "left/model.safetensors")),
        (("{net}", "{new}"), ("takes arrays, not tables", "hg.load(path).predict(x)")),
        (("{left}", "{new}", "-o", "a.xlsx"), (".csv or .parquet", "try: a.csv")),
        (("{left}", "{new}", "-o", "{new}"), ("which is an input",)),
        (("{left}", "{new}", "-o", "{new}/a.csv"), ("could not be written", "a file is where")),
        (("{left}", "{new}", "--keep", "citty"), ("no column named 'citty'", "'city'?")),
        (("{left}", "{new}", "--keep", "row,city"), ("try: --keep row --keep city",)),
        (("{left}", "{new}", "--memory", "much"), ("memory='much'", "1 GB")),
        (("{income}", "{new}", "--probabilities"), ("--probabilities", "predicts a number")),
    ],
)
def test_what_cannot_be_predicted_is_told(
    words: tuple[str, ...], expected: tuple[str, ...], made: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    net = hg.save(hg.Net(hg.Linear(2, 1, rng=0)), made / "net.safetensors")
    places = {
        "left": model(made),
        "income": model(made, "income"),
        "new": made / "new.csv",
        "run": made / "left",
    }
    before = places["new"].read_bytes()
    result = handgrad("predict", *(word.format(**places, net=net) for word in words))
    assert isinstance(result.exception, hg.HandgradError), result.output
    with refused(type(result.exception), *expected):
        raise result.exception
    assert [*tmp_path.iterdir()] == []
    assert places["new"].read_bytes() == before


@pytest.mark.slow
def test_who_reads_no_more_is_no_mistake(made: Path, tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "large.csv", 3000)  # more than a pipe holds
    command = f"{sys.executable} -m handgrad predict {model(made)} {path} --probabilities | head -1"
    short = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert short.stdout == '"prediction","probability_no","probability_yes"\n'
    assert "Traceback" not in short.stderr


def test_a_model_is_judged_on_other_rows(made: Path) -> None:
    result = handgrad("evaluate", model(made), made / "new.csv", "--json")
    found, table, estimator = (
        json.loads(result.stdout),
        read_csv(made / "new.csv"),
        hg.load(model(made)),
    )
    p = estimator.predict_proba(table.drop_columns(["left"]))
    y = np.array([["no", "yes"].index(label) for label in table["left"].to_pylist()])
    assert (found["rows"], found["target"], found["task"]) == (50, "left", "classification")
    assert found["scores"]["accuracy"] == hg.metrics.accuracy(p, y)
    assert found["scores"]["roc_auc"] == hg.metrics.roc_auc(p, y)
    predicted = p.argmax(axis=1)
    of_yes = found["classes"][1]
    assert of_yes["class"] == "yes"
    assert of_yes["rows"] == (y == 1).sum()
    assert of_yes["recall"] == (predicted[y == 1] == 1).mean()

    shown = handgrad("evaluate", model(made), made / "new.csv").stdout
    assert re.search(rf"│ log loss +│ +{found['scores']['log_loss']:.4g} │", shown)
    assert "│ class │ precision │ recall │" in shown.replace("┃", "│")


def test_metrics_are_those_that_are_asked_for(made: Path) -> None:
    words = ("evaluate", model(made, "income"), made / "income.csv", "--json")
    found = json.loads(handgrad(*words, "--metric", "mean_squared_error").stdout)
    assert [*found["scores"]] == ["mean_squared_error"]
    assert found["classes"] == []
    result = handgrad(*words, "--metric", "accuracy")
    assert "--metric accuracy, to predict a number" in str(result.exception)


def test_a_class_without_rows_leaves_a_gap_in_the_scores(made: Path, tmp_path: Path) -> None:
    table = read_csv(made / "new.csv")
    of_one = table.filter(pa.array([label == "no" for label in table["left"].to_pylist()]))
    write_csv(of_one, tmp_path / "no.csv")
    result = handgrad("evaluate", model(made), tmp_path / "no.csv")
    assert re.search("│ roc auc +│ +– │", result.stdout), result.output
    found = json.loads(handgrad("evaluate", model(made), tmp_path / "no.csv", "--json").stdout)
    assert found["scores"]["roc_auc"] is None


def test_what_cannot_be_judged_is_told(made: Path, tmp_path: Path) -> None:
    table = read_csv(made / "new.csv")
    other = table.set_column(9, "left", pa.array(["perhaps", *table["left"].to_pylist()[1:]]))
    write_csv(other, tmp_path / "other.csv")
    write_csv(table.drop_columns(["left"]), tmp_path / "without.csv")
    for name, words in (
        ("other.csv", ("the class 'perhaps', which is unknown to the model", "one of no, yes")),
        ("without.csv", ("no column named 'left'",)),
    ):
        result = handgrad("evaluate", model(made), tmp_path / name)
        assert isinstance(result.exception, hg.errors.DataError), result.output
        with refused(hg.errors.DataError, *words):
            raise result.exception


def test_a_model_that_does_not_say_what_it_predicts_asks(made: Path, tmp_path: Path) -> None:
    path = hg.save(hg.load(model(made)), tmp_path / "model.safetensors")
    result = handgrad("evaluate", path, made / "new.csv")
    assert isinstance(result.exception, hg.errors.SettingError)
    assert "--target COLUMN" in str(result.exception)
    words = ("evaluate", path, made / "new.csv", "--target", "left", "--json")
    named = ("evaluate", model(made), made / "new.csv", "--json")
    assert (
        json.loads(handgrad(*words).stdout)["scores"]
        == (json.loads(handgrad(*named).stdout)["scores"])
    )


def test_the_scores_of_a_run_come_again_on_its_own_rows(made: Path) -> None:
    found = record(made / "left")["scores"]
    assert set(found) == {"training", "held_out", "guessing"}


def test_intervals_and_sets_are_columns_as_the_model_gives_them(made: Path, tmp_path: Path) -> None:
    out, table = tmp_path / "out.csv", read_csv(made / "new.csv")
    words = (made / "new.csv", "-o", out)
    assert handgrad("predict", model(made, "income"), *words, "--interval", "0.8").exit_code == 0
    found, estimator = written(out), hg.load(model(made, "income"))
    assert [*found] == ["prediction", "low", "high"]
    _, ends = estimator.predict(table.drop_columns(["income"]), interval=0.8)
    np.testing.assert_allclose(np.column_stack([found["low"], found["high"]]), ends)
    result = handgrad("predict", model(made), *words, "--sets", "0.9", "--probabilities")
    assert result.exit_code == 0, result.output
    found, sets = written(out), hg.load(model(made)).predict_sets(table.drop_columns(["left"]))
    assert [*found][-2:] == ["set_no", "set_yes"]
    np.testing.assert_array_equal(np.column_stack([found["set_no"], found["set_yes"]]), sets)


@pytest.mark.parametrize(
    ("target", "option", "told"),
    [
        ("left", "--interval", "a TabularRegressor"),
        ("income", "--sets", "a TabularClassifier"),
    ],
)
def test_intervals_of_classes_and_sets_of_numbers_are_refused(
    target: str, option: str, told: str, made: Path, tmp_path: Path
) -> None:
    words = ("predict", model(made, target), made / "new.csv", "-o", tmp_path / "out.csv")
    other = {"--interval": "--sets", "--sets": "--interval"}[option]
    result = handgrad(*words, option, "0.9")
    hint = f"try: without {option}, or {other} 0.9"
    assert result.exception is not None
    with refused(hg.errors.SettingError, f"{option} 0.9, of ", told, hint):
        raise result.exception
    result = handgrad(*words, other, "2")
    assert result.exception is not None
    with refused(hg.errors.SettingError, "a coverage between 0 and 1"):
        raise result.exception
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["left", "income"])
def test_how_often_they_have_the_true_value_is_told(target: str, made: Path) -> None:
    coverage = record(made / target)["coverage"]
    kind = "set" if target == "left" else "interval"
    assert coverage["of"] == kind
    assert coverage["nominal"] == 0.9
    assert coverage["rows"] == record(made / target)["rows"]["held_out"]
    assert 0.5 < coverage["observed"] <= 1
    assert handgrad("report", made / target).exit_code == 0
    page = (made / target / "report.html").read_text("utf-8")
    assert f"The 90% prediction {kind}s have the true" in page
    assert ("Prediction intervals" in page) == (kind == "interval")
    result = handgrad("evaluate", model(made, target), made / f"{target}.csv", "--json")
    told = json.loads(result.stdout)["coverage"]
    table = read_csv(made / f"{target}.csv")
    X, y, estimator = (
        table.drop_columns([target]),
        table[target].to_numpy(),
        hg.load(model(made, target)),
    )
    if kind == "set":
        sets = estimator.predict_sets(X)
        inside, sizes = (
            sets[range(len(y)), np.searchsorted(estimator.classes_, y)],
            sets.sum(axis=1),
        )
    else:
        low, high = estimator.predict(X, interval=0.9)[1].T
        inside, sizes = (low <= y) & (y <= high), high - low
    assert told["observed"] == pytest.approx(inside.mean())
    assert told["mean_size"] == pytest.approx(sizes.mean())
