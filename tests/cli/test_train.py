"""`handgrad train`: from a table to a run's folder."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors import safe_open

import handgrad as hg
from handgrad.engines.environment import blas_of, processor
from handgrad.graph.threads import available_cores
from handgrad.tables.runs import RunSettings
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.models import OF_NUMBERS, OF_TIMES
from handgrad.tables.runs.settings import ACTIVATIONS
from handgrad.textbook.metrics.registry import METRICS
from tests.bad_input.refused import refused
from tests.cli.run import (
    COLUMNS,
    QUICK,
    WRITTEN,
    breast_cancer_csv,
    handgrad,
    messy_csv,
    process,
    raised,
    record,
)


def table_of(output: str) -> dict[str, list[str]]:
    """The rows of the printed scores: the name, then what stands in each column."""
    rows = [line.strip("│").split("│") for line in output.splitlines() if line.startswith("│")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_a_bundled_set_is_trained_on_and_the_files_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    result = handgrad("train", "iris", *QUICK, "--epochs", 4, "--out", folder, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "iris: 150 rows, 4 feature columns" in result.output
    assert "predicting target: 3 classes, setosa, versicolor, virginica (classification:" in (
        result.output
    )
    assert "trained on 120 rows, 30 held out at random; 4 epochs, the best by log loss kept" in (
        result.output
    )
    assert sorted(file.name for file in folder.iterdir()) == WRITTEN
    assert [path.name for path in folder.parent.iterdir()] == ["run"]

    content = json.loads((folder / "history.json").read_text("utf-8"))
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    for name, column in content["columns"].items():
        assert [float(row[name]) for row in rows] == column
    assert content["columns"]["epoch"] == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_a_time_limit_ends_the_training_and_is_told(tmp_path: Path) -> None:
    words = ("iris", "--time-limit", 1e-6, "--no-report", "--out")
    result = handgrad("train", *words, tmp_path / "run")
    assert result.exit_code == 0, result.output
    note = "the training was stopped after 1e-06 s, the time limit"
    assert f"note: {note}" in result.output
    found = record(tmp_path / "run")
    assert found["epochs"] == 1
    assert found["notes"] == [note]
    with refused(hg.errors.SettingError, "--time-limit 1e-06", "--estimator tabular"):
        raised("train", *words, tmp_path / "other", "--estimator", "mlp")
    with refused(hg.errors.SettingError, "--time-limit 0.0", "a number of seconds"):
        raised("train", "iris", "--time-limit", 0)


def test_the_scores_are_those_of_the_model_in_the_file_on_rows_it_did_not_learn_from(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    path = messy_csv(tmp_path / "messy.csv")
    result = handgrad("train", path, "--target", "left", *QUICK, "--seed", 3, "-o", folder)
    assert result.exit_code == 0, result.output
    given = load_table(RunSettings(str(path), "left"))
    learned, held_out = given.split(0.2, 3)
    rows = [row for part in (learned, held_out) for _, row in part.located().tolist()]
    assert sorted(rows) == [*range(1, 201)]
    _, labels = held_out.to_evaluate()
    assert abs((labels == "yes").mean() - (given.target.values == "yes").mean()) < 0.02

    model, shown, scores = hg.load(folder / "model.safetensors"), table_of(result.output), {}
    for name, part in (("training", learned), ("held_out", held_out)):
        X, y = part.to_evaluate()
        p, y = model.predict_proba(X), np.searchsorted(["no", "yes"], y)
        scores[name] = {
            metric: getattr(hg.metrics, metric)(p, y)
            for metric in ("accuracy", "balanced_accuracy", "log_loss", "roc_auc")
        }
    y_learned, y = (
        np.searchsorted(["no", "yes"], part.to_evaluate()[1]) for part in (learned, held_out)
    )
    shares = np.tile(np.bincount(y_learned) / len(y_learned), (len(y), 1))
    scores["guessing"] = {
        metric: getattr(hg.metrics, metric)(shares, y) for metric in scores["training"]
    }
    assert scores["guessing"]["roc_auc"] == 0.5
    assert record(folder)["scores"] == scores
    for place, name in enumerate(("training", "held_out", "guessing")):
        for metric, value in scores[name].items():
            assert shown[metric.replace("_", " ")][place] == f"{value:.4g}"
    classes = record(folder)["classes"]
    assert [row["class"] for row in classes] == ["no", "yes"]
    assert sum(row["rows"] for row in classes) == 40


@pytest.mark.slow
def test_a_run_says_all_that_is_needed_to_repeat_it(tmp_path: Path) -> None:
    path, folder = messy_csv(tmp_path / "messy.csv"), tmp_path / "run"
    words = ("train", path, "--target", "left", "--ignore", "row", "--epochs", 1, "--no-report")
    handgrad(*words, "--metric", "f1", "--metric", "log_loss", "--out", folder)
    found = record(folder)
    again = tmp_path / "again"
    command = [str(again) if word == str(folder) else word for word in found["command"]]
    assert command[0] == "handgrad"
    assert handgrad(*command[1:]).exit_code == 0
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert record(again)["scores"] == found["scores"]

    assert found["data"]["files"][0]["bytes"] == path.stat().st_size
    assert found["target"] == {
        "name": "left", "task": "classification", "why": "it holds text",
        "classes": ["no", "yes"], "range": None,
    }  # fmt: skip
    assert found["seed"] == 0
    assert found["versions"]["handgrad"] == hg.__version__
    assert found["versions"]["numpy"] == np.__version__
    assert found["machine"] == {
        "processor": processor(),
        "cores": available_cores(),
        "BLAS of NumPy": blas_of("numpy"),
        "BLAS of SciPy": blas_of("scipy"),
    }
    assert {*found["columns"]} == {*COLUMNS} - {"row", "left"}
    with safe_open(folder / "model.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["handgrad"])["about"]
    texts = [name for name in COLUMNS if name in ("customer", "age", "city", "plan", "left")]
    reading = {"date_order": None, "category": texts, "number": [], "date": []}
    known = {"data": "messy", "target": "left", "task": "classification", "positive": "yes"}
    assert about == known | {"reading": reading, "not_features": ["row"]}


def test_a_messy_table_is_taken_as_it_comes_and_what_is_odd_is_told(tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv", 400)
    result = handgrad("train", path, "--target", "left", *QUICK, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    for words in (
        r"customer +left out: an identifier \(320 distinct values in 320 rows\)",
        r"income +number \+ missing-value flag",
        r"city +category of 4 values",
        r"since +date: timestamp",
        r"empty +left out: nothing in it",
    ):
        assert re.search(words, result.stdout), words
    assert "note: column 'row' numbers the rows: use --ignore 'row'" in result.stdout
    assert "note: column 'age' is 'unknown' in row 8 below the header, among 392 numbers" in (
        result.stdout
    )
    assert len(record(tmp_path / "run")["notes"]) == 2


@pytest.mark.slow
def test_an_ignored_column_is_recorded_and_never_needed(tmp_path: Path) -> None:
    path, folder = messy_csv(tmp_path / "messy.csv", 200), tmp_path / "run"
    words = ("--target", "left", "--ignore", "city", "--ignore", "row", "--epochs", 2)
    assert handgrad("train", path, *words, "--out", folder).exit_code == 0
    found = record(folder)
    assert found["settings"]["ignore"] == ["city", "row"]
    assert not {"city", "row"} & {*found["columns"]}
    page = (folder / "report.html").read_text("utf-8")
    assert "--ignore city --ignore row" in page
    with path.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    with (tmp_path / "fewer.csv").open("w", encoding="utf-8", newline="") as file:
        fewer = [name for name in COLUMNS if name not in ("city", "row", "left")]
        writer = csv.DictWriter(file, fewer, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    predicted = [
        handgrad("predict", folder / "model.safetensors", table, "--probabilities").stdout
        for table in (path, tmp_path / "fewer.csv")
    ]
    assert predicted[0] == predicted[1]
    assert len(predicted[0].splitlines()) == 201


def test_four_rows_of_two_classes_leave_one_of_each_to_judge_by(tmp_path: Path) -> None:
    (tmp_path / "four.csv").write_text("x,y\n1,a\n2,b\n3,a\n4,b\n")
    result = handgrad(
        "train", tmp_path / "four.csv", "--target", "y", *QUICK, "--out", tmp_path / "run"
    )
    assert result.exit_code == 0, result.output
    assert record(tmp_path / "run")["rows"] == {"training": 2, "held_out": 2}
    said = "only 1 row of “a”, 1 row of “b” held out: these scores are noisy"
    assert said in result.stdout.replace("\n", " ")


def held_out_rows(folder: Path) -> list[tuple[str, int]]:
    """What a run says of the rows it held out: the file and the row of each."""
    with (folder / "held_out.csv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], int(row["row"])) for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["1 GB", "1 MB"])
def test_which_rows_were_held_out_is_written(memory: str, tmp_path: Path) -> None:
    paths, there = [tmp_path / "a-1.csv", tmp_path / "a-2.csv"], set[tuple[str, int]]()
    i = 0
    for path, n in zip(paths, (700, 1300), strict=True):
        lines = ["x,i,y"]
        for row in range(1, n + 1):
            i += 1
            lines.append(f"{i % 7 / 3},{i},{'' if row % 10 == 3 else i / 3}")
            there |= {(str(path), row)} if row % 10 != 3 else set()
        path.write_text("\n".join(lines) + "\n")
    words = ("train", tmp_path / "a-*.csv", "--target", "y", *QUICK, "--out", tmp_path / "run")
    result = handgrad(*words, "--memory", memory)
    assert result.exit_code == 0, result.output
    found = held_out_rows(tmp_path / "run")
    assert len(found) == len({*found}) == record(tmp_path / "run")["rows"]["held_out"]
    assert {*found} < there
    lines_of = {str(path): path.read_text().splitlines() for path in paths}
    y = [float(lines_of[file][row].split(",")[2]) for file, row in found]
    x = pa.table({name: [float(lines_of[file][row].split(",")[k]) for file, row in found]
                  for k, name in enumerate(("x", "i"))})  # fmt: skip
    p = hg.load(tmp_path / "run" / "model.safetensors").predict(x)
    score = record(tmp_path / "run")["scores"]["held_out"]["mean_absolute_error"]
    assert np.abs(p - y).mean() == pytest.approx(score, rel=1e-6)


def test_of_a_bundled_set_the_rows_are_counted_too(tmp_path: Path) -> None:
    assert handgrad("train", "iris", *QUICK, "--out", tmp_path / "run").exit_code == 0
    found = held_out_rows(tmp_path / "run")
    assert {file for file, _ in found} == {"iris"}
    _, held_out = load_table(RunSettings("iris")).split(0.2, 0)
    assert [row for _, row in found] == held_out.located()[:, 1].tolist()


def test_where_the_other_columns_stand_is_told(tmp_path: Path) -> None:
    words = ("train", "breast_cancer", *QUICK, "--out", tmp_path / "run")
    assert f"  … 14 more columns: in {tmp_path / 'run' / 'run.json'}\n" in handgrad(*words).stdout


def test_numbers_are_predicted_in_their_own_units(tmp_path: Path) -> None:
    for estimator in ("tabular", "mlp"):
        folder = tmp_path / estimator
        words = ("train", "diabetes", "--no-report", "--estimator", estimator, "--out", folder)
        result = handgrad(*words, *(("--epochs", 4) if estimator == "tabular" else ()))
        assert result.exit_code == 0, result.output
        assert "target: a number, 25 to 346 (regression: it holds numbers with a" in result.output
        assert list(table_of(result.output)) == [
            "", "r2", "root mean squared error", "mean absolute error",
        ][1:]  # fmt: skip
        assert 40 < record(folder)["scores"]["held_out"]["root_mean_squared_error"] < 75


def test_guessing_is_told_in_every_metric_and_prices_are_written_out(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.csv", tmp_path / "run"
    path.write_text("a,price\n" + "".join(f"{i},{12345678.5 + 54321 * i}\n" for i in range(60)))
    words = [word for metric in OF_NUMBERS for word in ("--metric", metric)]
    result = handgrad(
        "train", path, "--target", "price", *words, *QUICK, "--folds", 2, "--out", folder
    )
    assert result.exit_code == 0, result.output
    assert "a number, 12,345,678 to 15,550,618 (" in result.stdout
    assert not re.search(r"\de[+-]?\d", result.stdout.split("mean squared error")[0])
    found = record(folder)["scores"]["guessing"]
    given = load_table(RunSettings(str(path), "price"))
    learned, held_out = (part.to_evaluate()[1] for part in given.split(0.2, 0))
    assert found["mean_absolute_error"] == np.abs(held_out - learned.mean()).mean()
    others = (*OF_NUMBERS, *OF_TIMES, "top_k_accuracy")
    classes = [name for name in METRICS if name not in others]
    words = [word for metric in classes for word in ("--metric", metric)]
    path = messy_csv(tmp_path / "messy.csv")
    result = handgrad(
        "train", path, "--target", "left", *words, *QUICK, "--out", tmp_path / "2", "--json"
    )
    assert [*json.loads(result.stdout)["scores"]["guessing"]] == classes


def test_a_class_of_which_one_row_is_held_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,y\n" + "".join(f"{i},{'rare' if i < 5 else 'usual'}\n" for i in range(100)))
    result = handgrad("train", path, "--target", "y", *QUICK, "--out", tmp_path / "run")
    said = "only 1 row of “rare” held out: these scores are noisy"
    assert f"note: few rows, class “rare”: {said}" in result.stdout.replace("\n", " ")
    found = record(tmp_path / "run")["findings"]
    assert any(finding["evidence"].startswith(said) for finding in found)
    evaluated = handgrad("evaluate", tmp_path / "run" / "model.safetensors", path)
    assert "few rows" not in evaluated.stdout
    assert [*table_of(evaluated.stdout)["accuracy"]][1] == "0.95"
    found = json.loads(
        handgrad("evaluate", tmp_path / "run" / "model.safetensors", path, "--json").stdout
    )
    assert found["guessing"]["accuracy"] == 0.95


def test_codes_of_many_classes_are_numbers_and_how_to_ask_for_classes_is_told(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,code\n" + "".join(f"{i},{i % 30}\n" for i in range(90)))
    words = ("train", path, "--target", "code", *QUICK)
    hint = "note: the target 'code' has only 30 distinct values: use --task classification if they"
    assert hint in handgrad(*words, "--out", tmp_path / "1").stdout
    asked = handgrad(*words, "--task", "regression", "--out", tmp_path / "2")
    assert "note: the target" not in asked.stdout
    path.write_text("a,code\n" + "".join(f"{i},{i + 7}\n" for i in range(150)))
    assert "note: the target" not in handgrad(*words, "--out", tmp_path / "3").stdout


def test_whole_numbers_are_classes_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,y\n" + "".join(f"{i},{i % 2}.0\n" for i in range(40)))
    result = handgrad("train", path, "--target", "y", *QUICK, "--out", tmp_path / "1")
    assert "(regression: it holds numbers with a decimal point)" in result.stdout
    assert "note: the target 'y' has only 2 distinct values: use --task" in result.stdout
    words = ("train", path, "--target", "y", "--task", "classification", *QUICK)
    result = handgrad(*words, "--out", tmp_path / "2")
    assert "2 classes, 0, 1 (classification: asked for, though it holds numbers" in result.stdout
    assert hg.load(tmp_path / "2" / "model.safetensors").classes_.tolist() == [0, 1]


def test_numbers_in_text_are_numbers_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": [*range(40)], "y": [str(i % 4) for i in range(40)]}), path)
    for task, words in (("classification", "4 classes, 0, 1, 2, 3"), ("regression", "0 to 3")):
        result = handgrad(
            "train", path, "--target", "y", "--task", task, *QUICK, "--out", tmp_path / task
        )
        assert words in result.output, result.output


def test_a_good_model_comes_out_with_the_usual_settings(tmp_path: Path) -> None:
    for estimator in ("tabular", "mlp"):
        folder = tmp_path / estimator
        path = breast_cancer_csv(tmp_path)
        words = ("train", path, "--target", "diagnosis", "--estimator", estimator)
        assert handgrad(*words, "--no-report", "--out", folder).exit_code == 0
        assert record(folder)["scores"]["held_out"]["accuracy"] > 0.94, estimator


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for name, seed in (("a-1.csv", 0), ("a-2.csv", 1)):
        messy_csv(tmp_path / name, 30, seed)
    result = handgrad(
        "train", tmp_path / "a-*.csv", "--target", "left", *QUICK, "--out", tmp_path / "run"
    )
    assert "a: 60 rows" in result.stdout, result.output
    assert len(record(tmp_path / "run")["data"]["files"]) == 2


def test_a_column_named_target_needs_no_option(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,target\n" + "".join(f"{i},{i / 3}\n" for i in range(40)))
    result = handgrad("train", path, *QUICK, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "a: 40 rows, 1 feature column\npredicting target: a number" in result.output


def test_names_in_brackets_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "[red].csv"
    path.write_text(
        "[bold]a,[/b]\n" + "".join(f"{i},{':smile: [b]'[: 7 + i % 2 * 4]}\n" for i in range(20))
    )
    folder = tmp_path / "[run]"
    result = handgrad("train", path, "--target", "[/b]", *QUICK, "--out", folder)
    assert result.exit_code == 0, result.output
    assert "[red]: 20 rows, 1 feature column" in result.output
    assert "predicting [/b]: 2 classes, :smile:, :smile: [b] (class" in result.output
    assert "  [bold]a  number" in result.output
    assert "[run]: held_out.csv" in result.output
    evaluated = handgrad("evaluate", folder / "model.safetensors", path)
    assert "│ :smile: [b] │" in evaluated.output, evaluated.output


@pytest.mark.slow
def test_words_in_a_table_cannot_steer_a_terminal(tmp_path: Path) -> None:
    path, words = tmp_path / "a.csv", "\x1b]0;title\x07"
    path.write_text(f"a{words},{words}y\n" + "".join(f"{i},{words}{i % 2}\n" for i in range(20)))
    result = handgrad("train", path, "--target", f"{words}y", *QUICK, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    evaluated = handgrad("evaluate", tmp_path / "run" / "model.safetensors", path)
    assert evaluated.exit_code == 0
    refused = process("train", path, "--target", words, folder=tmp_path)
    for shown in (result.output, evaluated.output, refused.stdout + refused.stderr):
        assert "\x1b" not in shown
        assert "\x07" not in shown


def test_without_out_a_new_folder_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        result = handgrad("train", "iris", *QUICK)
        assert f"written to runs/iris-{number}: held_out.csv" in result.output
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["iris-1", "iris-2"]


def test_an_empty_folder_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert handgrad("train", "iris", *QUICK, "--out", ".").exit_code == 0
    assert sorted(file.name for file in folder.iterdir()) == WRITTEN
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize("estimator", ["tabular", "mlp"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    estimator: str, tmp_path: Path
) -> None:
    weights = []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        words = ("train", "wine", *QUICK, "--estimator", estimator, "--seed", seed)
        handgrad(*words, "--out", tmp_path / name)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1] != weights[2]


def test_options_reach_the_perceptron(tmp_path: Path) -> None:
    result = handgrad(
        "train", "iris", "--estimator", "mlp", "--layers", "7,tanh,5", "--epochs", 3,
        "--batch-size", 50, "--learning-rate", 0.02, "--patience", 2, "--test-size", 0.4,
        "--metric", "zero_one_loss", "--metric", "accuracy", "--no-report", "--engine", "eager",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    shown = table_of(result.output)
    assert list(shown) == ["zero one loss", "accuracy"]
    assert float(shown["accuracy"][1]) + float(shown["zero one loss"][1]) == pytest.approx(1)
    assert "trained on 90 rows, 60 held out at random; 3 epochs" in result.output
    mlp = hg.load(tmp_path / "run" / "model.safetensors")[-1]
    assert mlp.scoring == "zero_one_loss"
    columns = json.loads((tmp_path / "run" / "history.json").read_text("utf-8"))["columns"]
    assert {"train_loss", "validation_loss"} <= {*columns}
    assert (mlp.batch_size, mlp.learning_rate_init, mlp.n_iter_no_change) == (50, 0.02, 2)
    assert mlp.engine == "eager"
    assert repr(mlp.net_).startswith("Net(Linear(4, 7), Tanh(), Linear(7, 5), ReLU()")


def test_all_activations_can_be_asked_for(tmp_path: Path) -> None:
    layers = ",".join(f"3,{name}" for name in ACTIVATIONS)
    words = ("train", "iris", *QUICK, "--estimator", "mlp", "--layers", layers)
    result = handgrad(*words, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    net = hg.load(tmp_path / "run" / "model.safetensors")[-1].net_
    kinds = [type(layer).__name__ for layer in net.layers[1:-1:2]]
    assert kinds == [
        "ReLU", "Tanh", "Sigmoid", "LeakyReLU", "SiLU", "GELU", "ELU", "SELU", "Softplus", "Mish",
    ]  # fmt: skip


@pytest.mark.slow
def test_rows_of_a_class_count_as_much_as_is_asked_for(tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv", 300)
    recalls = []
    for i, weights in enumerate(((), ("--class-weight", "yes=20"), ("--class-weight", "no=20"))):
        folder = tmp_path / str(i)
        words = ("train", path, "--target", "left", "--no-report", "--epochs", 8, *weights)
        assert handgrad(*words, "--out", folder).exit_code == 0
        recalls.append(record(folder)["classes"][1]["recall"])
    assert recalls[1] > recalls[0] >= recalls[2]
    words = ("train", path, "--target", "left", *QUICK, "--class-weight", "balanced")
    assert handgrad(*words, "--out", tmp_path / "balanced").exit_code == 0


@pytest.mark.slow
def test_the_first_metric_chooses_the_epochs(tmp_path: Path) -> None:
    for metric in ("accuracy", "roc_auc", "neg_brier_score"):
        words = ("train", "breast_cancer", *QUICK, "--metric", metric, "--out", tmp_path / metric)
        assert handgrad(*words).exit_code == 0
        assert record(tmp_path / metric)["epochs_chosen_by"] == metric
        assert hg.load(tmp_path / metric / "model.safetensors").metric == metric
    with refused(hg.errors.SettingError, "--metric average_precision failed on"):
        raised("train", "diabetes", "--metric", "average_precision", "--out", tmp_path / "none")


@pytest.mark.slow
def test_a_threshold_is_chosen_kept_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    fraud = rng.random(600) < 1 / (1 + np.exp(2 - 1.5 * x[:, 0]))
    lines = [
        f"{a:.3f},{b:.3f},{'fraud' if f else 'ok'}" for (a, b), f in zip(x, fraud, strict=True)
    ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["a,b,label", *lines]) + "\n", "utf-8")
    words = ("train", table, "--target", "label", "--epochs", 8, "--metric", "f1")
    found = dict[str, Any]()
    for name, more in {"usual": (), "costs": ("--threshold", "miss=10,false_alarm=1")}.items():
        done = handgrad(*words, *more, "--out", tmp_path / name)
        found[name] = record(tmp_path / name)
        assert ("fraud is predicted above a probability of 0." in done.stdout) == (name == "costs")
    assert found["usual"]["positive"] == found["costs"]["positive"] == "fraud"
    assert found["usual"]["threshold"] is None
    assert found["costs"]["threshold"]["chosen_by"] == "miss=10,false_alarm=1"
    recalls = [found[name]["classes"][0]["recall"] for name in ("usual", "costs")]
    assert recalls[1] > recalls[0]
    assert found["costs"]["scores"]["held_out"]["f1"] == found["costs"]["classes"][0]["f1"]
    page = (tmp_path / "costs" / "report.html").read_text("utf-8")
    assert "“fraud” is predicted where its probability is above 0." in page
    assert "(that of the model)" in page
    evaluated = handgrad(
        "evaluate", tmp_path / "costs" / "model.safetensors", table, "--metric", "f1", "--json"
    )
    scores = json.loads(evaluated.stdout)
    assert scores["scores"]["f1"] == pytest.approx(scores["classes"][0]["f1"])


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("SettingError", ("--threshold", "2"), "--threshold 2"),
        ("SettingError", ("--threshold", "f1", "--estimator", "mlp"), "--threshold f1 for --esti"),
        ("SettingError", ("--threshold", "miss=1"), "--threshold miss=1"),
        ("DataError", ("--positive", "yes"), "--positive yes, which is no class of the target"),
    ],
)
def test_decisions_that_are_refused(
    kind: str, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with refused(getattr(hg.errors, kind), said):
        raised("train", "breast_cancer", *words, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_numbers_and_three_classes_have_no_positive_class(tmp_path: Path) -> None:
    for data in ("diabetes", "iris"):
        with refused(hg.errors.SettingError, "--positive 1, where target has"):
            raised("train", data, "--positive", "1", "--out", tmp_path / "run")


@pytest.mark.slow
def test_a_process_of_its_own_ends_well_and_shows_no_bar(tmp_path: Path) -> None:
    done = process("train", "iris", *QUICK, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "written to runs/iris-1" in done.stdout
    assert sorted(file.name for file in (tmp_path / "runs" / "iris-1").iterdir()) == WRITTEN


def test_for_machines_one_json_object_is_printed(tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv")
    result = handgrad(
        "train", path, "--target", "left", *QUICK, "--out", tmp_path / "run", "--json"
    )
    found: dict[str, Any] = json.loads(result.stdout)
    assert found.pop("run") == str(tmp_path / "run")
    assert found.pop("written") == WRITTEN
    assert found == record(tmp_path / "run")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("usual", "odd"), [("7", "unknown"), ("2024-01-31", "some day")])
def test_a_word_among_numbers_or_dates_may_be_held_out(
    usual: str, odd: str, seed: int, tmp_path: Path
) -> None:
    path, n = tmp_path / "a.parquet", 30
    cells = [usual[:-1] + str(i % 9 + 1) if i != 4 else odd for i in range(n)]
    table = {"cell": cells, "a": [*range(n)], "left": ["no", "yes"] * (n // 2)}
    parquet.write_table(pa.table(table), path)
    words = ("train", path, "--target", "left", "--seed", seed, "--test-size", 0.5, *QUICK)
    result = handgrad(*words, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert record(tmp_path / "run")["columns"]["cell"].startswith("category of ")


def test_a_second_target_is_refused_but_by_train(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y,z\n" + "".join(f"{i},{2 * i},{3 * i}\n" for i in range(60)))
    two = ("--target", "y", "--target", "z")
    config = tmp_path / "run.toml"
    config.write_text('target = ["y", "z"]\n')
    came = "--target y --target z"
    for words in (
        ("tune", path, *two),
        ("tune", path, "--config", config),
        ("evaluate", tmp_path / "none.safetensors", path, *two),
        ("explain", tmp_path / "none.safetensors", path, *two),
        ("play", path, *two, "--save", tmp_path / "page.html"),
    ):
        with refused(hg.errors.SettingError, came, "one column", "--target y, and a separate run"):
            raised(*words)
    with refused(hg.errors.SettingError, "target=['y', 'z']", "target='y'"):
        hg.tables.train_table(str(path), ["y", "z"])  # type: ignore[arg-type]
    config.write_text('target = "y"\n')
    options = ("--config", config, *QUICK, "--out", tmp_path / "run")
    assert handgrad("train", path, *options).exit_code == 0
    assert record(tmp_path / "run")["target"]["name"] == "y"


@pytest.mark.slow
def test_what_is_found_stands_in_the_terminal_in_json_in_the_record_and_in_the_report(
    tmp_path: Path,
) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "customers.csv"
    lines = ["customer,a,b,ended,left"]
    features = rng.normal(size=(60, 2))
    for i in rng.permutation(600):
        a, b = features[i % 60] + rng.normal(0, 0.01, 2)
        left = rng.random() < 0.4
        ended = f"2024-01-{i % 28 + 1:02}" if left else ""
        lines.append(f"C{i % 60:03},{a:.4f},{b:.4f},{ended},{'yes' if left else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    words = ("train", path, "--target", "left", "--ignore", "customer", "--epochs", 2)
    groups = "column “customer”: 60 values occur 10 times each, and rows of the same “customer” are"
    leak = "column “ended”: it is filled in for 100% of “yes”, 0% of “no”: is it known"
    plain = handgrad(*words, "--no-report", "--out", tmp_path / "a")
    assert plain.exit_code == 0, plain.output
    for said in (f"note: repeated groups, {groups}", f"note: target leakage, {leak}"):
        assert said in plain.stdout
    findings = record(tmp_path / "a")["findings"]
    assert [f"{f['where']}: {f['evidence']}"[:60] for f in findings][:2] == [groups[:60], leak[:60]]
    whole = handgrad(*words, "--json", "--out", tmp_path / "b")
    assert json.loads(whole.stdout)["findings"] == findings
    page = (tmp_path / "b" / "report.html").read_text("utf-8")
    assert groups[1:] in page
    assert leak[1:] in page
    # of the scores of the run; the finding has that of the split by customers
    assert record(tmp_path / "b")["intervals"] == {}
    summary = page[page.index('<div class="summary">') : page.index('<p class="warning">')]
    assert "with 95% confidence" not in summary
    assert handgrad("report", tmp_path / "b").exit_code == 0
    assert groups[1:] in (tmp_path / "b" / "report.html").read_text("utf-8")
    with pytest.warns(
        UserWarning, match="“customer”: 60 values occur 10 times|“ended”: it is filled"
    ):
        hg.tables.train_table(str(path), "left", ignore=("customer",), epochs=1, report=False,
                       out=tmp_path / "c")  # fmt: skip


def test_a_training_whose_last_epoch_is_the_best_asks_for_more(tmp_path: Path) -> None:
    words = ("train", "wine", "--no-report", "--json", "--out")
    found = json.loads(handgrad(*words, tmp_path / "a", "--epochs", 2).stdout)["findings"]
    (more,) = [one for one in found if one["problem"] == "still improving"]
    assert "is the last, 2 of 2" in more["evidence"]
    assert "--epochs 6" in more["advice"]


def test_the_checks_that_were_made_are_one_line_and_a_list_in_the_record(tmp_path: Path) -> None:
    words = ("train", "wine", "--no-report", "--out")
    plain = handgrad(*words, tmp_path / "a", "--epochs", 4)
    checks = record(tmp_path / "a")["checks"]
    made = [check["name"] for check in checks if check["state"] == "made"]
    line = next(line for line in plain.stdout.splitlines() if line.startswith("checks: "))
    found = len(record(tmp_path / "a")["findings"])
    assert line == (
        f"checks: {len(made)} made, {found} finding{'s' * (found > 1)}; skipped: learning rate "
        "(fewer than 5 epochs)"
    )
    assert {"repeated groups", "target leakage of single columns", "few held-out rows"} <= {*made}
    whole = json.loads(handgrad(*words, tmp_path / "b", "--epochs", 4, "--json").stdout)
    assert whole["checks"] == checks


@pytest.mark.slow
def test_groups_are_found_in_a_table_in_chunks_too(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "large.csv"
    features = rng.normal(size=(90, 2))
    lines = ["customer,a,b,left"]
    for i in rng.permutation(9000):
        a, b = features[i % 90] + rng.normal(0, 0.01, 2)
        lines.append(f"C{i % 90:03},{a:.4f},{b:.4f},{'yes' if rng.random() < 0.4 else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    words = ("train", path, "--target", "left", "--ignore", "customer", "--memory", "6 MB")
    result = handgrad(*words, "--epochs", 1, "--no-report", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    found = record(tmp_path / "run")
    assert found["data"]["streamed"]
    assert found["findings"][0]["where"] == "column “customer”"
