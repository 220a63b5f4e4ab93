"""The runs of a folder, side by side."""

import json
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.tables.runs import RunList
from tests.bad_input.refused import refused
from tests.cli.run import handgrad


def recorded(folder: Path, **changes: Any) -> Path:
    """A run.json as `train` writes it, without the training; `changes` are of its parts."""
    record: dict[str, Any] = {
        "format_version": 3,
        "data": {"name": "a", "files": [{"sha256": "1"}], "test_files": []},
        "settings": {"epochs": 3, "seed": 0, "data": "a.csv", "report": True},
        "target": {"name": "y"},
        "split": {"by": "random", "words": "2 of 10 rows at random"},
        "rows": {"training": 8, "held_out": 2},
        "scores": {"held_out": {"accuracy": 0.5, "log_loss": 0.7}},
        "intervals": {"of": "rows", "scores": {"accuracy": [0.4, 0.6]}},
        "seconds": 1.5,
        "seed": 0,
    }
    for name, change in changes.items():
        old = record.get(name)
        record[name] = old | change if isinstance(old, dict) else change
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder


def scored(metric: str, value: float | None) -> dict[str, Any]:
    return {"scores": {"held_out": {metric: value}}}


def names(listed: RunList) -> list[str]:
    return [run.name for run in listed.runs]


def test_the_best_score_comes_first_and_an_undefined_one_last(tmp_path: Path) -> None:
    for name, value in {"a-1": 0.5, "a-2": 0.9, "a-3": None, "a-4": 0.7}.items():
        recorded(tmp_path / name, **scored("accuracy", value))
    assert names(hg.tables.list_runs(tmp_path)) == ["a-2", "a-4", "a-1", "a-3"]


@pytest.mark.parametrize("metric", ["log_loss", "mean_absolute_error", "loss", "perplexity"])
def test_of_losses_the_smallest_comes_first(metric: str, tmp_path: Path) -> None:
    for name, value in {"a-1": 0.5, "a-2": 0.9, "a-3": 0.1}.items():
        recorded(tmp_path / name, **scored(metric, value))
    assert names(hg.tables.list_runs(tmp_path)) == ["a-3", "a-1", "a-2"]


def test_other_targets_and_metrics_are_lists_of_their_own(tmp_path: Path) -> None:
    recorded(tmp_path / "a-1", **scored("accuracy", 0.1))
    recorded(tmp_path / "a-2", target={"name": "z"}, **scored("accuracy", 0.9))
    recorded(tmp_path / "a-3", **scored("f1", 0.5))
    recorded(tmp_path / "a-4", **scored("accuracy", 0.3))
    groups = hg.tables.list_runs(tmp_path).groups()
    assert [[run.name for run in group] for group in groups] == [["a-4", "a-1"], ["a-3"], ["a-2"]]


def test_only_settings_that_differ_are_listed(tmp_path: Path) -> None:
    recorded(tmp_path / "a-1", settings={"epochs": 9, "report": False})
    recorded(tmp_path / "a-2", settings={"metric": ["accuracy"]})
    recorded(tmp_path / "b-1", data={"name": "b"}, settings={"epochs": 50})
    settings = {run.name: run.settings for run in hg.tables.list_runs(tmp_path).runs}
    assert settings == {
        "a-1": {"epochs": 9},
        "a-2": {"epochs": 3, "metric": ["accuracy"]},
        "b-1": {},
    }


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"settings": {"epochs": 9}}, True),
        ({"seed": 1}, False),
        ({"data": {"files": [{"sha256": "2"}]}}, False),
        ({"split": {"by": "group", "words": "all 2 rows of 1 of 3 values"}}, False),
    ],
)
def test_scores_of_different_rows_are_noted(
    changes: dict[str, Any], same: bool, tmp_path: Path
) -> None:
    recorded(tmp_path / "a-1")
    recorded(tmp_path / "a-2", **changes)
    notes = hg.tables.list_runs(tmp_path).notes
    assert notes == (() if same else ("a: not all scores are of the same held-out rows",))


def test_another_seed_holds_out_the_same_end(tmp_path: Path) -> None:
    for name, seed in {"a-1": 0, "a-2": 1}.items():
        recorded(tmp_path / name, seed=seed, split={"by": "time", "words": "the 2 rows from 5 on"})
    assert not hg.tables.list_runs(tmp_path).notes


def test_what_is_no_run_is_noted_and_the_others_are_listed(tmp_path: Path) -> None:
    recorded(tmp_path / "a-1")
    recorded(tmp_path / "old", format_version=2)
    recorded(tmp_path / "foreign", scores={"held_out": {}})
    recorded(tmp_path / "text", rows={"training": "many"})
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text('{"format_version": 3, "da')
    (tmp_path / ".a-2.unfinished").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    listed = hg.tables.list_runs(tmp_path)
    assert names(listed) == ["a-1"]
    told = "\n".join(listed.notes)
    assert "a-2 is unfinished" in told
    reasons = {
        "old": "format version 2",
        "foreign": "not the record of a run",
        "text": "not the record of a run",
        "half": "Unterminated string",
    }
    for name, why in reasons.items():
        assert any(name in note and why in note for note in listed.notes), (name, told)
    assert "other" not in told
    assert "notes.txt" not in told


def test_the_folder_of_a_run_is_listed_alone(tmp_path: Path) -> None:
    assert names(hg.tables.list_runs(recorded(tmp_path / "a-1"))) == ["a-1"]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with refused(hg.errors.FileError, "no finished run in it", "written by handgrad train"):
        hg.tables.list_runs(tmp_path)
    (tmp_path / ".a-1.unfinished").mkdir()
    with refused(hg.errors.FileError, "a-1 is unfinished"):
        hg.tables.list_runs(tmp_path)
    with refused(hg.errors.FileError, "no such folder"):
        hg.tables.list_runs(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with refused(hg.errors.FileError, "file: "):
        hg.tables.list_runs(tmp_path / "file")


def test_the_command_shows_a_table_of_each_list(tmp_path: Path) -> None:
    recorded(tmp_path / "a-1")
    recorded(tmp_path / "a-2", settings={"epochs": 9}, **scored("accuracy", 0.875))
    recorded(tmp_path / "b-1", data={"name": "b"}, intervals={"of": "rows", "scores": {}})
    result = handgrad("runs", tmp_path)
    text = " ".join(result.stdout.replace("│", " ").split())
    assert text.index("a-2") < text.index("a-1") < text.index("b: predicting y")
    assert "0.875 (0.4 to" in text
    assert "epochs=9" in text
    found = json.loads(handgrad("runs", tmp_path, "--json").stdout)
    assert [run["name"] for run in found["runs"]] == ["a-2", "a-1", "b-1"]
    assert found["runs"][0]["between"] == [0.4, 0.6]
    assert found["runs"][2]["between"] is None
    assert found["runs"][0]["rows"] == {"training": 8, "held_out": 2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_real_runs_are_listed_with_what_they_recorded(tmp_path: Path) -> None:
    one = hg.tables.train_table("iris", epochs=1, report=False, out=tmp_path / "one")
    mlp = hg.tables.train_table(
        "iris", estimator="mlp", epochs=1, report=False, out=tmp_path / "mlp"
    )
    listed = hg.tables.list_runs(tmp_path)
    assert not listed.notes
    for run in (one, mlp):
        (row,) = [each for each in listed.runs if each.name == run.folder.name]
        assert row.score == run.scores["held_out"]["accuracy"]
        assert row.between == run.record["intervals"]["scores"]["accuracy"]
        assert (row.split, row.seconds) == ("random", run.record["seconds"])
        assert row.settings == {"estimator": run.settings.estimator}
