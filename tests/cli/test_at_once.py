"""Runs at the same time in one folder: each makes a folder of its own, or is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.tables.runs.partial_run import PartialRun
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, WRITTEN, handgrad, messy_csv, process, record

LONG = ("train", "digits", "--folds", 9, "--no-report", "--estimator", "mlp", "--epochs", 20)
SHORT = ("train", "iris", "--no-report", "--epochs")


def started(words: Sequence[Any], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "handgrad", *map(str, words)], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def running(words: Sequence[Any], folder: Path, place: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has done a first part, and is alive until it is killed."""
    with started(words, folder) as child:
        while not (folder / place / "fold-1.json").exists() and child.poll() is None:
            time.sleep(0.001)
        child.send_signal(signal.SIGSTOP)  # so that it is not done before the others are
        assert child.poll() is None
        yield child
        child.kill()


@pytest.mark.slow
def test_runs_begun_at_once_have_a_folder_each_and_mix_nothing(tmp_path: Path) -> None:
    messy_csv(tmp_path / "t.csv")
    words = ("train", "t.csv", "--target", "left", "--no-report", "--epochs")
    children = [started((*words, 2 + i, "--seed", i), tmp_path) for i in range(3)]
    for child in children:
        told = child.communicate()
        assert child.returncode == 0, told
    folders = sorted((tmp_path / "runs").iterdir())
    assert [folder.name for folder in folders] == ["t-1", "t-2", "t-3"]
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == WRITTEN
        seed, model = record(folder)["seed"], hg.load(folder / "model.safetensors")
        assert (model.random_state, model.epochs) == (seed, 2 + seed)
        history = hg.training.History.from_json(folder / "history.json")
        assert len(history) == record(folder)["epochs"] == 2 + seed
    assert {record(folder)["seed"] for folder in folders} == {0, 1, 2}


@pytest.mark.slow
def test_of_runs_begun_at_once_with_one_out_one_is_whole_and_the_others_are_refused(
    tmp_path: Path,
) -> None:
    children = [started((*SHORT, 2 + i, "--out", "run"), tmp_path) for i in range(2)]
    told = [child.communicate() for child in children]
    codes = [child.returncode for child in children]
    assert sorted(codes) == [0, 1], told
    for code, (_, words) in zip(codes, told, strict=True):
        if code:
            assert words.startswith("error: run is "), words
            assert "another --out" in words
            assert "Traceback" not in words
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    first = codes.index(0)
    assert record(tmp_path / "run")["settings"]["epochs"] == 2 + first
    assert hg.load(tmp_path / "run" / "model.safetensors").epochs == 2 + first


@pytest.mark.slow
@pytest.mark.parametrize("resume", [(), ("--resume",)], ids=["anew", "to go on"])
def test_a_run_that_is_alive_is_not_taken_over(resume: tuple[str, ...], tmp_path: Path) -> None:
    with running(LONG, tmp_path, "runs/.digits-1.unfinished") as child:
        done = process("train", "digits", *QUICK, *resume, folder=tmp_path)
        assert "written to runs/digits-2" in done.stdout, done.stderr
        assert child.poll() is None
    with running((*LONG, "--out", "run"), tmp_path, ".run.unfinished") as child:
        before = sorted((tmp_path / ".run.unfinished").rglob("asked.json"))
        done = process(*LONG, "--out", "run", *resume, folder=tmp_path)
        assert done.returncode == 1
        assert done.stderr.splitlines() == [
            "error: run is in use by another process",
            "  expected: a folder that no other process writes",
            "  try: another --out; or wait until the other run is finished",
        ]
        assert sorted((tmp_path / ".run.unfinished").rglob("asked.json")) == before != []
        assert child.poll() is None


@pytest.mark.slow
def test_a_run_that_was_killed_is_gone_on_with_and_its_lock_is_gone(tmp_path: Path) -> None:
    words = (*LONG[:2], "--folds", 3, *LONG[4:])
    with running(words, tmp_path, "runs/.digits-1.unfinished"):
        pass
    assert (tmp_path / "runs" / ".digits-1.unfinished" / "lock").exists()
    done = process(*words, "--resume", folder=tmp_path)
    assert "written to runs/digits-1" in done.stdout, done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["digits-1"]


@pytest.mark.slow
def test_a_run_that_was_killed_before_a_part_was_done_leaves_its_number(tmp_path: Path) -> None:
    place = tmp_path / "runs" / ".iris-1.unfinished"
    place.mkdir(parents=True)
    for name in ("lock", ".asked.json.1a2b"):
        (place / name).touch()
    done = process(*SHORT, 1, folder=tmp_path)
    assert "written to runs/iris-1" in done.stdout, done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["iris-1"]


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    run, other = (PartialRun(folder, {}) for _ in range(2))
    assert run.claim()
    assert not other.claim()
    with run:
        assert not other.claim()
    assert [*tmp_path.iterdir()] == []  # nothing was done, and nothing is left
    assert other.claim()
    with other:
        assert other.place == tmp_path / "new" / ".run.unfinished"


def test_two_demos_at_once_have_a_folder_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[str] = []

    def tell(language: str, folder: Path, *_: Any, **__: Any) -> int:
        folder.mkdir()
        (folder / "index.html").write_text(f"{len(told)}")
        told.append(language)
        if len(told) == 1:
            assert handgrad("demo").exit_code == 0
        return 1

    monkeypatch.setattr("handgrad.learn.story.tell", tell)
    result = handgrad("demo")
    assert result.exit_code == 0, result.output
    pages = {path.parent.name: path.read_text() for path in tmp_path.rglob("index.html")}
    assert pages == {"demo-1": "0", "demo-2": "1"}
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["demo-1", "demo-2"]


def planted(place: Path, how: str) -> None:
    """What another user may put where a run is going to keep its parts."""
    if how == "a link":
        (place.parent / "elsewhere").mkdir()
        place.symlink_to("elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    (place / "asked.json").write_text("{}")
    (place / "run").mkdir()
    (place / "run" / "model.safetensors").write_bytes(b"planted")


@pytest.mark.parametrize("how", ["open to all", "a link"])
@pytest.mark.parametrize("resume", [(), ("--resume",)], ids=["anew", "to go on"])
def test_parts_that_others_may_have_put_there_are_not_gone_on_with(
    how: str, resume: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planted(tmp_path / ".run.unfinished", how)
    result = handgrad(*SHORT, 1, "--out", "run", *resume)
    with refused(
        hg.errors.FileError, ".run.unfinished can be written by other users", "another --out"
    ):
        raise result.exception or AssertionError(result.output)
    assert not (tmp_path / "run").exists()
    (tmp_path / "runs").mkdir()
    planted(tmp_path / "runs" / ".iris-1.unfinished", how)
    assert "written to runs/iris-2" in handgrad(*SHORT, 1, *resume).stdout


def test_what_is_kept_of_a_run_is_open_to_its_user_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        run = PartialRun(tmp_path / "run", {})
        assert run.claim()
        with run:
            assert run.place.stat().st_mode & 0o777 == 0o700
        assert handgrad(*SHORT, 1, "--out", tmp_path / "run").exit_code == 0
        assert (tmp_path / "run").stat().st_mode & 0o777 == 0o777
    finally:
        os.umask(umask)


@pytest.mark.parametrize("resume", [(), ("--resume",)], ids=["anew", "to go on"])
def test_a_link_to_nothing_is_refused_before_anything_is_read(
    resume: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "run").symlink_to("nowhere")
    result = handgrad("train", "nope.csv", "--out", tmp_path / "run", *resume)
    with refused(hg.errors.FileError, "run is a broken link", "another --out"):
        raise result.exception or AssertionError(result.output)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_link_to_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "disk" / "real")
    assert handgrad(*SHORT, 1, "--out", tmp_path / "run").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "disk" / "real").iterdir()) == WRITTEN
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["real"]


@pytest.mark.parametrize("content", ["{bad", "[]", "null", "\ud800", '{"a": '])
def test_a_damaged_record_of_what_was_asked_is_told(content: str, tmp_path: Path) -> None:
    place, out = tmp_path / ".run.unfinished", tmp_path / "run"
    place.mkdir()
    (place / "asked.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    (place / "fold-1.json").write_text("{}")
    for resume, words in (
        ((), "has an unfinished run"),
        (("--resume",), "asked.json cannot be read"),
    ):
        result = handgrad(*SHORT, 1, "--out", out, *resume)
        with refused(hg.errors.FileError, words, "another --out"):
            raise result.exception or AssertionError(result.output)
    assert (place / "fold-1.json").exists()


@pytest.mark.parametrize("content", ["{bad", "[]", "null"])
def test_a_damaged_part_is_told(content: str, tmp_path: Path) -> None:
    words = (*SHORT, 1, "--folds", 2, "--out", tmp_path / "run")
    place = tmp_path / ".run.unfinished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handgrad.tables.runs.train.TableJob._trained", lambda _: 1 / 0)
        assert isinstance(handgrad(*words).exception, ZeroDivisionError)
    kept = json.loads((place / "fold-1.json").read_text("utf-8"))
    assert "accuracy" in kept
    (place / "fold-1.json").write_text(content)
    result = handgrad(*words, "--resume")
    with refused(hg.errors.FileError, "fold-1.json cannot be read", f"remove {place}"):
        raise result.exception or AssertionError(result.output)
