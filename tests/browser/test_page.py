"""The page of `handgrad demo` in a real browser: both languages, as wide as a store and a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.sight import (
    CONTRASTS,
    CUT_OFF,
    DESKTOP,
    HEIGHT,
    MISSING_GLYPHS,
    PHONE,
    TEXT_RECTANGLES,
    Look,
    Sight,
    looking,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

FILES = {"en": Path("index.html"), "zh": Path("zh", "index.html")}
LOCALES = {"en": "en", "zh": "zh-Hans"}


@pytest.fixture
def look(browser: "Browser", demo: Path) -> Iterator[Look]:
    with looking(browser) as at:
        yield lambda language, width, scheme="light": at(
            (demo / FILES[language]).as_uri(), language, width, scheme
        )


@pytest.fixture(params=[DESKTOP, PHONE], ids=["store", "phone"])
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
    sight = look(language, DESKTOP, scheme)
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
