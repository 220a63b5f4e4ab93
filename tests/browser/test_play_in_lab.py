"""The playground as the output of a notebook's cell: it trains there, with a kernel and without."""

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser.lab import PATIENCE, Lab, running_lab
from tests.browser.playing import playing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

pytestmark = pytest.mark.browser

PLAY = """
import handgrad as hg

x, y = hg.data.make_moons(100, noise=0.1, rng=0)
net = hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
page = hg.play(net, x, y)
page
"""
WEIGHTS = "print(*page.net.parameters.tolist())"
PAGE_WEIGHTS = """async () => {
  const { session } = document.getElementById("playground").store;
  return [...(await session.request("model")).weights].join(" ");
}"""
COUNTER = "Number(document.querySelector('.counter b')?.textContent.replace(/\\D/g, '') ?? 0)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def frame_in(page: "Page") -> "Frame":
    """The playground within a page."""
    place = page.locator("iframe[title='handgrad playground']").first
    place.wait_for(timeout=PATIENCE)
    handle = place.element_handle()
    assert handle is not None
    frame = handle.content_frame()
    assert frame is not None
    return frame


def trains(page: "Page") -> None:
    """It has come ten epochs further, by itself."""
    frame = frame_in(page)
    begun = frame.evaluate(COUNTER)
    for _ in range(PATIENCE // 100):
        if frame.evaluate(COUNTER) > begun + 10:
            return
        page.wait_for_timeout(100)
    raise AssertionError("it does not train")


def test_it_trains_in_the_output_saved_reopened_and_as_html(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "play.ipynb", [PLAY]) as notebook:
        notebook.run_all()
        trains(notebook.page)
        notebook.page.keyboard.press("Control+s")
        path = lab.folder / "play.ipynb"
        for _ in range(PATIENCE // 100):
            if "iframe" in path.read_text("utf-8"):
                break
            notebook.page.wait_for_timeout(100)
    saved = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    output = saved.cells[0].outputs[0].data
    assert {"text/html", "text/plain", "image/png"} <= set(output)
    with lab.reopened(browser, "play.ipynb") as notebook:
        trains(notebook.page)
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    with playing(browser, path.with_suffix(".html").as_uri()) as it:
        trains(it.page)


def test_the_net_in_python_has_the_weights_of_the_page(lab: Lab, browser: "Browser") -> None:
    with lab.notebook(browser, "back.ipynb", [PLAY, WEIGHTS]) as notebook:
        notebook.run_all()
        trains(notebook.page)
        frame = frame_in(notebook.page)
        begun = notebook.outputs(1).inner_text().split()
        frame.locator("[data-control=play]").click()
        expected = [*map(float, frame.evaluate(PAGE_WEIGHTS).split())]
        assert len(expected) == len(begun)
        assert [*map(float, begun)] != expected
        cell = notebook.page.locator(".jp-CodeCell").nth(1)
        for _ in range(PATIENCE // 1000):
            cell.locator(".jp-InputArea-editor").click()
            notebook.page.keyboard.press("Control+Enter")
            notebook.page.wait_for_timeout(1000)
            found = [*map(float, " ".join(notebook.outputs(1).all_inner_texts()).split())]
            if found == expected:
                return
        raise AssertionError(f"{found} is not {expected}")
