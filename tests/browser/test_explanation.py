"""The page of an explanation in a real browser: pointing, arrow keys, three widths, both themes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import handgrad as hg
from tests.browser.axe import violations
from tests.browser.sight import CONTRASTS, CUT_OFF, DESKTOP, PHONE, Look, Sight, looking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

TABLET = 820
# Text of the net that lies over other text of it, but for what shows only at a pointer.
OVERLAPS = """() => {
  const texts = [...document.querySelectorAll(".net text:not(.weight)")]
    .map((e) => [e.textContent, e.getBoundingClientRect()]);
  const met = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
    a.top < b.bottom - 3 && b.top < a.bottom - 3;
  return texts.flatMap(([text, a], i) =>
    texts.slice(i + 1).filter(([, b]) => met(a, b)).map(([other]) => [text, other]));
}"""
FOCUSED = "document.activeElement.closest('li').dataset.d"


def subjects() -> dict[str, tuple[hg.Net, Any, Any]]:
    rng = np.random.default_rng(0)
    small = hg.Net(hg.Linear(2, 3, rng=4), hg.Tanh(), hg.Linear(3, 2, rng=5), hg.Softmax())
    branches = hg.Residual(hg.Linear(12, 12, rng=1), hg.BatchNorm(12), hg.ReLU())
    wide = hg.Net(
        hg.Linear(20, 12, rng=0), branches, hg.Dropout(0.1), hg.Linear(12, 3, rng=2), hg.Softmax()
    )
    return {
        "small": (small, [[0.5, -1.2]], [1]),
        "wide": (wide, rng.standard_normal((3, 20)), [0, 2, 1]),
    }


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    for name, (net, x, y) in subjects().items():
        for language in ("en", "zh"):
            e = hg.explain(net, x, y, optimizer=hg.SGD(0.1), language=language)
            (folder / f"{name}.{language}.html").write_text(e.html(), "utf-8")
    return folder


@pytest.fixture
def look(browser: "Browser", pages: Path) -> Iterator[Look]:
    with looking(browser) as at:
        yield lambda name, width, language="en", scheme="light": at(
            (pages / f"{name}.{language}.html").as_uri(), language, width, scheme
        )


def marked(sight: Sight, name: str) -> set[str]:
    """The numbers that have a mark, by what they are called in the page."""
    return {*sight.all(f"main .{name}, svg .{name}", "e.dataset.k")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [DESKTOP, TABLET, PHONE])
@pytest.mark.parametrize("name", [*subjects()])
def test_the_page_is_seen_whole(
    look: Look, name: str, width: int, language: str, scheme: str
) -> None:
    sight = look(name, width, language, scheme)
    assert sight.page.evaluate("document.documentElement.scrollWidth") <= width
    sight.open_all()
    assert sight.page.evaluate("document.documentElement.scrollWidth") <= width
    assert sight.page.evaluate(CUT_OFF) == []
    assert sight.page.evaluate(OVERLAPS) == []
    low = [t for t in sight.page.evaluate(CONTRASTS) if t["contrast"] < 4.5]
    assert [t for t in low if t["text"]] == []
    assert (sight.said, sight.failed) == ([], [])
    assert sight.asked_for == [sight.address]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(look: Look, scheme: str) -> None:
    sight = look("small", DESKTOP, "en", scheme)
    assert violations(sight.page) == []


def test_pointing_marks_where_a_number_came_from_and_where_it_goes(look: Look) -> None:
    sight = look("small", DESKTOP)
    line = sight.page.locator("li[data-d]", has_text="y_1[0,2] = tanh").first
    line.locator("b").hover()
    own = line.get_attribute("data-d")
    sources = (line.get_attribute("data-s") or "").split()
    assert marked(sight, "this") == {own}
    assert marked(sight, "from") == {*sources}
    uses = sight.all(f'li[data-s~="{own}"]', "e.dataset.d")
    assert uses
    assert marked(sight, "to") == {*uses}
    # weights show for the unit that is pointed at, and for no other
    assert sight.page.locator(".weight.near").count() == 2
    sight.page.locator("h1").click()
    assert not marked(sight, "this")


def test_pointing_at_the_net_marks_the_lines(look: Look) -> None:
    sight = look("small", DESKTOP)
    sight.page.locator("g.unit").nth(3).hover()
    (own,) = marked(sight, "this")
    assert sight.page.locator(f'li[data-d="{own}"] b.this').count() == 1


def test_arrow_keys_walk_the_lines_and_the_numbers(look: Look) -> None:
    sight = look("small", DESKTOP)
    page, keyboard = sight.page, sight.page.keyboard
    lines = sight.all("li[data-d]", "e.dataset.d")
    page.locator("li[data-d]").first.focus()
    for line in lines[1:9]:
        keyboard.press("ArrowDown")
        assert page.evaluate(FOCUSED) == line
        assert marked(sight, "this") == {line}
    keyboard.press("ArrowUp")
    assert page.evaluate(FOCUSED) == lines[7]
    sources = page.locator(f'li[data-d="{lines[7]}"]').get_attribute("data-s") or ""
    keyboard.press("ArrowRight")
    first = page.evaluate("document.activeElement.dataset.k")
    assert first in sources.split()
    assert marked(sight, "this") == {first}
    keyboard.press("Enter")
    if first in lines:
        assert page.evaluate(FOCUSED) == first
    keyboard.press("Escape")
    assert not marked(sight, "this")


def test_enter_opens_the_layer_where_a_number_was_made(look: Look) -> None:
    sight = look("small", DESKTOP)
    page = sight.page
    line = page.locator("li[data-d]", has_text="y_1[0,0] = tanh").first
    source = (line.get_attribute("data-s") or "").split()[0]
    page.evaluate("document.querySelector('details').open = false")
    line.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == source
    assert page.evaluate("document.querySelector('details').open")


def test_only_one_number_is_a_stop_of_the_tab_key(look: Look) -> None:
    sight = look("small", DESKTOP)
    assert sight.page.locator('main [tabindex="0"]').count() == 1
    sight.page.locator("li[data-d]").first.focus()
    sight.page.keyboard.press("ArrowDown")
    assert sight.page.locator('main [tabindex="0"]').count() == 1


def test_touch_marks_too(look: Look) -> None:
    sight = look("small", PHONE)
    line = sight.page.locator("li[data-d]", has_text="dx_1[0,1] = ").first
    line.locator("span[data-k]").first.click()
    assert len(marked(sight, "this")) == 1


def test_a_notebook_s_frame_shows_the_page(browser: "Browser", tmp_path: Path) -> None:
    net, x, y = subjects()["small"]
    file = tmp_path / "frame.html"
    file.write_text(hg.explain(net, x, y)._repr_html_(), "utf-8")
    with looking(browser) as at:
        sight = at(file.as_uri(), "en", DESKTOP, "light")
        frame = sight.page.frame_locator("iframe")
        line = frame.locator("li[data-d]", has_text="y_1[0,2] = tanh").first
        line.locator("b").hover()
        assert frame.locator("main .this").count() >= 1
        assert sight.said == []
