"""`handgrad train` with --group, --time, --test and --weight."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

import handgrad as hg
from handgrad.tables.runs import RunSettings
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.splitting import split_of
from tests.cli.run import QUICK, handgrad, messy_csv, raised, record

RNG = np.random.default_rng
G, EACH = 60, 6


def written(path: Path, columns: dict[str, Any]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def visits(seed: int = 0, **more: Any) -> dict[str, Any]:
    """Customers of six rows each, in any order, with the class a coin for each customer."""
    rng = RNG(seed)
    who = rng.permutation(np.repeat(np.arange(G), EACH))
    x = rng.normal(size=(G, 2))[who] + rng.normal(0, 0.02, (len(who), 2))
    day = np.sort(rng.integers(0, 100, len(who)))
    return {
        "customer": [f"C{i:03}" for i in who],
        "a": x[:, 0].round(4),
        "b": x[:, 1].round(4),
        "day": [str(np.datetime64("2024-01-01") + d) for d in day],
        "left": np.array(["no", "yes"])[rng.integers(0, 2, G)[who]],
        **more,
    }


def rows_held_out(folder: Path) -> Any:
    lines = (folder / "held_out.csv").read_text("utf-8").splitlines()
    rows = [*csv.DictReader(lines)]
    return np.array([int(row["row"]) - 1 for row in rows])


def trained(path: Path, folder: Path, *words: Any) -> tuple[dict[str, Any], str]:
    result = handgrad("train", path, "--target", "left", *QUICK, "--out", folder, *words)
    assert result.exit_code == 0, result.output
    return record(folder), result.output


def test_whole_groups_are_held_out_and_the_column_is_no_feature(tmp_path: Path) -> None:
    columns = visits()
    path = written(tmp_path / "a.csv", columns)
    run, output = trained(path, tmp_path / "run", "--group", "customer")
    held = rows_held_out(tmp_path / "run")
    who = np.array(columns["customer"])
    assert not np.intersect1d(who[held], np.delete(who, held)).size
    assert run["rows"] == {"training": 288, "held_out": 72}
    assert run["split"] == {
        "by": "group",
        "column": "customer",
        "words": "all 72 rows of 12 of the 60 values of 'customer'; the scores are valid for new "
        "values",
    }
    assert "customer" not in run["columns"]
    said = " ".join(output.split())
    assert f"held out: {run['split']['words']}" in said
    note = "the column 'customer' has the groups and is not a feature: values of new groups"
    assert any(each.startswith(note) for each in run["notes"])
    assert note in said
    assert not [f for f in run["findings"] if f["problem"] == "repeated groups"]
    assert run["command"][5:9] == ["--epochs", "3", "--group", "customer"]


@pytest.mark.filterwarnings("ignore::handgrad.textbook.errors.UnseenWarning")
def test_members_and_folds_follow_the_groups(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    run, _ = trained(path, tmp_path / "run", "--group", "customer", "--folds", 3, "--seed", 4)
    settings = RunSettings(str(path), "left", group="customer", seed=4, epochs=3)
    learned = split_of(settings, load_table(settings)).learned
    X, y = learned.to_evaluate()
    units = learned.row_roles.units
    assert units is not None
    model = hg.TabularClassifier(epochs=3, random_state=4)
    alone = hg.load(tmp_path / "run" / "model.safetensors")
    np.testing.assert_array_equal(
        model.fit(X, y, groups=units.codes).predict_proba(X), alone.predict_proba(X)
    )
    folds = learned.folds(3, 4)
    for number, (training, test) in enumerate(folds):
        a, b = training.row_roles.labels, test.row_roles.labels
        assert a is not None
        assert b is not None
        assert not {*a.tolist()} & {*b.tolist()}
        X, y = training.to_evaluate()
        model.fit(X, y, groups=training.row_roles.units.codes)  # type: ignore[union-attr]
        X, y = test.to_evaluate()
        expected = log_loss(y, model.predict_proba(X))
        assert run["scores"]["folds"][number]["log_loss"] == pytest.approx(expected)


def test_the_end_is_held_out_with_equal_dates_on_one_side(tmp_path: Path) -> None:
    columns = visits()
    order = RNG(1).permutation(G * EACH)
    columns = {name: np.asarray(cells)[order] for name, cells in columns.items()}
    path = written(tmp_path / "a.csv", columns)
    run, output = trained(path, tmp_path / "run", "--time", "day", "--ignore", "customer")
    held = rows_held_out(tmp_path / "run")
    day = columns["day"].astype("M8[D]")
    assert day[held].min() > np.delete(day, held).max()
    assert abs(len(held) - 72) < 10
    first, last = day[held].min(), np.delete(day, held).max()
    assert run["split"]["words"] == (
        f"the {len(held)} rows from day {first} on, after the training rows, which end with "
        f"{last}; the scores are valid for later rows"
    )
    assert "day" in run["columns"]
    assert f"held out: the {len(held)} rows from day" in output
    assert not [f for f in run["findings"] if f["problem"].startswith("dates within")]


def test_folds_go_forward_in_time(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    trained(path, tmp_path / "run", "--time", "day", "--folds", 3)
    settings = RunSettings(str(path), "left", time="day", folds=3)
    learned = split_of(settings, load_table(settings)).learned
    for training, test in learned.folds(3, 0):
        a, b = (side.row_roles.labels for side in (training, test))
        assert a is not None
        assert b is not None
        assert max(a) < min(b)


@pytest.mark.slow
def test_another_file_is_evaluated_on_and_recorded(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    other = visits(1)
    columns = [*other][::-1]
    test = written(tmp_path / "b.csv", {name: other[name][:50] for name in columns})
    run, output = trained(path, tmp_path / "run", "--test", test)
    assert run["rows"] == {"training": 360, "held_out": 50}
    assert run["split"]["by"] == "file"
    assert f"held out: all 50 rows of {test}" in " ".join(output.split()).replace("- ", "-")
    assert run["data"]["test_files"][0]["bytes"] == test.stat().st_size
    evaluation = hg.tables.runs.evaluate_table(tmp_path / "run" / "model.safetensors", test)
    assert run["scores"]["held_out"] == pytest.approx(evaluation.scores)
    assert rows_held_out(tmp_path / "run").tolist() == [*range(50)]
    alone, _ = trained(path, tmp_path / "alone")
    assert alone["scores"]["held_out"] != run["scores"]["held_out"]


@pytest.mark.slow
def test_the_report_of_such_a_run_is_written_again_and_a_changed_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.csv", visits())
    written(tmp_path / "b.csv", visits(1))
    for words in (("--test", "b.csv"), ("--group", "customer"), ("--time", "day")):
        folder = tmp_path / words[0].strip("-")
        how = ("train", "a.csv", "--target", "left", "--epochs", 3, "--out", folder, *words)
        assert handgrad(*how).exit_code == 0
        page = (folder / "report.html").read_text("utf-8")
        result = handgrad("report", folder)
        assert result.exit_code == 0, result.output
        assert (folder / "report.html").read_text("utf-8") == page
        assert record(folder)["split"]["words"].split(";")[0].split(" rows")[0] in page
        assert handgrad(*how, "--resume").exit_code == 0
    written(tmp_path / "b.csv", visits(2))
    result = handgrad("report", tmp_path / "test")
    assert result.exit_code == 1
    assert "b.csv has changed since the run" in str(result.exception)


def test_weights_are_used_in_the_fit_and_in_the_scores(tmp_path: Path) -> None:
    weights = RNG(3).integers(0, 4, G * EACH)
    path = written(tmp_path / "a.csv", visits(times=weights))
    run, _ = trained(path, tmp_path / "run", "--weight", "times")
    assert "times" not in run["columns"]
    held = rows_held_out(tmp_path / "run")
    learned = np.delete(np.arange(G * EACH), held)
    table = load_table(RunSettings(str(path), "left", weight="times"))
    X, y = table.to_evaluate()
    model = hg.TabularClassifier(epochs=3, random_state=0)
    model.fit(X.take(learned), y[learned], sample_weight=weights[learned])
    p = model.predict_proba(X.take(held))
    scores = run["scores"]
    w = weights[held]
    assert scores["held_out"]["log_loss"] == pytest.approx(log_loss(y[held], p, sample_weight=w))
    right = accuracy_score(y[held], model.predict(X.take(held)), sample_weight=w)
    assert scores["held_out"]["accuracy"] == pytest.approx(right)
    rates = np.average(y[learned] == "yes", weights=weights[learned])
    guess = np.tile([1 - rates, rates], (len(held), 1))
    assert scores["guessing"]["log_loss"] == pytest.approx(
        log_loss(y[held], guess, sample_weight=w)
    )


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["mlp", "tabular"])
def test_every_estimator_takes_them(tmp_path: Path, estimator: str) -> None:
    path = written(tmp_path / "a.csv", visits(times=RNG(3).integers(1, 4, G * EACH)))
    for words in (("--group", "customer"), ("--time", "day"), ("--weight", "times")):
        more = ("--patience", 2) if estimator == "mlp" else ()
        trained(path, tmp_path / words[1], *words, "--estimator", estimator, *more)


@pytest.mark.filterwarnings("ignore:the column 'customer'", "ignore:column “day”")
def test_python_has_the_same_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    run = hg.tables.train_table(str(path), "left", group="customer", epochs=2, report=False,
                                out=tmp_path / "run")  # fmt: skip
    assert run.record["split"]["by"] == "group"


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "groups and time": (("--group", "customer", "--time", "day"), "--group customer with --time"),
    "a file and a fraction": (
        ("--test", "b.csv", "--test-size", "0.3"), "--test-size 0.3 with --test b.csv",
    ),
    "the same file": (("--test", "a.csv"), "a.csv, which is the data of the training"),
    "the target": (("--group", "left"), "--group left"),
    "one column twice": (("--group", "day", "--weight", "day"), "and --weight day"),
    "ignored groups": (
        ("--ignore", "a", "--ignore", "day", "--group", "day"), "--ignore day with --group day",
    ),
    "ignored weights": (("--ignore", "zero", "--weight", "zero"), "without --ignore zero"),
    "no such column": (("--group", "customr"), "did you mean 'customer'"),
    "one group": (("--group", "same"), "all rows have the same group in the column 'same'"),
    "one time": (("--time", "same"), "--time same, which is 1 in every row"),
    "text for dates": (("--time", "customer"), "--time customer: the cell is 'C"),
    "an empty time": (("--time", "gaps"), "--time gaps: the cell is empty in row 4"),
    "text for weights": (("--weight", "customer"), "--weight customer: the cell is 'C"),
    "negative weights": (("--weight", "a"), "--weight a: the cell is -"),
    "an empty weight": (("--weight", "gaps"), "--weight gaps: the cell is empty in row 4"),
    "weights of 0": (("--weight", "zero"), "--weight zero, which is 0 in every row"),
    "more folds than groups": (("--group", "three", "--folds", "5"), "--folds 5 with --group"),
    "a class of the end": (("--time", "number", "--target", "late"), "all rows of the class 'new'"),
    "a class of one group": (("--group", "half", "--target", "half2"), "each with all rows of a"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    n = G * EACH
    more: Any = {
        "same": [1] * n,
        "zero": [0] * n,
        "gaps": ["" if i == 3 else i for i in range(n)],
        "three": [i % 3 for i in range(n)],
        "number": [*range(n)],
        "late": ["new" if i > 300 else ["old", "older"][i % 2] for i in range(n)],
        "half": [i % 2 for i in range(n)],
        "half2": [["even", "odd"][i % 2] for i in range(n)],
    }
    written(tmp_path / "a.csv", visits(**more))
    written(tmp_path / "b.csv", visits(1, **more))
    words, message = REFUSED[case]
    target = () if "--target" in words else ("--target", "left")
    with pytest.raises(hg.errors.HandgradError) as error:
        raised("train", "a.csv", *target, *QUICK, *words)
    assert message in str(error.value)
    assert not (tmp_path / "runs").exists()


UNLIKE: dict[str, tuple[dict[str, Any], str]] = {
    "a column less": ({"a": None}, "no column named 'a'"),
    "no target": ({"left": None}, "no column named 'left'"),
    "another class": ({"left": ["maybe"] * 360}, "the target 'left' is 'maybe' in row 1"),
    "text for numbers": ({"a": ["much"] * 360}, "b.csv: column 'a' holds string"),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_a_file_that_is_unlike_the_training_is_refused(case: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    changed, message = UNLIKE[case]
    columns = {name: cells for name, cells in (visits(1) | changed).items() if cells is not None}
    test = written(tmp_path / "b.csv", columns)
    with pytest.raises(hg.errors.DataError, match=message):
        raised("train", path, "--target", "left", *QUICK, "--test", test)


@pytest.mark.parametrize("name", ["group", "time", "test", "weight"])
def test_tables_in_chunks_pictures_and_texts_have_none_of_them(name: str, tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "a.csv", 20_000)
    column = {"test": "b.csv", "group": "customer", "time": "since", "weight": "row"}[name]
    message = f"--{name} {column}, for a table that does not fit"
    with pytest.raises(hg.errors.SettingError, match=message):
        raised("train", path, "--target", "left", *QUICK, "--memory", "1 MB", f"--{name}", column)
    text = tmp_path / "a.txt"
    text.write_text("some words and more of them " * 200)
    with pytest.raises(hg.errors.SettingError, match=f"--{name} {column}, for a text"):
        raised("train", text, "--estimator", "text", f"--{name}", column)


def test_json_has_the_split(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", visits())
    words = ("train", path, "--target", "left", *QUICK, "--out", tmp_path / "run", "--json")
    result = handgrad(*words, "--time", "day")
    assert json.loads(result.stdout)["split"]["by"] == "time"
