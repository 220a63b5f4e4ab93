"""Leaves the browser alone where Playwright is not installed; says what else is missing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handgrad.learn.playground.document import write_document
from handgrad.textbook.errors import HandgradError
from tests.browser.browsers import check_fonts, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]


def pytest_collection_finish(session: pytest.Session) -> None:
    if any(item.get_closest_marker("browser") for item in session.items):
        try:
            chromium()
            check_fonts()
        except HandgradError as missing:
            raise pytest.UsageError(str(missing)) from None


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """The system's Chromium; its sandbox does not start for root."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield running
        running.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `handgrad demo` leaves, in both languages; a missing glyph would be a warning."""
    folder = tmp_path_factory.mktemp("demo") / "told"
    languages = ["--language", "en", "--language", "zh"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "handgrad", "demo", *languages, "--out", folder],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the playground's page, written to a file."""
    path = tmp_path_factory.mktemp("playground") / "play.html"
    write_document(path)
    return path.as_uri()
