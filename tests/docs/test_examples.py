"""Every example in the documents runs, and prints what the document shows.

A short runner of our own, not Sybil's: its pytest integration sees only files below the tests,
and compares the output of `>>>` examples only. Here a ```python block is run as it stands, the
blocks of a document one after another, and a ```text block right after it is what it prints.
The blocks stand in one file, each on the lines it has in the document, so that messages and
recordings can name the line. A block that is titled by a package, ```python torch, is run where
that is installed: `make oracle` has them all.
"""

import contextlib
import io
import shlex
import sys
import webbrowser
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

import handgrad as hg
from handgrad.cli import main
from handgrad.learn.playground.notebook import Playground
from tests.cli.run import messy_csv, sales_csv
from tests.docs.documents import DOCUMENTS, ROOT, Block, blocks, name
from tests.docs.output import assert_shown

# What the blocks of the lessons print is not written in them: the site runs them and shows it.
LESSONS = ROOT / "docs" / "lessons"
WITH_PYTHON = [
    d
    for d in DOCUMENTS
    if any(b.language == "python" for b in blocks(d)) and LESSONS not in d.parents
]
WITH_COMMANDS = [
    d for d in DOCUMENTS if any(b.language == "shell" and "handgrad " in b.text for b in blocks(d))
]


def slow_but_readmes(documents: list[Path]) -> list[object]:
    """Documents as parameters of a test, all slow but those of the first folder."""
    return [
        pytest.param(d, id=name(d), marks=() if d.parent == ROOT else pytest.mark.slow)
        for d in documents
    ]


def examples(document: Path, language: str) -> list[tuple[Block, str | None]]:
    """The blocks to run, each with the output shown right after it."""
    found = blocks(document)
    return [
        (block, after.text if after and _is_output(after) else None)
        for block, after in zip_longest(found, found[1:])
        if block.language == language and not block.step
    ]


def _is_output(block: Block) -> bool:
    return block.language == "text" and not block.before.strip()


@pytest.mark.parametrize("document", slow_but_readmes(WITH_PYTHON))
def test_python_runs_and_prints_what_is_shown(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(document, tmp_path / "page.py")


def run_python(document: Path, page: Path) -> None:
    """Run the Python blocks of a document, for whose lines `page` is written."""
    found = [
        (block, shown)
        for block, shown in examples(document, "python")
        if not block.title or find_spec(block.title)
    ]
    lines: list[str] = []
    for block, _ in found:
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    page.write_text("\n".join(lines), "utf-8")
    namespace: dict[str, Any] = {"__name__": "page"}
    for block, shown in found:
        printed = io.StringIO()
        code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        if shown is not None or printed.getvalue():
            assert_shown(printed.getvalue(), shown or "")


@pytest.mark.parametrize("document", slow_but_readmes(WITH_COMMANDS))
def test_commands_run_and_print_what_is_shown(
    document: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    write_flowers(tmp_path / "flowers.csv")
    messy_csv(tmp_path / "customers.csv", 500)
    messy_csv(tmp_path / "new.csv", 100, seed=1)
    sales_csv(tmp_path / "sales.csv")
    seen: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: seen.append(urlopen(url).read().decode()))
    monkeypatch.setattr(Playground, "wait", Playground.close)  # as Ctrl-C ends it
    for block, shown in examples(document, "shell"):
        ours = [line for line in block.text.splitlines() if line.startswith("handgrad ")]
        for line in ours:
            monkeypatch.setattr(sys, "argv", shlex.split(line, comments=True))
            with contextlib.suppress(SystemExit):
                main()
        printed = capsys.readouterr()
        if ours and shown is not None:
            assert_shown(printed.out + printed.err, shown)
        elif ours:
            assert not printed.err
        assert len(seen) == sum("handgrad play" in line for line in ours)
        assert all("<title>" in page for page in seen)
        seen.clear()


def write_flowers(path: Path) -> None:
    """The table that the documents train on, in the file they call flowers.csv."""
    iris = hg.data.load("iris")
    rows = ["sepal_length,sepal_width,petal_length,petal_width,species"]
    for x, y in zip(iris.x, iris.y, strict=True):
        rows.append(",".join([*(f"{value:.1f}" for value in x), iris.class_names[y]]))
    path.write_text("\n".join(rows) + "\n", "utf-8")


def test_readme_has_what_it_needs() -> None:
    assert ROOT / "README.md" in WITH_PYTHON
    assert ROOT / "docs" / "tour.md" in WITH_COMMANDS
    assert any(shown for _, shown in examples(ROOT / "README.md", "python"))
