"""Several targets of a table: trained, resumed, predicted and evaluated together."""

import csv
import json
import random
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised, record, write_rows

TARGETS = ("--target", "price", "--target", "sold?")


def houses(path: Path, n: int = 240) -> Path:
    """Houses with a price, and whether they were sold, which hangs on the price."""
    draw, rows = random.Random(0), list[Sequence[object]]()
    for i in range(n):
        area, town = draw.uniform(40, 200), draw.choice(["Ulm", "Bonn"])
        price = round(2 * area + 50 * (town == "Ulm") + draw.gauss(0, 10), 2)
        rows.append([f"H{i}", round(area, 1), town, price, "yes" if price < 250 else "no"])
    return write_rows(path, rows, ["house", "area", "town", "price", "sold?"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the table, and of the run of both targets in `run`."""
    folder = tmp_path_factory.mktemp("targets")
    path = houses(folder / "houses.csv")
    words = ("--ignore", "house", *QUICK, "--out", folder / "run")
    result = handgrad("train", path, *TARGETS, *words)
    assert result.exit_code == 0, result.output
    assert f"handgrad predict {folder / 'run'} DATA" in result.output
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [*csv.DictReader(file)]


def test_each_target_has_a_run_of_its_own_without_the_others(trained: Path) -> None:
    names = json.loads((trained / "run" / "targets.json").read_text())["targets"]
    assert names == {"price": "price", "sold?": "sold"}
    for target, name in names.items():
        run = record(trained / "run" / name)
        assert run["target"]["name"] == target
        assert [*run["columns"]] == ["area", "town"]  # no target leaks into the other model


def test_the_model_of_a_target_is_that_of_an_ordinary_run(trained: Path) -> None:
    out = trained / "alone"
    words = ("--target", "price", "--ignore", "house", "--ignore", "sold?", *QUICK)
    assert handgrad("train", trained / "houses.csv", *words, "--out", out).exit_code == 0
    models = [folder / "model.safetensors" for folder in (out, trained / "run" / "price")]
    assert models[0].read_bytes() == models[1].read_bytes()


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_all_targets_are_predicted_into_one_file(trained: Path, ending: str) -> None:
    import pyarrow.parquet

    table, to = trained / "houses.csv", trained / f"predictions{ending}"
    more = ("--keep", "house", "--interval", 0.8, "--sets", 0.8, "--probabilities", "--out", to)
    result = handgrad("predict", trained / "run", table, *more)
    assert result.exit_code == 0
    assert "240 rows predicted" in result.output
    assert "ignored" not in result.output  # the other target is no unknown column
    rows = read(to) if ending == ".csv" else pyarrow.parquet.read_table(to).to_pylist()
    assert [*rows[0]] == [
        *("house", "price_prediction", "price_low", "price_high", "sold?_prediction"),
        *("sold?_probability_no", "sold?_probability_yes", "sold?_set_no", "sold?_set_yes"),
    ]
    assert [row["house"] for row in rows] == [row["house"] for row in read(table)]
    for target, name in (("price", "price"), ("sold?", "sold")):
        model, alone = trained / "run" / name / "model.safetensors", trained / f"one{ending}"
        assert handgrad("predict", model, table, "--out", alone).exit_code == 0
        one = read(alone) if ending == ".csv" else pyarrow.parquet.read_table(alone).to_pylist()
        got = [row[f"{target}_prediction"] for row in rows]
        if target == "price":  # a batch is as long in both, but with intervals
            a, b = np.array(got, float), np.array([row["prediction"] for row in one], float)
            np.testing.assert_allclose(a, b, rtol=1e-6)
        else:
            assert got == [row["prediction"] for row in one]


def test_predictions_and_scores_stand_in_json(trained: Path) -> None:
    table, run = trained / "houses.csv", trained / "run"
    answers = json.loads(handgrad("predict", run, table, "--json").stdout)
    assert [*answers["predictions"][0]] == ["price_prediction", "sold?_prediction"]
    shown = json.loads(handgrad("evaluate", run, table, "--json").stdout)
    assert shown["targets"]["price"]["rows"] == shown["targets"]["sold?"]["rows"] == 240
    alone = hg.tables.evaluate_table(run / "sold" / "model.safetensors", table)
    assert shown["targets"]["sold?"]["scores"] == alone.scores
    text = handgrad("evaluate", run, table).output
    assert "price is predicted by" in text
    assert "sold? is predicted by" in text


def test_the_runs_of_several_targets_are_listed(trained: Path) -> None:
    names = {run.name for run in hg.tables.list_runs(trained).runs}
    assert {"run/price", "run/sold"} <= names


def test_contributions_are_of_each_target(trained: Path) -> None:
    to = trained / "explained.csv"
    words = ("--explain", "--out", to)
    assert handgrad("predict", trained / "run", trained / "houses.csv", *words).exit_code == 0
    first = read(to)[0]
    assert {"price_contribution_area", "sold?_contribution_town", "sold?_explained"} <= {*first}
    parts = [float(first[f"price_{name}"]) for name in ("mean", "contribution_area")]
    parts.append(float(first["price_contribution_town"]))
    assert sum(parts) == pytest.approx(float(first["price_prediction"]), rel=1e-5)


def test_a_run_that_lacks_a_target_is_resumed(trained: Path, tmp_path: Path) -> None:
    """Stopped before the second target, the run is resumed and ends with the same files."""
    table, out = trained / "houses.csv", tmp_path / "run"
    words = ("train", table, *TARGETS, "--ignore", "house", *QUICK, "--out", out)
    assert handgrad(*words).exit_code == 0
    for path in (out / "sold").iterdir():
        path.unlink()
    (out / "sold").rmdir()
    with refused(hg.errors.FileError, "the model of 'sold?' is not trained", "--resume"):
        raised("predict", out, table)
    with refused(hg.errors.FileError, "already exists", "--out"):
        raised(*words)
    result = handgrad(*words, "--resume")
    assert result.exit_code == 0
    assert "price is already finished" in result.output
    model = (out / "sold" / "model.safetensors").read_bytes()
    assert model == (trained / "run" / "sold" / "model.safetensors").read_bytes()
    with refused(hg.errors.FileError, "no runs of price, area", "same targets"):
        raised("train", table, "--target", "price", "--target", "area", "--out", out, "--resume")


def test_without_a_folder_the_last_run_of_these_targets_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", houses(tmp_path / "houses.csv"), *TARGETS, "--ignore", "house", *QUICK)
    for expected in ("runs/houses-1", "runs/houses-2"):
        assert json.loads(handgrad(*words, "--json").stdout)["run"] == expected
    result = json.loads(handgrad(*words, "--resume", "--json").stdout)
    assert result["run"] == "runs/houses-2"


def test_what_does_not_suit_several_targets_is_refused(trained: Path, tmp_path: Path) -> None:
    table, out = trained / "houses.csv", ("--out", tmp_path / "run")
    for option in (
        ("--positive", "yes"),
        ("--event", "town"),
        ("--exposure", "area"),
        ("--from", trained / "run" / "price" / "model.safetensors"),
        ("--estimator", "text"),
    ):
        with refused(hg.errors.SettingError, f"{option[0]} {option[1]} with 2 targets"):
            raised("train", table, *TARGETS, *option, *out)
    with refused(hg.errors.DataError, "no column named 'pirce'", "price"):
        raised("train", table, "--target", "area", "--target", "pirce", *out)
    with refused(hg.errors.SettingError, "--ignore price, which is the target"):
        raised("train", table, *TARGETS, "--ignore", "price", *out)
    assert not (tmp_path / "run").exists()


def test_answers_that_no_model_has_are_refused_and_write_nothing(
    trained: Path, tmp_path: Path
) -> None:
    table, out = trained / "houses.csv", tmp_path / "p.csv"
    words = ("--target", "area", "--target", "price", *QUICK, "--out", tmp_path / "run")
    assert handgrad("train", table, *words).exit_code == 0
    for option in ("--probabilities", "--sets=0.9"):
        with refused(hg.errors.SettingError, option.replace("=", " ")):
            raised("predict", tmp_path / "run", table, option, "--out", out)
    with refused(hg.errors.SettingError, "p.txt", "p.csv"):
        raised("predict", tmp_path / "run", table, "--out", tmp_path / "p.txt")
    assert not out.exists()
    run = tmp_path / "run"
    for command in (("serve", run), ("explain", run, table)):
        with refused(hg.errors.SettingError, "a folder", f"{run / 'area' / 'model.safetensors'}"):
            raised(*command)
    (run / "targets.json").write_text("[1]")
    with refused(hg.errors.FileError, "targets.json cannot be read", "train again"):
        raised("predict", run, table)


def test_one_target_twice_is_one_run(trained: Path, tmp_path: Path) -> None:
    words = ("--target", "price", "--target", "price", *QUICK, "--out", tmp_path / "run")
    assert handgrad("train", trained / "houses.csv", *words).exit_code == 0
    assert record(tmp_path / "run")["target"]["name"] == "price"


def test_names_of_folders_differ_on_every_system(tmp_path: Path) -> None:
    rows = [[i, i % 7, i % 5, i % 3] for i in range(60)]
    path = write_rows(tmp_path / "t.csv", rows, ["a", "Y", "y", "y/"])
    words = ("--target", "Y", "--target", "y", "--target", "y/", *QUICK, "--out", tmp_path / "run")
    assert handgrad("train", path, *words).exit_code == 0
    names = json.loads((tmp_path / "run" / "targets.json").read_text())["targets"]
    assert names == {"Y": "Y", "y": "y_2", "y/": "y_3"}


def test_scikit_learn_fits_several_targets_in_python() -> None:
    from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

    X = np.random.default_rng(0).normal(size=(80, 3))
    numbers, classes = np.c_[X[:, 0], X[:, 1] ** 2], (X[:, :2] > 0).astype(int)
    with warnings.catch_warnings(action="ignore"):
        a = MultiOutputRegressor(hg.TabularRegressor(epochs=2)).fit(X, numbers)
        b = MultiOutputClassifier(hg.TabularClassifier(epochs=2)).fit(X, classes)
    assert a.predict(X).shape == b.predict(X).shape == (80, 2)
