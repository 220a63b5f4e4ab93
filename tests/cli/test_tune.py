"""`handgrad tune`: a search by successive halving, then a run with the best settings."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.tables.reporting.tuning import table_of_trials
from handgrad.tables.runs import TuningSettings, train, tune_with, tuning
from handgrad.training import EpochReport, History
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, messy_csv, raised, record

QUICK = ("--trials", 4, "--epochs", 4, "--no-report", "--out")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a report; nothing of it is changed."""
    folder = tmp_path_factory.mktemp("tuned")
    path = messy_csv(folder / "messy.csv", 120)
    words = ("tune", path, "--target", "left", "--trials", 4, "--epochs", 12, "--out")
    result = handgrad(*words, folder / "run")
    assert result.exit_code == 0, result.output
    (folder / "output.txt").write_text(result.output, "utf-8")
    return folder / "run"


def search_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = record(folder)["tuning"]
    return found


def default_of(search: dict[str, Any]) -> dict[str, Any]:
    (found,) = (trial for trial in search["trials"] if trial["trial"] == "default")
    return dict(found)


def test_the_default_settings_are_trained_to_their_end_and_never_better(tuned: Path) -> None:
    search = search_of(tuned)
    trials, default = search["trials"], default_of(search)
    assert len(trials) == 4
    assert default["epochs"] == 12
    assert {default[name] for name in ("layers", "learning_rate", "batch_size")} == {None}
    scores = [trial["score"] for trial in trials]
    assert scores == sorted(scores)
    assert search["metric"] == "log_loss"
    assert search["rounds"] == [{"epochs": 4, "trials": 4, "kept": 1}]
    assert search["validation_rows"] == search["training_rows"] == record(tuned)["rows"]["training"]


def test_the_run_is_one_with_the_best_settings(tuned: Path, tmp_path: Path) -> None:
    search, settings = search_of(tuned), record(tuned)["settings"]
    (best,) = (trial for trial in search["trials"] if trial["trial"] == search["winner"])
    assert search["winner"] in ("default", search["trials"][0]["trial"])
    assert settings["epochs"] == best["best_epoch"]
    for name in ("layers", "learning_rate", "batch_size"):
        assert settings[name] == best[name]
    words = search["command"]
    assert words[:2] == ["handgrad", "train"]
    again = handgrad(*words[1:], "--out", tmp_path / "again", "--no-report")
    assert again.exit_code == 0, again.output
    model = "model.safetensors"
    assert (tmp_path / "again" / model).read_bytes() == (tuned / model).read_bytes()
    assert record(tmp_path / "again")["scores"] == record(tuned)["scores"]


def test_what_is_shown_and_written(tuned: Path) -> None:
    output, search = (tuned.parent / "output.txt").read_text("utf-8"), search_of(tuned)
    assert "4 settings were tried by successive halving" in output
    assert shlex.join(search["command"])[:40] in output
    with (tuned / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert [row["trial"] for row in rows] == [trial["trial"] for trial in search["trials"]]
    page = (tuned / "report.html").read_text("utf-8")
    assert "The held-out rows had no part in it" in page
    again = hg.tables.runs.report_run(tuned)
    assert "Search for the settings" in again.read_text("utf-8")


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    def result(seed: int, name: str) -> Any:
        words = ("tune", "iris", "--seed", seed, "--json", *QUICK, tmp_path / name)
        found = json.loads(handgrad(*words).stdout)
        del found["tuning"]["seconds"]
        return found["tuning"], (tmp_path / name / "model.safetensors").read_bytes()

    once, again, other = result(3, "a"), result(3, "b"), result(4, "c")
    assert once == again
    assert once[0]["trials"] != other[0]["trials"]


def test_what_is_given_is_not_searched(tmp_path: Path) -> None:
    words = ("--layers", "9,tanh", "--batch-size", 16, *QUICK)
    assert handgrad("tune", "iris", *words, tmp_path / "run").exit_code == 0
    search, settings = search_of(tmp_path / "run"), record(tmp_path / "run")["settings"]
    assert (settings["layers"], settings["batch_size"]) == ("9,tanh", 16)
    rates = [t["learning_rate"] for t in search["trials"] if t["trial"] != "default"]
    assert len({*rates}) == 3
    assert all(trial["layers"] is None for trial in search["trials"])


def test_errors_are_in_the_unit_of_the_target(tmp_path: Path) -> None:
    words = ("--metric", "mean_absolute_error", *QUICK[:2], "--epochs", 40, "--no-report", "--out")
    assert handgrad("tune", "diabetes", *words, tmp_path / "run").exit_code == 0
    held_out = record(tmp_path / "run")["scores"]["held_out"]["mean_absolute_error"]
    score = search_of(tmp_path / "run")["trials"][0]["score"]
    assert held_out / 2 < score < held_out * 2


@pytest.mark.parametrize(("option", "folds"), [("--group", 5), ("--time", 5)])
def test_validation_rows_are_of_other_groups_or_later(
    option: str, folds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    trainings = tuning._trainings

    def noting(runs: Any, sides: Any, metric: str) -> Any:
        seen.extend(sides)
        return trainings(runs, sides, metric)

    monkeypatch.setattr(tuning, "_trainings", noting)
    path = messy_csv(tmp_path / "messy.csv", 200)
    column = "customer" if option == "--group" else "row"
    words = ("tune", path, "--target", "left", option, column, *QUICK, tmp_path / "run")
    assert handgrad(*words).exit_code == 0
    assert len(seen) == folds
    held_out = {*map(tuple, _held_out(tmp_path / "run"))}
    for rows, validation in seen:
        known, new = ({*side.row_roles.labels.tolist()} for side in (rows, validation))
        assert not known & new
        if option == "--time":
            assert max(map(float, known)) < min(map(float, new))
        for side in (rows, validation):
            assert not held_out & {(int(row),) for _, row in side.located()}


def _held_out(folder: Path) -> list[tuple[int]]:
    with (folder / "held_out.csv").open(newline="", encoding="utf-8") as file:
        return [(int(row["row"]),) for row in csv.DictReader(file)]


def test_a_large_table_has_one_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "ENOUGH", 20)
    assert handgrad("tune", "iris", *QUICK, tmp_path / "run").exit_code == 0
    search = search_of(tmp_path / "run")
    assert (search["folds"], search["validation_rows"]) == (1, 24)


def test_a_time_limit_ends_the_search(tmp_path: Path) -> None:
    words = ("--time-limit", 0.001, "--trials", 5, "--no-report", "--out", tmp_path / "run")
    assert handgrad("tune", "iris", *words).exit_code == 0
    assert {trial["epochs"] for trial in search_of(tmp_path / "run")["trials"]} == {1}


def test_a_search_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("handgrad.tables.estimators.fit_loop.Epochs._noted", interrupted)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="nothing is saved"):
        tune_with(TuningSettings("iris", trials=3, out=tmp_path / "run"))
    assert [*tmp_path.iterdir()] == []


def test_a_run_that_is_interrupted_after_the_search_does_not_search_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    path = messy_csv(tmp_path / "messy.csv", 120)
    words = ("tune", path, "--target", "left", *QUICK)
    assert handgrad(*words, tmp_path / "whole").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(train, "fitted", interrupted)
        stopped = handgrad(*words, tmp_path / "run")
    assert stopped.exit_code == 130 or isinstance(stopped.exception, KeyboardInterrupt)
    assert "handgrad tune" in stopped.output + stopped.stderr
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "_trainings", interrupted)
        assert handgrad(*words, tmp_path / "run", "--resume").exit_code == 0
    names = ("model.safetensors", "trials.csv")
    for name in names:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--trials", 1), ("--trials 1", "an integer from 2")),
        (("--estimator", "tabular"), ("--estimator tabular", "--estimator mlp", "handgrad train")),
        (("--layers", "9", "--batch-size", 9, "--learning-rate", 0.1), ("one of them to search",)),
        (("--metric", "neg_log_loss"), ("--metric neg_log_loss first", "log_loss")),
    ],
)
def test_settings_that_do_not_fit(
    words: tuple[Any, ...], expected: tuple[str, ...], tmp_path: Path
) -> None:
    with refused(hg.errors.SettingError, *expected):
        raised("tune", messy_csv(tmp_path / "a.csv", 40), "--target", "left", *words)


def test_pictures_and_texts_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(
        "There was a line of prose, and more. Then came another one!\nAnd a third\n" * 40, "utf-8"
    )
    with refused(hg.errors.DataError, "text.txt: a text", "a table", "handgrad train"):
        raised("tune", text)
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        (tmp_path / "pictures" / name / "1.png").write_bytes(b"")
    with refused(hg.errors.DataError, "pictures: pictures", "a table", "handgrad train"):
        raised("tune", tmp_path / "pictures")


@pytest.mark.parametrize(
    ("best", "folds", "winner"),
    [
        (0.9, (1, 1, 1, 1, 1), "a"),
        (0.9, (0.5, 0.4, 0.9, 2.9, 0.3), "default"),
        (2.0, (2, 2, 2, 2, 2), "default"),
        (0.9, (1,), "a"),
    ],
)
def test_the_default_stays_unless_another_is_better_by_a_standard_error(
    best: float, folds: tuple[float, ...], winner: str
) -> None:
    def history(scores: tuple[float, ...]) -> History:
        reports = [iter([EpochReport(1, 0.0, validation_metrics={"log_loss": s})]) for s in scores]
        return History([*tuning._means(reports, "log_loss")])

    histories = {"default": history(folds), "a": history((best,) * len(folds))}
    assert tuning._winner("a", histories, "log_loss") == winner


def test_a_trial_that_diverged_has_no_score() -> None:
    trial: Any = dict.fromkeys(("layers", "learning_rate", "batch_size", "best_epoch", "score"))
    search: Any = {"metric": "log_loss", "trials": [{"trial": "default", **trial}]}
    assert table_of_trials(search)[1] == [["default", "–", "–", "–", "–", "–"]]
