"""`handgrad train --resume`: a run that was stopped ends with the files of one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.tables.runs import train
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, messy_csv, record


def contents(folder: Path) -> dict[str, Any]:
    """What is in the files of a run, but for how long it took."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.name == "run.json":
            found[path.name] = {k: v for k, v in record(folder).items() if k != "seconds"}
            found[path.name]["command"] = [w for w in record(folder)["command"] if "/" not in w]
        elif path.name == "history.json":
            columns = json.loads(path.read_text("utf-8"))["columns"]
            found[path.name] = {k: v for k, v in columns.items() if k != "seconds"}
        elif path.name != "history.csv":
            found[path.name] = path.read_bytes()
    return found


def begun(folder: Path) -> list[str]:
    """The whole files that an unfinished run has left."""
    place = folder.parent / f".{folder.name}.unfinished"
    return sorted(path.name for path in place.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "after"),
    [
        ("tabular", "fold-1.json"),
        ("tabular", "model.safetensors"),
        ("mlp", "fold-2.json"),
        ("mlp", "model.safetensors"),
    ],
)
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(
    estimator: str, after: str, tmp_path: Path
) -> None:
    path = messy_csv(tmp_path / "messy.csv", 120)
    words = ["train", path, "--target", "left", "--folds", 2, "--estimator", estimator]
    words += ["--epochs", 3, "--no-report", "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert handgrad(*words, whole).exit_code == 0

    command = [sys.executable, "-m", "handgrad", *map(str, words), str(killed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while after not in begun(killed) and child.poll() is None:
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
    if child.returncode == 0:
        pytest.skip("it was done before it could be killed")
    assert not killed.exists()
    assert after in begun(killed)

    half = tmp_path / ".killed.unfinished" / "run" / ".model.safetensors.half"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"as a kill leaves it in the middle of writing")

    result = handgrad(*words, killed, "--resume")
    assert result.exit_code == 0, result.output
    assert contents(killed) == contents(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "messy.csv", "whole"]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = train.TableJob.fit

    def stopped_at(number: int) -> Any:
        def counted(job: train.TableJob, rows: Any, *name: str) -> Any:
            if len(fits) == number:
                raise KeyboardInterrupt
            fits.append(rows.n_rows)
            return fit(job, rows, *name)

        return counted

    words = ("train", "iris", *QUICK, "--folds", 3, "--out", tmp_path / "run")
    monkeypatch.setattr(train.TableJob, "fit", stopped_at(0))
    assert handgrad(*words).exit_code != 0
    assert [*tmp_path.iterdir()] == []  # nothing was done, and nothing is left

    monkeypatch.setattr(train.TableJob, "fit", stopped_at(2))
    stopped = handgrad(*words)
    assert "note: 2 finished parts saved; to resume: handgrad train iris" in stopped.stderr
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(train.TableJob, "fit", stopped_at(9))
    result = handgrad(*words, "--resume")
    assert result.exit_code == 0, result.output
    assert fits == [80, 80, 80, 120]

    finished = handgrad(*words, "--resume")
    assert "run is already finished" in finished.stderr
    assert finished.stdout == result.stdout[result.stdout.index("  sepal") :]
    assert fits == [80, 80, 80, 120]


@pytest.mark.slow
def test_without_out_the_last_run_that_is_not_finished_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "runs" / ".iris-1.unfinished"
    words = ("train", "iris", *QUICK, "--folds", 2)

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.TableJob, "_trained", stopped)
        handgrad(*words)
    assert place.is_dir()
    assert "written to runs/iris-2" in handgrad(*words).stdout  # not over what was begun
    assert "written to runs/iris-3" in handgrad(*words, "--seed", 4, "--resume").stdout
    assert "written to runs/iris-1" in handgrad(*words, "--resume").stdout
    assert not place.exists()
    assert "written to runs/iris-4" in handgrad(*words, "--resume").stdout


def test_another_run_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = messy_csv(tmp_path / "messy.csv", 60), tmp_path / "run"
    words = ("train", path, "--target", "left", *QUICK, "--folds", 2, "--out", out)

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train.TableJob, "_trained", stopped)
        handgrad(*words)
    before = begun(out)
    for more, expected in (
        ((), ("has an unfinished run", "--resume, to resume")),
        (("--resume", "--seed", 1), ("whose seed was 0 and is now 1", "as before")),
    ):
        result = handgrad(*words, *more)
        assert isinstance(result.exception, hg.HandgradError)
        with refused(type(result.exception), *expected):
            raise result.exception
    with path.open("a", encoding="utf-8") as file:
        file.write(path.read_text("utf-8").splitlines()[-1] + "\n")
    result = handgrad(*words, "--resume")
    assert isinstance(result.exception, hg.errors.SettingError)
    assert "whose files was" in str(result.exception)
    assert begun(out) == before


@pytest.mark.slow
def test_a_process_that_is_interrupted_ends_with_130_and_leaves_no_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "handgrad", "train", "digits", "--folds", "9", "--no-report"]
    with subprocess.Popen(
        [*command, "--out", "run"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as child:  # fmt: skip
        while "fold-1.json" not in begun(tmp_path / "run") and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, told = child.communicate()
    assert child.returncode == 130, told
    assert "saved; to resume: handgrad train digits --folds 9" in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()
