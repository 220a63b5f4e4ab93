"""`handgrad train`: from a table to a run's folder."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from safetensors import safe_open

import handgrad as hg
from tests.cli.run import WRITTEN, breast_cancer_csv, handgrad, process


def table_of(output: str) -> dict[str, list[float]]:
    """The rows of the printed result: its name, then training and validation."""
    rows = re.findall(r"^│ (\w[\w ,]*?) +│ +(\S+) │ +(\S+) │$", output, re.MULTILINE)
    return {name: [float(training), float(held)] for name, training, held in rows}


def held_out(dataset: hg.data.Dataset, seed: int, share: float = 0.2) -> list[np.ndarray]:
    """The split that a run with that seed makes: x, x held out, y, y held out."""
    return [
        *hg.train_test_split(
            dataset.x, dataset.y, test_size=share, stratify=bool(dataset.class_names),
            rng=np.random.default_rng(seed),
        )
    ]  # fmt: skip


def test_a_bundled_set_is_trained_on_and_the_files_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    result = handgrad("train", "breast_cancer", "--epochs", 12, "--out", folder, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "breast_cancer: 569 rows, 30 features; predicting target: 2 classes" in result.output
    assert "12 epochs: all 12 epochs were run; the weights of epoch" in result.output
    assert sorted(file.name for file in folder.iterdir()) == WRITTEN
    assert [path.name for path in folder.parent.iterdir()] == ["run"]

    content = json.loads((folder / "history.json").read_text("utf-8"))
    assert content["stopped_because"] == "all 12 epochs were run"
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    for name, column in content["columns"].items():
        assert [float(row[name]) for row in rows] == column
    assert content["columns"]["epoch"] == [*range(1, 13)]
    height, width, _ = imread(folder / "training.png").shape
    assert (height, width) == (480, 1200)

    best = int(np.argmin(content["columns"]["validation_loss"]))
    assert f"the weights of epoch {best + 1} are kept" in result.output
    shown = table_of(result.output)
    assert shown["accuracy"][1] == pytest.approx(
        content["columns"]["validation_accuracy"][best], abs=5e-4
    )

    net = hg.load(folder / "model.safetensors")
    x, x_held, y, y_held = held_out(hg.data.load("breast_cancer"), seed=3)
    for column, (rows_x, rows_y) in enumerate([(x, y), (x_held, y_held)]):
        found = hg.evaluate(net, (rows_x, rows_y), loss=hg.CrossEntropyLoss())
        assert shown["accuracy"][column] == float(f"{found.metrics['accuracy']:.4g}")
        assert shown["loss"][column] == float(f"{found.loss:.4g}")


def test_numbers_are_predicted_in_their_own_units(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = handgrad("train", "diabetes", "--epochs", 15, "--layers", "16,tanh", "--out", folder)
    assert result.exit_code == 0, result.output
    assert "predicting target: a number, 25 to 346" in result.output
    shown = table_of(result.output)
    assert list(shown) == ["loss, in squared standard deviations", "r2", "root mean squared error"]

    net = hg.load(folder / "model.safetensors")
    _, x_held, y, y_held = held_out(hg.data.load("diabetes"), seed=0)
    found = hg.evaluate(
        net, (x_held, y_held), loss=hg.MSELoss(), metrics=["r2", "root_mean_squared_error"]
    )
    assert shown["r2"][1] == float(f"{found.metrics['r2']:.4g}")
    error = found.metrics["root_mean_squared_error"]
    assert shown["root mean squared error"][1] == float(f"{error:.4g}")
    assert 40 < error < 70
    columns = json.loads((folder / "history.json").read_text("utf-8"))["columns"]
    loss = shown["loss, in squared standard deviations"][1]
    assert loss == pytest.approx(min(columns["validation_loss"]), rel=1e-3)
    assert loss == pytest.approx(found.loss / y.var(), rel=1e-3)


def test_a_csv_file_is_trained_on(tmp_path: Path) -> None:
    path, folder = breast_cancer_csv(tmp_path), tmp_path / "run"
    result = handgrad("train", path, "--target", "diagnosis", "--epochs", 10, "-o", folder)
    assert result.exit_code == 0, result.output
    assert "predicting diagnosis: 2 classes, benign, malignant" in result.output
    net = hg.load(folder / "model.safetensors")
    _, x_held, _, y_held = held_out(hg.read_table(path, "diagnosis"), seed=0)
    accuracy = hg.metrics.accuracy(net.predict(x_held), y_held)
    assert table_of(result.output)["accuracy"][1] == float(f"{accuracy:.4g}")
    assert accuracy > 0.9
    with safe_open(folder / "model.safetensors", "numpy") as file:
        about = json.loads(file.metadata()["handgrad"])["about"]
    assert about.pop("features") == [*hg.data.load("breast_cancer").feature_names]
    assert about == {"data": "cells", "target": "diagnosis", "classes": ["benign", "malignant"]}


def test_a_column_named_target_needs_no_option(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,target\n" + "".join(f"{i},{i / 3}\n" for i in range(40)))
    result = handgrad("train", path, "--epochs", 2, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "a: 40 rows, 1 feature; predicting target: a number, 0 to 13" in result.output


def test_names_in_brackets_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "[red].csv"
    path.write_text(
        "a,[/b]\n" + "".join(f"{i},{':smile: [b]'[: 7 + i % 2 * 4]}\n" for i in range(20))
    )
    folder = tmp_path / "[run]"
    result = handgrad("train", path, "--target", "[/b]", "--epochs", 2, "--out", folder)
    assert result.exit_code == 0, result.output
    words = "[red]: 20 rows, 1 feature; predicting [/b]: 2 classes, :smile:, :smile: [b]"
    assert words in result.output.replace("\n", " ")
    assert "[run]:" in result.output.replace("\n", "")


def test_without_out_a_new_folder_is_made_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        result = handgrad("train", "iris", "--epochs", 1)
        assert f"written to runs/iris-{number}: model.safetensors" in result.output
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["iris-1", "iris-2"]


def test_an_empty_folder_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert handgrad("train", "iris", "--epochs", 1, "--out", ".").exit_code == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == WRITTEN


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    weights, losses = [], []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        handgrad("train", "wine", "--epochs", 3, "--seed", seed, "--out", tmp_path / name)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
        history = json.loads((tmp_path / name / "history.json").read_text("utf-8"))
        losses.append(history["columns"]["train_loss"])
    assert weights[0] == weights[1] != weights[2]
    assert losses[0] == losses[1] != losses[2]


def test_options_reach_the_training(tmp_path: Path) -> None:
    result = handgrad(
        "train", "iris", "--layers", "", "--epochs", 50, "--batch-size", 200, "--patience", 1,
        "--learning-rate", 8, "--validation", 0.4, "--metric", "zero_one_loss", "--metric",
        "accuracy", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "validation loss had not improved for 1 epoch;" in result.output
    shown = table_of(result.output)
    assert list(shown) == ["loss", "zero one loss", "accuracy"]
    assert shown["accuracy"][1] + shown["zero one loss"][1] == pytest.approx(1, abs=1e-3)
    net = hg.load(tmp_path / "run" / "model.safetensors")
    _, x_held, _, y_held = held_out(hg.data.load("iris"), seed=0, share=0.4)
    assert len(y_held) == 60
    accuracy = hg.metrics.accuracy(net.predict(x_held), y_held)
    assert shown["accuracy"][1] == float(f"{accuracy:.4g}")


def test_a_process_of_its_own_ends_well_and_shows_no_bar(tmp_path: Path) -> None:
    done = process("train", "iris", "--epochs", 2, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "written to runs/iris-1" in done.stdout
    assert sorted(file.name for file in (tmp_path / "runs" / "iris-1").iterdir()) == WRITTEN
