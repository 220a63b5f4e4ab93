"""The report in a real browser: light and dark, as wide as a store and a phone, and on paper."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import handgrad as hg
from tests.browser.sight import (
    CONTRASTS,
    CUT_OFF,
    DESKTOP,
    MISSING_GLYPHS,
    PHONE,
    TEXT_RECTANGLES,
    Look,
    Sight,
    looking,
)
from tests.tables.reporting.pages import QUICK, evil, houses

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

# The words of a picture that reach beyond its edges, in letters of the page.
BEYOND = """() => [...document.querySelectorAll("svg[role=img]")].flatMap((svg) => {
  const room = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    return left < room.left - 3 || right > room.right + 3 || top < room.top - 3 ||
      bottom > room.bottom + 3;
  }).map((text) => text.textContent);
})"""
SIZES = """() => [...document.querySelectorAll("svg[role=img]")].flatMap((svg) =>
  [...svg.querySelectorAll("text")].map((text) =>
    parseFloat(getComputedStyle(text).fontSize) * svg.clientWidth / svg.viewBox.baseVal.width))"""


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for name, (x, y), kind in (
        ("number", houses(), hg.TabularRegressor),
        ("classes", evil(), hg.TabularClassifier),
    ):
        model = kind(**QUICK).fit(x[:100], y[:100])
        about = {"command": ["handgrad", "train", "a.csv"], "notes": ["a note"], "seed": 0}
        to = folder / f"{name}.html"
        hg.tables.write_report(
            model, x[100:], y[100:], to=to, training=(x[:100], y[:100]), about=about
        )
    return folder


@pytest.fixture
def look(browser: "Browser", reports: Path) -> Iterator[Look]:
    with looking(browser) as at:
        yield lambda name, width, scheme="light": at(
            (reports / f"{name}.html").as_uri(), "en", width, scheme
        )


@pytest.fixture(params=["number", "classes"])
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=[DESKTOP, PHONE], ids=["store", "phone"])
def sight(look: Look, name: str, request: pytest.FixtureRequest) -> Sight:
    return look(name, request.param)


def test_it_loads_without_a_word_and_asks_for_nothing_else(sight: Sight) -> None:
    sight.page.wait_for_load_state("networkidle")
    assert sight.said == sight.failed == []
    assert [url for url in sight.asked_for if not url.startswith("data:")] == [sight.address]


def test_nothing_sticks_out_and_nothing_is_cut_off(sight: Sight) -> None:
    for _ in range(2):
        assert sight.page.evaluate("document.scrollingElement.scrollWidth") == sight.width
        texts = sight.page.evaluate(TEXT_RECTANGLES)
        assert len(texts) > 60
        for text in texts:
            assert text["left"] >= 0, text
            assert text["right"] <= sight.width, text
        assert sight.page.evaluate(CUT_OFF) == []
        sight.open_all()


def test_tables_need_no_scrolling_on_a_phone(look: Look, name: str) -> None:
    sight = look(name, PHONE)
    sight.open_all()
    assert sight.page.locator(".scrolls").count() >= 2
    assert all(beyond <= 0 for beyond in sight.all(".scrolls", "e.scrollWidth - e.clientWidth"))
    first = sight.page.locator("#scores td").first
    assert first.evaluate("e => getComputedStyle(e, '::before').content") == '"held out"'


def test_the_words_of_a_picture_stay_in_it_and_can_be_read(sight: Sight) -> None:
    assert sight.page.evaluate(BEYOND) == []
    sizes = sight.page.evaluate(SIZES)
    assert len(sizes) > 50
    assert min(sizes) >= 9


def test_language_title_and_headings_are_in_order(sight: Sight) -> None:
    assert sight.page.evaluate("document.documentElement.lang") == "en"
    levels = sight.all("h1, h2, h3, h4, h5, h6", "Number(e.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert sight.page.title() == sight.page.locator("h1").inner_text()


def test_the_contents_lead_to_the_sections(sight: Sight) -> None:
    links = sight.page.locator("nav a")
    assert links.count() == sight.page.locator("main section").count() == 9
    for i in range(links.count()):
        links.nth(i).click()
        assert sight.page.evaluate("location.hash") == links.nth(i).get_attribute("href")


def test_every_character_has_a_glyph(look: Look) -> None:
    assert look("classes", DESKTOP).page.evaluate(MISSING_GLYPHS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(look: Look, name: str, scheme: Any) -> None:
    sight = look(name, DESKTOP, scheme)
    sight.open_all()
    outside = "[...document.querySelectorAll('svg')].forEach((e) => e.remove())"
    words = sight.all("svg[role=img] text", "getComputedStyle(e).fill")
    ink = sight.page.evaluate("getComputedStyle(document.body).color")
    assert words.count(ink) > 0.8 * len(words)
    sight.page.evaluate(outside)
    texts = sight.page.evaluate(CONTRASTS)
    assert len(texts) > 100
    assert [text for text in texts if text["contrast"] < 4.5] == []


def test_the_keyboard_reaches_what_scrolls(look: Look, name: str) -> None:
    sight = look(name, PHONE)
    sight.open_all()
    regions = sight.page.locator("[tabindex='0']")
    assert regions.count() > 5
    for i in range(regions.count()):
        regions.nth(i).focus()
        assert regions.nth(i).evaluate("e => e === document.activeElement")


def test_it_can_be_printed_also_from_the_dark(look: Look, name: str) -> None:
    page = look(name, 700, "dark").page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 700
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(34, 37, 42)"
    assert page.pdf(format="A4").startswith(b"%PDF")
