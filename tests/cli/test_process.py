"""`handgrad` as a process: its streams, its signals, its exit codes."""

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
from tests.cli.run import QUICK, handgrad, messy_csv, process

COMMAND = (sys.executable, "-m", "handgrad")


def run(*words: Any, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=folder, check=False, capture_output=True,
        **{"text": True} | options,
    )  # fmt: skip


def shell(words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`handgrad WORDS`, as a shell takes it."""
    command = f"{sys.executable} -m handgrad {words}"
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table that has umlauts in it, and a model of it."""
    folder = tmp_path_factory.mktemp("made")
    path = messy_csv(folder / "messy.csv", 60)
    words = ("train", path, "--target", "city", *QUICK, "--out", folder / "run")
    assert handgrad(*words).exit_code == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_a_terminal_of_another_encoding_shows_what_it_can(encoding: str, tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "t.csv", 60)
    words = ("train", path, "--target", "city", *QUICK, "--ignore", "age", "--folds", 2)
    done = run(
        *words,
        "--out",
        "Ausführung",
        folder=tmp_path,
        encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    assert ("Köln" if encoding != "ascii" else r"K\xf6ln") in done.stdout
    assert (" ± " if encoding != "ascii" else r" \xb1 ") in done.stdout
    refused = run(
        "train", "Köln", folder=tmp_path, encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert refused.returncode == 1
    assert "is neither a file nor a bundled data set" in refused.stderr


@pytest.mark.slow
def test_predictions_on_the_screen_are_those_of_the_file_in_any_encoding(made: Path) -> None:
    words = ("predict", "run/model.safetensors", "messy.csv", "--keep", "city")
    assert run(*words, "-o", "p.csv", folder=made).returncode == 0
    for encoding in ("ascii", "cp1252"):
        done = run(
            *words, folder=made, text=False, env={**os.environ, "PYTHONIOENCODING": encoding}
        )
        assert done.stdout == (made / "p.csv").read_bytes()  # type: ignore[comparison-overlap]


def test_for_machines_every_letter_comes_through_any_encoding(made: Path) -> None:
    done = run(
        "inspect", "run/model.safetensors", "--json", folder=made,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert "Köln" in json.dumps(json.loads(done.stdout), ensure_ascii=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "predict run/model.safetensors messy.csv",
        "predict run/model.safetensors messy.csv --json",
        "evaluate run/model.safetensors messy.csv",
        "inspect run/model.safetensors",
        "train messy.csv --target plan --epochs 1 --no-report --out new",
        "demo --out new",
        "train --help",
        "--version",
        "cache --json",
    ],
)
@pytest.mark.parametrize("stream", ["full", "closed"])
def test_an_output_that_cannot_be_written_is_told(stream: str, words: str, made: Path) -> None:
    done = shell(f"{words} {'> /dev/full' if stream == 'full' else '>&-'}", made)
    assert done.returncode == 1, done.stderr
    reason = "could not be written: No space left on device" if stream == "full" else "is closed"
    error, expected, hint = done.stderr.splitlines()[-3:]
    assert error == f"error: standard output {reason}"
    assert expected.startswith("  expected: ")
    assert hint.startswith("  try: ")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert not (made / "new").exists()
    assert not (made / ".new.unfinished").exists()


def test_without_any_stream_there_is_an_exit_code(made: Path) -> None:
    assert shell("inspect run/model.safetensors >&- 2>&-", made).returncode == 1
    assert shell("inspect run/model.safetensors 2>&-", made).returncode == 0


def waiting(made: Path, folder: Path, signals: str = "") -> subprocess.Popen[str]:
    """A prediction that is writing its file, and waits there until a signal comes."""
    code = (
        "import sys, time, pathlib, signal\n"
        f"{signals}\n"
        "from handgrad.tables.data import predictions\n"
        "def waits(tables, to, file, count):\n"
        "    file.write(b'half'); file.flush(); print('begun', flush=True); time.sleep(3600)\n"
        "predictions._write = waits\n"
        "from handgrad.cli import main\n"
        f"sys.argv = ['handgrad', 'predict', {str(made / 'run' / 'model.safetensors')!r}, "
        f"{str(made / 'messy.csv')!r}, '-o', 'p.csv']\n"
        "main()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n", child.communicate()
    assert len([*folder.iterdir()]) == 1
    return child


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_process_that_is_told_to_stop_leaves_no_half_file(
    number: signal.Signals, made: Path, tmp_path: Path
) -> None:
    child = waiting(made, tmp_path)
    child.send_signal(number)
    _, told = child.communicate()
    assert child.returncode == 128 + number
    assert told == ""
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_who_is_not_to_hear_a_hangup_goes_on(made: Path, tmp_path: Path) -> None:
    child = waiting(made, tmp_path, "signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    child.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert child.poll() is None
    child.kill()
    child.communicate()


@pytest.mark.slow
def test_a_run_that_is_told_to_stop_keeps_what_is_done(tmp_path: Path) -> None:
    words = ("train", "digits", "--folds", 9, "--no-report", "--estimator", "mlp", "--epochs", 20)
    with subprocess.Popen(
        [*COMMAND, *map(str, words)], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        place = tmp_path / "runs" / ".digits-1.unfinished"
        while not (place / "fold-1.json").exists() and child.poll() is None:
            time.sleep(0.001)
        child.terminate()
        _, told = child.communicate()
    assert child.returncode == 143, told
    assert "saved; to resume: handgrad train digits --estimator mlp" in told
    assert [path.name for path in place.rglob("*") if path.name.startswith(".")] == []


def test_ctrl_c_while_modules_are_imported_is_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from handgrad.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_before_a_part_is_done_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("handgrad.tables.runs.train.TableJob._fold", stopped)
    result = handgrad("train", "iris", *QUICK, "--folds", 2, "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert result.stderr == "note: stopped before the first part was finished: nothing is saved\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "came", "hint"),
    [
        (["train", "iris", "--epochs", "many"], "'--epochs'", "handgrad train --help"),
        (["train", "iris", "--taget", "x"], "No such option: --taget", "handgrad train --help"),
        (["train"], "Missing argument 'DATA'", "handgrad train --help"),
        (["inspect", "a", "b"], "unexpected extra argument", "handgrad inspect --help"),
        (["trian", "iris"], "No such command 'trian'", "handgrad --help"),
    ],
)
def test_for_machines_a_word_that_is_not_known_is_an_object_too(
    words: list[str], came: str, hint: str, tmp_path: Path
) -> None:
    done = process(*words, "--json", folder=tmp_path)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert came in error["came"], error
    assert error["expected"].startswith("Usage: handgrad")
    assert error["try"] == hint
    assert "Error" in done.stderr
    assert process(*words, folder=tmp_path).stdout == ""


@pytest.mark.slow
def test_a_help_that_is_asked_for_is_no_mistake(tmp_path: Path) -> None:
    for words in ([], ["--help"], ["train", "--help"]):
        done = process(*words, folder=tmp_path)
        assert "Usage: handgrad" in done.stdout, done
    assert process("--version", folder=tmp_path).stdout == f"handgrad {hg.__version__}\n"
