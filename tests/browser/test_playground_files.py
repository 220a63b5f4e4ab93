"""What leaves the playground and comes back: links, states, weights, pictures, the net as code."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from handgrad.learn.playground.state import state_in, state_of
from tests.browser.shell import Shell, opened
from tests.learn.playground.in_node import fragment_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

ROWS = [[0.5, -1.25], [3.0, 2.0], [-4.5, 0.125]]
NETS = (
    "layers=4,2",
    "layers=8:ReLU,20:GELU:normalization=LayerNorm,4:Sigmoid:normalization=BatchNorm",
    "problem=regression&data=plane&loss=MSELoss&layers=3:Softplus:dropout=0.2,3:Mish",
    "layers=18:SELU,3:ELU&loss=BinaryCrossEntropyLoss",
    "layers=none&data=spiral&classes=5",
)
ANSWER = """async (x) => {
  const { store } = document.getElementById("playground");
  return (await store.session.request("at", { x })).outputs;
}"""
TRAINED = "#v=1&data=xor&layers=3,2&seed=7"


@pytest.fixture
def shell(browser: "Browser", address: str) -> Iterator[Shell]:
    allowed = ["clipboard-read", "clipboard-write"]
    with opened(browser, address + TRAINED, locale="en", permissions=allowed) as found:
        found.until(lambda: found.epoch > 3, "it trains")
        found.pause()
        yield found


@pytest.fixture
def saved(shell: Shell, tmp_path: Path) -> Callable[[str], Path]:
    """The file that a button of the menu gives."""

    def save(name: str) -> Path:
        shell.reveal(name)
        with shell.page.expect_download() as download:
            shell.control(name).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path

    return save


def values(shell: Shell) -> list[str]:
    """All weights, as the tables say them."""
    shell.reveal("weights_as_table")
    return shell.page.locator(".tables td").all_inner_texts()


def test_a_copied_link_opens_with_the_same_weights(
    browser: "Browser", address: str, shell: Shell
) -> None:
    shell.control("share_link").click()
    shell.until(shell.page.locator(".notice").is_visible, "it is said")
    link = shell.page.evaluate("navigator.clipboard.readText()")
    assert state_in(link)["at"]["step"] > 0
    with opened(browser, link, locale="en") as again:
        again.until(lambda: again.epoch == shell.epoch, "it goes there")
        again.until(lambda: values(again) == values(shell), "the weights are the same")


def test_a_link_that_may_not_be_copied_is_shown(browser: "Browser", address: str) -> None:
    with opened(browser, address + TRAINED, locale="en") as shell:
        shell.page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject())")
        shell.control("share_link").click()
        shell.until(lambda: "#v=1&data=xor" in shell.page.locator(".notice").inner_text(), "shown")


def test_a_saved_state_is_opened_again(shell: Shell, saved: Callable[[str], Path]) -> None:
    path = saved("file_state")
    state: Any = json.loads(path.read_text("utf-8"))
    assert fragment_of(state_of(state)).startswith("v=1&data=xor")
    shell.page.locator('[data-set="circle"]').click()
    shell.becomes("data.kind", "circle")
    shell.reveal("files")
    shell.page.locator(".open-state input").set_input_files(path)
    shell.becomes("data.kind", "xor")
    path.write_text("{", "utf-8")
    shell.page.locator(".open-state input").set_input_files(path)
    shell.until(shell.page.locator(".notice.grave").is_visible, "what is no state is said")


def test_weights_and_pictures_are_saved(shell: Shell, saved: Callable[[str], Path]) -> None:
    weights = json.loads(saved("file_weights").read_text("utf-8"))
    assert len(weights["0.W"]) == 3
    assert len(weights["0.W"][0]) == 2
    picture = ElementTree.fromstring(saved("file_net_svg").read_text("utf-8"))
    drawn = [part.tag.rpartition("}")[2] for part in picture.iter()]
    assert drawn.count("path") == 2 * 3 + 3 * 2 + 2 * 2
    assert drawn.count("image") == 2 + 3 + 2 + 2
    for name in ("file_net_png", "file_plane_png"):
        assert saved(name).read_bytes()[:4] == b"\x89PNG"
    assert "handgrad play" in shell.page.locator(".files .hint").inner_text()


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
@pytest.mark.parametrize("net", NETS)
def test_the_net_as_javascript_says_the_same_bits(
    browser: "Browser", address: str, net: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.mjs"
    with opened(browser, f"{address}#v=1&{net}", locale="en") as shell:
        shell.until(lambda: shell.epoch > 3, "it trains")
        shell.pause()
        shell.reveal("file_net_js")
        with shell.page.expect_download() as download:
            shell.control("file_net_js").click()
        download.value.save_as(path)
        seen = [shell.page.evaluate(ANSWER, row) for row in ROWS]
    code = f"console.log(JSON.stringify({json.dumps(ROWS)}.map(predict)))"
    module = f'import {{ predict }} from "{path.as_uri()}";\n{code}'
    node = ["node", "--input-type=module", "--eval", module]
    told = subprocess.run(node, capture_output=True, text=True, check=True).stdout
    assert [[bits(x) for x in row] for row in json.loads(told)] == [
        [bits(x) for x in row] for row in seen
    ]


def bits(number: float) -> bytes:
    return struct.pack("<f", number)
