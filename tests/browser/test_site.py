"""The site as people see it, opened from a disk: wide and narrow, light and dark, by keyboard."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docs.site.search import fold
from docs.site.tree import WORDS

from tests.browser.sight import DESKTOP, MISSING_GLYPHS, PHONE, Look, Sight, looking
from tests.docs.documents import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
TABLET = 820
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# One of each kind: start, a table of everything, what was run, formulas, names, wide tables, code.
PAGES = [
    "index",
    "overview",
    "story",
    "lessons/03-backward-by-hand",
    "maths/softmax",
    "reference/layers",
    "reference/estimators-and-tables",
    "cluster",
    "architecture",
    "source/src/handgrad/textbook/layers/softmax.py",
]
LANGUAGES = {"en": "", "zh": "zh/"}
SEEN = [*(("en", page) for page in PAGES), *(("zh", page) for page in PAGES[:6])]
each_language = pytest.mark.parametrize("language", LANGUAGES)
# What stands beyond the right edge of the window, and in nothing that scrolls by itself.
BEYOND = """() => [...document.body.querySelectorAll("*")].filter((e) => {
  const scrolls = (e) => e && e !== document.body &&
    (getComputedStyle(e).overflowX === "auto" || scrolls(e.parentElement));
  const { right, width } = e.getBoundingClientRect();
  return width && right > innerWidth + 1 && !scrolls(e);
}).map((e) => e.outerHTML.slice(0, 99))"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make site` builds."""
    folder = tmp_path_factory.mktemp("site") / "built"
    command = [sys.executable, "-m", "docs.site", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def look(browser: "Browser", site: Path) -> Iterator[Look]:
    """Opens a page of the site, by its name: `look("story", "zh", 390, "dark")`.

    Pages are closed after each test: the playgrounds in them train for as long as they are open.
    """
    with looking(browser) as at:

        def open_page(page: str, language: str, width: int, scheme: str = "light") -> Sight:
            address = (site / f"{LANGUAGES[language]}{page}.html").as_uri()
            return at(address, language, width, scheme)

        yield open_page


@pytest.mark.parametrize(
    ("width", "scheme"), [(PHONE, "dark"), (TABLET, "light"), (DESKTOP, "dark")]
)
@pytest.mark.parametrize(("language", "page"), SEEN)
def test_a_page_fits_and_axe_finds_nothing(
    look: Look, page: str, language: str, width: int, scheme: str
) -> None:
    sight = look(page, language, width, scheme)
    assert sight.page.evaluate("document.documentElement.scrollWidth") <= width
    assert sight.page.evaluate(BEYOND) == []
    assert (sight.said, sight.failed) == ([], [])
    assert all(address.startswith(("file:", "data:", "blob:")) for address in sight.asked_for)
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci")
    sight.page.evaluate(AXE.read_text("utf-8"))
    found: Any = sight.page.evaluate("axe.run(document, { preload: false, iframes: false })")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []


@each_language
def test_every_character_has_a_glyph(look: Look, language: str) -> None:
    for page in ("story", "maths/softmax", "maths/index"):
        assert look(page, language, DESKTOP).page.evaluate(MISSING_GLYPHS) == []


@pytest.mark.parametrize(
    ("language", "typed", "title"),
    [
        ("en", "softmax", "Softmax"),
        ("en", "over-fit", "Over-fitting"),
        ("en", "overfitting", "Over-fitting"),
        ("en", "teaching", "In a class"),
        ("en", "how do I install it?", "Install"),
        ("en", "过拟合", "过拟合"),
        ("zh", "过拟合", "过拟合"),
        ("zh", "训练 样本", "用表格训练"),
        ("zh", "Dropout", "Dropout"),
        ("zh", "什么是过拟合", "过拟合"),
        ("zh", "怎么安装", "安装"),
        ("zh", "如何训练自己的表格", "一张自己的表格"),
        ("zh", "学习率是什么", "学习率调度"),
    ],
)
def test_the_search_is_used_by_keyboard_alone(
    look: Look, language: str, typed: str, title: str
) -> None:
    page = look("maths/tanh", language, DESKTOP).page
    page.keyboard.press("/")
    page.keyboard.insert_text(typed)
    page.wait_for_selector("#found [role=option]")
    titles = page.eval_on_selector_all("#found b", "all => all.map(e => e.textContent)")
    assert title in titles[:5], titles
    marks = page.eval_on_selector_all("#found mark", "all => all.map(e => e.textContent)")
    assert marks or title == "In a class"  # which is found by its address
    assert all(fold(mark) in fold(typed) for mark in marks)
    assert page.get_attribute("search input", "aria-activedescendant") == "found-0"
    for _ in range(titles.index(title)):
        page.keyboard.press("ArrowDown")
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press("Enter")
    assert title in page.inner_text("body")
    assert "/maths/tanh" not in page.url


def test_what_is_misspelt_is_found_among_what_is_close(look: Look) -> None:
    page = look("index", "en", PHONE).page
    page.focus("search input")
    page.keyboard.insert_text("crossentropy")
    page.wait_for_selector("#found [role=option]")
    page.fill("search input", "sofmax")
    page.wait_for_selector("#found b:has-text('Softmax')")
    assert page.inner_text("search [role=status]") == WORDS["en"]["close_to"]
    page.fill("search input", "zzzqqq")
    page.wait_for_selector("search [role=status]:visible")
    page.keyboard.press("Escape")
    assert page.input_value("search input") == ""


def test_the_language_changes_at_the_same_section(look: Look) -> None:
    page = look("story", "en", DESKTOP).page
    page.evaluate("document.getElementById('over-fitting').scrollIntoView()")
    page.click("a.language")
    page.wait_for_url("**/zh/story.html#over-fitting")
    assert page.inner_text("#over-fitting").startswith("过拟合")
    page.click("a.language")
    page.wait_for_url("**/story.html#over-fitting")
    assert "/zh/" not in page.url


def test_the_menu_of_a_phone_is_opened_and_left(look: Look) -> None:
    page = look("maths/softmax", "zh", PHONE).page
    assert not page.is_visible("nav.tree")
    page.click("a.menu")
    assert page.is_visible("nav.tree [aria-current=page]")
    page.keyboard.press("Escape")
    assert not page.is_visible("nav.tree")


def test_the_first_key_leads_past_the_frame(look: Look) -> None:
    page = look("story", "en", DESKTOP).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_paper_gets_the_text_alone(look: Look) -> None:
    page = look("lessons/03-backward-by-hand", "en", DESKTOP).page
    page.emulate_media(media="print")
    assert not page.is_visible(".site > header")
    assert not page.is_visible("nav.tree")
    assert page.is_visible("article h1")
    assert page.is_visible(".exercise form input")  # room to write
    assert not page.is_visible(".exercise button")


def test_without_scripts_the_pages_can_be_read_and_reached(browser: "Browser", site: Path) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto((site / "story.html").as_uri())
    assert not page.is_visible("search")
    page.click("a.menu")
    page.click("nav.tree >> text=A tour")
    page.wait_for_url("**/overview.html")
    assert page.is_visible("h1")
    context.close()
