"""Help and version: whole in 80 columns."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.tables.runs import RunSettings
from tests.cli.run import handgrad, process


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("-h",),
        ("train", "--help"),
        ("train", "-h"),
        ("tune", "-h"),
        ("predict", "-h"),
        ("write", "-h"),
        ("evaluate", "-h"),
        ("report", "-h"),
        ("runs", "-h"),
        ("compare", "-h"),
        ("export", "-h"),
        ("inspect", "-h"),
        ("demo", "--help"),
        ("serve", "-h"),
        ("class", "-h"),
        ("cache", "-h"),
    ],
)
def test_help_fits_into_80_columns(words: tuple[str, ...]) -> None:
    result = handgrad(*words)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    assert "…" not in result.output.replace("-2 …", "")


def test_the_first_help_says_how_to_start() -> None:
    text = " ".join(handgrad("--help").output.split())
    assert "from a table to a model and its report, in seconds." in text
    assert "Start with: handgrad demo, or handgrad train breast_cancer" in text
    assert "Exit codes: 0 success, 1 error in the data" in text
    assert "2 error in the command line, 130 interrupted." in text
    assert handgrad().output.strip() == handgrad("--help").output.strip()


def test_the_help_of_train_has_every_option_with_its_default() -> None:
    output = handgrad("train", "--help").output
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", output).split())
    assert re.search(r"Usage: handgrad train \[OPTIONS\] \{?DATA", text)
    for option, default in (
        ("--estimator", "tabular"), ("--engine", "auto"), ("--seed", "0"), ("--test-size", "0.2"),
        ("--no-report", "report"),
    ):  # fmt: skip
        assert re.search(rf"{option} .*?\[default: {default}\]", text), option
    for field in fields(RunSettings):
        if field.name != "data":
            assert f"--{field.name.strip('_').replace('_', '-')} " in text, field.name
    for option in ("--config", "--json"):
        assert option in text


def test_the_help_imports_nothing_heavy() -> None:
    heavy = ("sklearn", "scipy", "narwhals", "pyarrow", "matplotlib", "safetensors", "llvmlite")
    code = (
        "import sys; sys.argv = ['handgrad', 'train', '--help']\n"
        "from handgrad.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_paragraphs_of_the_help_are_not_broken_twice() -> None:
    lines = [line.strip() for line in handgrad("train", "--help").output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("Some rows are held out"))
    paragraph = lines[start : lines.index("", start)]
    assert all(len(line) > 60 for line in paragraph[:-1])


def test_the_version_is_told(tmp_path: Path) -> None:
    done = process("--version", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"handgrad {hg.__version__}\n", "")
