"""Help and version: whole in 80 columns."""

import re
from pathlib import Path

import pytest

import handgrad as hg
from tests.cli.run import handgrad, process


@pytest.mark.parametrize(
    "words", [("--help",), ("-h",), ("train", "--help"), ("train", "-h"), ("demo", "--help")]
)
def test_help_fits_into_80_columns(words: tuple[str, ...]) -> None:
    result = handgrad(*words)
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    assert "…" not in result.output.replace("-2 …", "")


def test_the_first_help_says_how_to_start() -> None:
    text = " ".join(handgrad("--help").output.split())
    assert "Neural networks you can read: train one on a table, in seconds." in text
    assert "Start with: handgrad demo, or handgrad train breast_cancer" in text
    assert handgrad().output.strip() == handgrad("--help").output.strip()


def test_the_help_of_train_has_every_option_with_its_default() -> None:
    output = handgrad("train", "--help").output
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", output).split())
    assert re.search(r"Usage: handgrad train \[OPTIONS\] \{?DATA", text)
    for option, default in (
        ("--layers", "32,relu,32,relu"), ("--epochs", "200"), ("--batch-size", "32"),
        ("--learning-rate", "0.05"), ("--validation", "0.2"), ("--patience", "20"),
        ("--seed", "0"),
    ):  # fmt: skip
        assert re.search(rf"{option} .*?\[default: {default}\]", text), option
    for option in ("--target", "--metric", "--out"):
        assert option in text


def test_paragraphs_of_the_help_are_not_broken_twice() -> None:
    lines = [line.strip() for line in handgrad("train", "--help").output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("Features are brought"))
    paragraph = lines[start : lines.index("", start)]
    assert all(len(line) > 60 for line in paragraph[:-1])


def test_the_version_is_told(tmp_path: Path) -> None:
    done = process("--version", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"handgrad {hg.__version__}\n", "")
