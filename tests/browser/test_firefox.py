"""The playground in Firefox, driven by puppeteer-core of npm: it trains there to the same bits."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground import Playground
from handgrad.learn.playground.document import write_document
from tests.browser.browsers import firefox

pytestmark = pytest.mark.browser
STEP = 250


def check_playing(url: str, engine: str) -> None:
    """It trains by an engine, without an error, to the bits of Python's portable one."""
    script = Path(__file__).with_name("firefox.mjs")
    command = ["node", str(script), firefox(), url, engine, str(STEP)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["errors"] == []
    expected = hg.learn.replay(f"#v=1&step={STEP}").net.parameters
    np.testing.assert_array_equal(np.array(found["weights"], np.float32), expected)


def test_it_trains_from_a_disk(tmp_path: Path) -> None:
    path = tmp_path / "play.html"
    write_document(path)
    check_playing(path.as_uri(), "pages")


def test_it_trains_from_its_server_by_webassembly() -> None:
    page = Playground()
    try:
        check_playing(page.open(browser=False), "wasm")
    finally:
        page.close()
