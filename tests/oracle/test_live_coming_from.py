"""The page for users of other libraries: its names and examples, where the libraries are."""

import importlib
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, blocks, code_spans, name
from tests.docs.test_examples import run_python

PAGES = [ROOT / "docs" / "coming-from.md", ROOT / "docs" / "zh" / "coming-from.md"]
LIBRARIES = ("torch", "keras", "sklearn", "joblib")


@pytest.fixture(autouse=True)
def quiet_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keras with the PyTorch backend; no library reports its use."""
    monkeypatch.chdir(tmp_path)
    for variable, value in {
        "KERAS_BACKEND": "torch",
        "DO_NOT_TRACK": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
    }.items():
        monkeypatch.setenv(variable, value)


def names_of(page: Path) -> Iterator[str]:
    """Names of other libraries that a page has in backticks."""
    for span in code_spans(page):
        if re.fullmatch(rf"(?:{'|'.join(LIBRARIES)})(?:\.\w+)+", span):
            yield span


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_name_of_another_library_exists(page: Path) -> None:
    names = [*names_of(page)]
    assert len(names) > 40
    for full in names:
        *modules, last = full.split(".")
        found = importlib.import_module(modules[0])
        for i, part in enumerate(modules[1:], 2):
            if not hasattr(found, part):
                importlib.import_module(".".join(modules[:i]))
            found = getattr(found, part)
        assert hasattr(found, last), full


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # their own
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_example_runs_with_the_other_library(page: Path, tmp_path: Path) -> None:
    needed = {block.title for block in blocks(page) if block.language == "python"} - {""}
    assert needed >= {"torch", "keras"}
    assert not [package for package in needed if not find_spec(package)]
    run_python(page, tmp_path / "page.py")
