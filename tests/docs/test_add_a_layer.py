"""The four steps of docs/add-a-layer.md, followed to the letter in a copy of the repository."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, blocks

DOCUMENT = ROOT / "docs" / "add-a-layer.md"
SCALE = "src/handgrad/textbook/layers/scale.py"
TOUCHED = [
    SCALE,
    "src/handgrad/textbook/layers/__init__.py",
    "tests/contracts/table.py",
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository in which the steps were taken."""
    repository = tmp_path / "handgrad"
    litter = shutil.ignore_patterns("__pycache__", ".*")
    for folder in ("src", "tests", "web"):
        shutil.copytree(ROOT / folder, repository / folder, ignore=litter)
    shutil.copy(ROOT / "pyproject.toml", repository)
    take_steps(repository)
    return repository


def take_steps(repository: Path) -> None:
    """Do what the document says, block by block."""
    for block in blocks(DOCUMENT):
        step = block.step
        if step is None:
            continue
        if step["new"]:
            file = repository / step["new"]
            assert not file.exists(), f"{step['new']} is there already"
            file.write_text(block.text, "utf-8")
            continue
        file = repository / step["old"]
        lines = file.read_text("utf-8").splitlines()
        places = [i for i, line in enumerate(lines) if line.strip() == step["line"]]
        assert len(places) == 1, f"{step['old']} has {len(places)} lines `{step['line']}`"
        at = places[0]
        kept = lines[: at + 1] if step["how"] == "after" else lines[:at]
        new = [*kept, *block.text.splitlines(), *lines[at + 1 :]]
        file.write_text("\n".join(new) + "\n", "utf-8")


def the_command() -> list[str]:
    """The document's one command, run by this Python."""
    lines = [block.text.strip() for block in blocks(DOCUMENT) if block.language == "shell"]
    assert lines[0].startswith("python -m pytest tests/contracts")
    return [sys.executable, *shlex.split(lines[0])[1:]]


def run(repository: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(repository / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_there_are_four_steps_and_each_has_its_block() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert re.findall(r"^## (\d)\.", text, re.MULTILINE) == ["1", "2", "3", "4"]
    files = [b.step["new"] or b.step["old"] for b in blocks(DOCUMENT) if b.step]
    assert list(dict.fromkeys(files)) == TOUCHED


@pytest.mark.slow
@pytest.mark.timeout(3600)  # all contracts at once: minutes on a loaded machine
def test_the_steps_give_a_layer_that_keeps_the_contracts(copy: Path) -> None:
    where = run(
        copy, [sys.executable, "-c", "import handgrad; print(handgrad.layers.Scale, handgrad)"]
    )
    assert "handgrad.textbook.layers.scale.Scale" in where.stdout, where.stderr
    assert str(copy / "src") in where.stdout
    done = run(copy, [*the_command(), "-v"])
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Scale] PASSED") >= 10


@pytest.mark.parametrize("way", [["check"], ["format", "--check"]], ids=["lint", "format"])
def test_the_steps_leave_tidy_files(copy: Path, way: list[str]) -> None:
    done = run(copy, [sys.executable, "-m", "ruff", *way, *TOUCHED])
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("return self.s * dy", "return -self.s * dy", "wrong sign"),
        ("self.ds = (self.x", "self.ds = -(self.x", "wrong sign"),
    ],
    ids=["dx", "ds"],
)
def test_a_wrong_sign_in_backward_is_found(
    copy: Path, right: str, wrong: str, message: str
) -> None:
    page = copy / SCALE
    text = page.read_text("utf-8")
    assert text.count(right) == 1
    page.write_text(text.replace(right, wrong), "utf-8")
    done = run(copy, [*the_command(), "-k", "Scale or Linear"])  # the test above runs all
    assert done.returncode == 1
    assert message in done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed
    assert all("Scale]" in line.split(" - ")[0] for line in failed), failed
