"""The playground on a phone and at first: map and button in view, more on request, Back stays."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.axe import violations
from tests.browser.shell import OPEN_ALL, Shell, opened
from tests.browser.sight import CONTRASTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

STORE = "document.getElementById('playground').store"
READABLE = 4.5
# Visible controls, but for neurons: by name, or as their text says.
VISIBLE = """() => [...document.querySelectorAll(".playground :is(button, input, select, summary)")]
  .filter((e) => e.getClientRects().length && !e.matches(".neuron"))
  .map((e) => e.dataset.control ?? e.textContent)"""
PLACES = """() => ["[data-control=play]", "canvas.map"].map((which) => {
  const { left, top, right, bottom } = document.querySelector(which).getBoundingClientRect();
  return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
})"""
# Visible texts smaller than 8 points, as they are drawn.
SMALL = """() => {
  const texts = document.createTreeWalker(document.querySelector(".playground"), 4);
  const small = [];
  while (texts.nextNode()) {
    const { parentElement: e, data } = texts.currentNode;
    if (!data.trim() || !e.getClientRects().length) continue;
    const scale = e.ownerSVGElement ? e.getScreenCTM().a : 1;
    const points = parseFloat(getComputedStyle(e).fontSize) * scale * 72 / 96;
    if (points && points < 8) small.push([data, points]);
  }
  return small;
}"""
VIEWS = ("hidden", "loss_plane", "race", "seeds", "health", "confusion")
FULL = "share=60"
SCREENS = [
    (390, 844, "light", "en", ""),
    (390, 844, "dark", "zh", FULL),
    (390, 664, "light", "zh", ""),  # with the bars of a browser
    (390, 664, "dark", "en", FULL),
    (640, 450, "light", "en", ""),  # 1280 × 900 at 200 %
]
At = Callable[..., Shell]


@pytest.fixture
def at(browser: "Browser", address: str) -> Iterator[At]:
    """Opens a link as it is, standing still."""
    with ExitStack() as pages:

        def opening(link: str = "", width: int = 1280, **options: Any) -> Shell:
            where, how = address + (link and f"#v=1&{link}"), {"locale": "en", **options}
            return pages.enter_context(
                opened(browser, where, width, still=True, simple=True, **how)
            )

        yield opening


@pytest.mark.parametrize(("width", "height", "scheme", "language", "link"), SCREENS)
def test_map_and_button_are_on_the_first_screen(
    at: At, width: int, height: int, scheme: str, language: str, link: str
) -> None:
    shell = at(link, width, color_scheme=scheme, locale=language)
    page = shell.page
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(200)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate(PLACES) == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(200)
    assert page.evaluate(PLACES)[0], "the button stays in view"
    faint = [text for text in page.evaluate(CONTRASTS) if text["contrast"] < READABLE]
    assert faint == []
    assert violations(page) == []


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_every_text_has_8_points(at: At, width: int) -> None:
    shell = at("inputs=x1;x2;x1**2;sin(x1*x2)&layers=64,8,8,8,8,8", width)
    page = shell.page
    page.evaluate(OPEN_ALL)
    for name in VIEWS:
        page.locator(f"#tab-{name}").click()
        page.locator(f"#panel-{name}").scroll_into_view_if_needed()
        page.wait_for_timeout(400)
        assert page.evaluate(SMALL) == []
    page.locator(".neuron").nth(5).click()
    page.locator("#view-explain").scroll_into_view_if_needed()
    page.wait_for_timeout(400)
    assert page.evaluate(SMALL) == []


def test_it_opens_with_one_button_and_has_more_on_request(at: At) -> None:
    shell = at()
    simple = ["play", "more", "English", "中文", "About this page"]
    assert shell.page.evaluate(VISIBLE) == simple
    play = shell.control("play")
    play.click()
    shell.until(lambda: shell.epoch > 2, "it trains")
    play.click()
    assert shell.control("more").inner_text() == "More controls"
    shell.until(lambda: "#v=1" in shell.page.url, "the address is written")
    shell.control("more").click()
    assert set(shell.page.evaluate(VISIBLE)) > {*simple, "problem", "step_layer", "learning_rate"}
    shell.becomes("view.more", True)
    epoch = shell.epoch
    shell.control("more").click()
    assert shell.page.evaluate(VISIBLE) == simple
    assert shell.epoch == epoch
    shell.page.get_by_role("button", name="中文").click()
    assert shell.control("more").inner_text() == "更多设置"


@pytest.mark.parametrize("link", ["data=xor", "layers=4,2&noise=5", "tutorial=inputs", "hide=loss"])
def test_a_link_that_sets_something_opens_with_all_controls(at: At, link: str) -> None:
    shell = at(link)
    assert shell.control("rewind").is_visible()
    assert shell.control("more").inner_text() == "Simple view"


@pytest.mark.parametrize("link", ["", "step=50&seed=3&language=en", "view=%7B%22more%22:false%7D"])
def test_a_link_of_the_simple_view_opens_it(at: At, link: str) -> None:
    shell = at(link)
    assert not shell.control("rewind").is_visible()
    assert shell.control("play").is_visible()


def test_back_returns_to_the_view_before_and_keeps_the_net(at: At) -> None:
    shell = at()
    page = shell.page
    url = page.url
    shell.control("more").click()
    shell.until(lambda: "more" in page.url, "the address is written")
    page.locator("#tab-race").click()
    page.locator('[data-set="xor"]').click()
    shell.becomes("data.kind", "xor")
    shell.control("step_epoch").click()
    shell.becomes("at.step", 25)
    weights = page.evaluate(f"[...{STORE}.frame.parameters]")
    page.go_back()
    shell.until(page.locator("#panel-hidden").is_visible, "the tab before")
    assert shell.control("rewind").is_visible()
    shell.becomes("data.kind", "xor")
    page.go_back()
    shell.until(lambda: not shell.control("rewind").is_visible(), "the simple view")
    shell.until(lambda: "#v=1" in page.url, "the address is written")
    shell.becomes("at.step", 25)
    assert page.url.split("#")[0] == url.split("#")[0]
    page.go_forward()
    page.go_forward()
    shell.until(page.locator("#panel-race").is_visible, "forward again")
    shell.becomes("view.tab", "race")
    shell.becomes("data.kind", "xor")
    assert page.evaluate(f"[...{STORE}.frame.parameters]") == weights


def test_a_link_opens_the_tab_that_was_seen(at: At) -> None:
    shell = at("view=%7B%22more%22:true,%22tab%22:%22seeds%22%7D")
    assert shell.page.locator("#panel-seeds").is_visible()
    shell.control("reset_view").click()
    assert shell.page.locator("#panel-seeds").is_visible()
    shell = at("view=%7B%22tab%22:%22none%22%7D")
    shell.control("more").click()
    assert shell.page.locator("#panel-hidden").is_visible()


def test_where_less_motion_is_wished_for_a_step_and_undo_show_their_result_at_once(
    at: At,
) -> None:
    shell = at("data=moons&layers=8&step=4000")
    shell.until(lambda: shell.page.evaluate(f"{STORE}.frame?.step") == 4000, "it is there")
    shell.page.evaluate(
        f"() => {{ {STORE}.watch('frame', (f) => (window.steps ??= []).push(f.step)); }}"
    )
    shell.page.locator('[data-set="xor"]').click()
    shell.until(lambda: shell.page.evaluate("steps.at(-1)") == 0, "another data set")
    shell.page.keyboard.press("Control+z")
    shell.until(lambda: shell.page.evaluate("steps.at(-1)") == 4000, "it is undone")
    assert {*shell.page.evaluate("steps")} == {0, 4000}
