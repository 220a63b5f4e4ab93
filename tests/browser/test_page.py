"""The page of `handgrad demo` in a real browser: both languages, as wide as a desk and a phone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

FILES = {"en": Path("index.html"), "zh": Path("zh", "index.html")}
LOCALES = {"en": "en", "zh": "zh-Hans"}
DESK, PHONE = 1280, 390
HEIGHT = 800

# The rectangles of all text that is not in something that scrolls by itself, with the text.
TEXT_RECTANGLES = """() => {
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const scrolls = (e) => e && e !== document.body &&
    (getComputedStyle(e).overflowX === "auto" || scrolls(e.parentElement));
  for (let text; text = texts.nextNode();) {
    if (!text.data.trim() || scrolls(text.parentElement)) continue;
    range.selectNodeContents(text);
    for (const { left, right, width, height } of range.getClientRects())
      found.push({ text: text.data.trim(), left, right, width, height });
  }
  return found;
}"""

# Elements whose content is larger than they are, and cannot be scrolled to.
CUT_OFF = """() => [...document.body.querySelectorAll("*")].filter((e) => {
  const { overflowX, overflowY, display } = getComputedStyle(e);
  return display !== "inline" && (
    e.scrollWidth > e.clientWidth + 1 && overflowX !== "auto" ||
    e.scrollHeight > e.clientHeight + 1 && ["hidden", "clip"].includes(overflowY));
}).map((e) => e.outerHTML.slice(0, 99))"""

# The contrast of each piece of text with what is behind it, by WCAG 2.2's formula.
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3)
    .map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
    return a || !e.parentElement ? `rgb(${r}, ${g}, ${b})` : behind(e.parentElement);
  };
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; text = texts.nextNode();) {
    if (!text.data.trim()) continue;
    const e = text.parentElement;
    const [dark, bright] = [getComputedStyle(e).color, behind(e)].map(light).sort((a, b) => a - b);
    found.push({ text: text.data.trim(), contrast: (bright + 0.05) / (dark + 0.05) });
  }
  return found;
}"""

# Characters that are drawn like one that no font has, in the letters of the text or of the code.
MISSING_GLYPHS = """() => {
  const drawing = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const drawn = (character, font) => {
    drawing.canvas.width = drawing.canvas.height = 48;  // which clears it
    drawing.font = `24px ${font}`;
    drawing.fillText(character, 8, 32);
    return drawing.getImageData(0, 0, 48, 48).data.join();
  };
  const fonts = [document.body, document.querySelector("pre code")]
    .map((e) => getComputedStyle(e).fontFamily);
  return fonts.flatMap((font) => {
    const nothing = drawn("\\u0378", font), blank = drawn(" ", font);
    return [...new Set(document.body.textContent)]
      .filter((character) => character.trim())
      .filter((character) => [nothing, blank].includes(drawn(character, font)));
  });
}"""


@dataclass
class Sight:
    """A page as it is seen, and what happened while it was loaded."""

    page: "Page"
    address: str
    language: str
    width: int
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def open_all(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")

    def all(self, selector: str, what: str) -> list[Any]:
        """`what`, an expression of `e`, of each element."""
        found: list[Any] = self.page.eval_on_selector_all(selector, f"all => all.map(e => {what})")
        return found


Look = Callable[..., Sight]


@pytest.fixture
def look(browser: "Browser", demo: Path) -> Iterator[Look]:
    contexts = []

    def at(language: str, width: int, scheme: Any = "light") -> Sight:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        address = (demo / FILES[language]).as_uri()
        sight = Sight(context.new_page(), address, language, width)
        sight.page.on("console", lambda message: sight.said.append(message.text))
        sight.page.on("pageerror", lambda error: sight.said.append(str(error)))
        sight.page.on("request", lambda request: sight.asked_for.append(request.url))
        sight.page.on("requestfailed", lambda request: sight.failed.append(request.url))
        sight.page.goto(address)
        return sight

    yield at
    for context in contexts:
        context.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture(params=FILES)
def language(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def sight(look: Look, language: str, width: int) -> Sight:
    return look(language, width)


def test_it_loads_without_a_word_and_asks_for_nothing_else(sight: Sight) -> None:
    sight.page.wait_for_load_state("networkidle")
    assert sight.said == sight.failed == []
    assert [url for url in sight.asked_for if not url.startswith("data:")] == [sight.address]


def test_every_picture_is_there_and_is_told_to_those_who_cannot_see_it(sight: Sight) -> None:
    pictures = sight.all("img", "[e.complete, e.naturalWidth, e.clientWidth, e.alt]")
    assert len(pictures) >= 15
    for complete, true_width, shown_width, alt in pictures:
        assert complete
        assert true_width >= 2 * 300 <= 2 * shown_width
        assert len(alt) > 10


def test_a_caption_begins_below_its_picture_where_that_begins(sight: Sight) -> None:
    edges = "['div', 'figcaption'].map(s => e.querySelector(s).getBoundingClientRect())"
    for picture, caption in sight.all("figure", edges):
        assert abs(picture["left"] - caption["left"]) < 1
        assert abs(picture["right"] - caption["right"]) < 1
        assert picture["bottom"] < caption["top"] < picture["bottom"] + 20


def test_nothing_sticks_out_and_nothing_is_cut_off(sight: Sight) -> None:
    for _ in range(2):
        assert sight.page.evaluate("document.scrollingElement.scrollWidth") == sight.width
        texts = sight.page.evaluate(TEXT_RECTANGLES)
        assert len(texts) > 100
        for text in texts:
            assert text["left"] >= 0, text
            assert text["right"] <= sight.width, text
            assert text["height"] > 10, text
        assert sight.page.evaluate(CUT_OFF) == []
        sight.open_all()


def test_wide_code_scrolls_by_itself(sight: Sight) -> None:
    sight.open_all()
    edges = "[e.getBoundingClientRect().right, e.scrollWidth, e.clientWidth]"
    blocks = sight.all("pre", edges)
    assert all(right <= sight.width for right, _, _ in blocks)
    assert any(needed > shown for _, needed, shown in blocks)
    at_the_end = "(e.scrollLeft = 1e5, e.scrollLeft + e.clientWidth - e.scrollWidth)"
    assert all(abs(left_over) <= 1 for left_over in sight.all("pre", at_the_end))
    assert sight.page.evaluate("window.scrollX") == 0


def test_language_title_and_headings_are_in_order(sight: Sight) -> None:
    assert sight.page.evaluate("document.documentElement.lang") == LOCALES[sight.language]
    levels = sight.all("h1, h2, h3, h4, h5, h6", "Number(e.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert set(levels[1:]) == {2}
    assert sight.page.title() == sight.page.locator("h1").inner_text()


def test_every_character_has_a_glyph(sight: Sight) -> None:
    assert sight.page.evaluate(MISSING_GLYPHS) == []


def test_the_contents_lead_to_the_chapters(sight: Sight) -> None:
    links = sight.page.locator("nav a")
    assert links.count() == sight.page.locator("main section").count() > 10
    for i in range(links.count()):
        links.nth(i).click()
        target = links.nth(i).get_attribute("href")
        assert target is not None
        assert sight.page.evaluate("location.hash") == target
        heading = sight.page.locator(f"{target} > h2")
        assert heading.inner_text() == links.nth(i).text_content()
        box = heading.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= HEIGHT - box["height"]


def test_the_pages_lead_to_each_other(sight: Sight) -> None:
    (other,) = FILES.keys() - {sight.language}
    for expected in (other, sight.language):
        sight.page.locator(".languages a").click()
        assert sight.page.evaluate("document.documentElement.lang") == LOCALES[expected]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(look: Look, language: str, scheme: str) -> None:
    sight = look(language, DESK, scheme)
    sight.open_all()
    texts = sight.page.evaluate(CONTRASTS)
    assert len(texts) > 500
    assert [text for text in texts if text["contrast"] < 4.5] == []


def test_the_keyboard_reaches_links_and_code(look: Look) -> None:
    page = look("en", PHONE).page
    focused = "document.activeElement.matches(%r)"
    for selector in (".languages a", "nav li:nth-child(1) a"):
        page.keyboard.press("Tab")
        assert page.evaluate(focused % selector)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate(focused % "pre")


def test_it_can_be_printed(look: Look, language: str) -> None:
    page = look(language, 700).page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 700
    assert page.pdf(format="A4").startswith(b"%PDF")
