"""Tasks of development: each runs what there is, in an environment that is made once."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import tasks

from tests.docs.documents import ROOT

# What these do is not a command that a test can look at.
ALONE = {"help", "clean", "walk", "wheel"}


class Commands(list[list[str]]):
    """Commands that tasks ran, with the environment's variables, and which word makes one fail."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: dict[str, str] = {}
        self.failing = ""

    def run(self, words: list[object], **_: object) -> SimpleNamespace:
        self.append([str(word) for word in words])
        if self[-1][1:3] == ["-m", "venv"]:
            (Path(self[-1][3]) / tasks.SCRIPTS).mkdir(parents=True, exist_ok=True)
        return SimpleNamespace(returncode=7 * (self.failing in self[-1]), stdout="one two")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    """Commands of tasks, none of which runs."""
    found = Commands()
    monkeypatch.setattr(tasks, "os", SimpleNamespace(environ=found.variables))
    monkeypatch.setattr(tasks, "subprocess", SimpleNamespace(run=found.run, DEVNULL=0))
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    (tmp_path / "node_modules").mkdir()
    for pattern in ("pyproject.toml", "constraints*.txt", "package*.json"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, tmp_path)
    return found


@pytest.mark.parametrize("name", [name for name in tasks.TASKS if name not in ALONE])
def test_a_task_runs_modules_and_files_that_exist(name: str, ran: Commands) -> None:
    tasks.main([name])
    assert ran
    for words in ran:
        for word in words[1:]:
            if word.startswith(("tests/", "src/", "docs/", ".ci/")):
                assert (ROOT / word).exists(), word
        for flag, module in pairwise(words):
            if flag == "-m" and "." in module:
                assert find_spec(module), module


def test_every_extra_that_an_environment_wants_is_declared() -> None:
    from tests.house.test_install import EXTRAS

    made = [made for made in vars(tasks).values() if isinstance(made, tasks.Environment)]
    assert len(made) == len({(environment.folder, environment.mark) for environment in made}) > 5
    for environment in made:
        assert environment.needs[0] == "--editable"
        extras = environment.needs[1].removeprefix(".").strip("[]")
        assert {*extras.split(",")} - {""} <= EXTRAS
        assert (ROOT / environment.constraints).exists()


def test_an_environment_is_made_once_and_again_when_what_it_needs_changed(ran: Commands) -> None:
    pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    tasks.USE.make()
    python = str(tasks.USE.script("python"))
    assert ran == [
        [sys.executable, "-m", "venv", str(tasks.ROOT / ".venv")],
        [python, *pip, "--editable", ".[all]", "--constraint", "constraints.txt"],
    ]
    tasks.USE.make()
    assert len(ran) == 2
    Path(python).touch()
    later = tasks.ROOT / "pyproject.toml"
    os.utime(later, (later.stat().st_atime, later.stat().st_mtime + 10_000))
    tasks.USE.make()
    assert [words[0] for words in ran[2:]] == [python]


def test_an_installation_that_fails_is_tried_again(ran: Commands) -> None:
    ran.failing = "install"
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            tasks.USE.make()
        assert ended.value.code == 7
    assert ran[1] == ran[3]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["test"], ["--share", "1/1", "-m", "not slow", "tests"]),
        (["test", "SHARE=1/2"], ["--share", "1/2", "-m", "not slow", "tests"]),
        (["SHARE=1/2", "slow"], ["--share", "1/2", "-m", "slow", "tests"]),
    ],
)
def test_a_setting_of_the_command_line_is_taken(
    words: list[str], expected: list[str], ran: Commands
) -> None:
    tasks.main(words)
    assert ran[-1] == [str(tasks.TEST.script("python")), "-m", "pytest", *tasks.CORES, *expected]


def test_a_setting_of_the_environment_is_taken_as_from_make(ran: Commands) -> None:
    ran.variables.update(MAKEFLAGS="k", MAKELEVEL="1", KERNELS="Zen Haswell")
    tasks.main(["kernels"])
    assert len(ran) == 4
    assert {*ran.variables} == {"KERNELS"}


def test_scripts_of_windows_have_their_folder_and_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "SCRIPTS", "Scripts")
    monkeypatch.setattr(tasks, "ENDING", ".exe")
    assert tasks.TEST.script("ruff") == tasks.ROOT / ".venv" / "Scripts" / "ruff.exe"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("tset", r"no task tset; there are: help, .*\btest\b"),
        ("SHRE=1/2", r"no setting SHRE; .*SHARE"),
    ],
)
def test_an_unknown_word_is_refused_before_anything_runs(
    word: str, told: str, ran: Commands
) -> None:
    with pytest.raises(SystemExit, match=told):
        tasks.main(["test", word])
    assert not ran


def test_an_older_python_is_told_which_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"Python 3\.9 found, 3\.11 or newer needed"):
        tasks.main(["test"])


@pytest.mark.skipif(not shutil.which("make"), reason="no make here")
@pytest.mark.parametrize("words", [["docs"], ["tests"], ["test", "lint", "SHARE=1/2"], []])
def test_make_hands_every_task_on(words: list[str]) -> None:
    """Also those with the name of a folder."""
    command = ["make", "-n", "--no-print-directory", "PYTHON=python", *words]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [word for word in words if "=" not in word] or ["help"]
    assert told == "".join(f"python -m tasks {name}\n" for name in names)
