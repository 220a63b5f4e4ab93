"""The exercises as a learner meets them in a page: keys, mistakes, hints, both languages."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handgrad.learn.exercises import NAMES, exercise
from handgrad.learn.exercises.i18n import words
from handgrad.textbook.language import LANGUAGES
from tests.browser.axe import violations
from tests.browser.exercise_pages import write_page
from tests.browser.sight import CONTRASTS, CUT_OFF, PHONE, looking
from tests.learn.exercises.answers import right

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.sight import Look, Sight

pytestmark = pytest.mark.browser

TABLET = 820


@pytest.fixture
def look(browser: "Browser", tmp_path: Path) -> "Iterator[Look]":
    """Opens an exercise by its name."""
    with looking(browser) as at:

        def opened(
            name: str, language: str = "en", width: int = 1280, scheme: str = "light"
        ) -> "Sight":
            return at(write_page(tmp_path, name, language), language, width, scheme)

        yield opened


def fill(sight: "Sight", answers: dict[str, str]) -> None:
    for i, formula in enumerate(answers.values()):
        sight.page.locator(".step input").nth(i).fill(formula)


def quiet(sight: "Sight") -> bool:
    """Whether nothing was printed, and nothing asked for but the page itself."""
    return not sight.said and not sight.failed and sight.asked_for == [sight.address]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_is_right_in_the_page(look: "Look", language: str) -> None:
    for name in NAMES:
        sight = look(name, language)
        fill(sight, right(name))
        sight.page.locator(".check").click()
        verdict = sight.page.locator(".verdict").inner_text()
        assert words(language)["done"] in verdict, (name, verdict)
        assert sight.page.locator("[aria-invalid]").count() == 0
        assert quiet(sight), sight.said


def test_the_keyboard_does_everything(look: "Look") -> None:
    sight = look("softplus")
    keys = sight.page.keyboard
    sight.page.locator(".step input").focus()
    keys.type("dy / (1 + np.exp(x)")
    keys.press("Enter")
    said = sight.page.locator(".step .said")
    assert "The bracket ( is never closed: add )." in said.inner_text()
    assert sight.page.locator(".place mark").inner_text() == "("
    keys.press("End")  # the focus is back in the field
    keys.type(")")
    keys.press("Enter")
    assert "A factor is missing: the inner derivative" in said.inner_text()
    for step in (1, 2, 3):
        keys.press("Tab")
        assert sight.page.evaluate("document.activeElement.textContent") == f"Hint {step} of 3"
        keys.press("Enter")
        assert sight.page.locator(".hints li").count() == step
        keys.press("Shift+Tab")
    sight.page.locator(".step input").focus()
    keys.press("Control+A")
    keys.type("dy / (1 + np.exp(-x))")
    keys.press("Enter")
    assert "✓ correct, at all 15 entries." in said.inner_text()
    assert sight.page.locator(".step input").get_attribute("aria-invalid") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_read_is_said_and_nothing_is_lost(look: "Look", language: str) -> None:
    sight = look("linear", language)
    wrong = {"dW": "dz。T @ x", "db": "<b>dz</b>", "dx": "dz @ W.T"}
    fill(sight, wrong)
    sight.page.locator(".check").click()
    fields = sight.page.locator(".step input")
    assert [fields.nth(i).input_value() for i in range(3)] == [*wrong.values()]
    assert sight.page.locator(".step [aria-invalid]").count() == 3
    said = sight.page.locator(".step .said").all_inner_texts()
    assert "。" in said[0]
    assert "(5, 4)" in said[2]
    assert "(3, 4)" in said[2]
    assert sight.page.locator(".step b").count() == 0
    assert sight.page.evaluate("document.activeElement === document.querySelector('.step input')")
    assert quiet(sight), sight.said


def test_another_forward_is_measured(look: "Look") -> None:
    sight = look("tanh")
    sight.page.locator("summary").first.click()
    sight.page.locator("details input").fill("np.sin(x)")
    sight.page.locator(".step input").fill("np.cos(x) * dy")
    sight.page.locator(".check").click()
    assert "All correct." in sight.page.locator(".verdict").inner_text()
    sight.page.locator("details input").fill("np.sin(u)")
    sight.page.locator(".check").click()
    assert "the name “u” is not defined" in sight.page.locator("details .said").inner_text()
    assert sight.page.locator("details [aria-invalid]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, TABLET, 1280])
@pytest.mark.parametrize("language", LANGUAGES)
def test_all_can_be_read_and_axe_finds_nothing(
    look: "Look", language: str, width: int, scheme: str
) -> None:
    sight = look("layer-norm tanh", language, width, scheme)
    fill(sight, {"dgamma": "z * dy", "dbeta": "dy.sum(axis=0)", "dz": "(dy", "dx": "r * dz"})
    sight.page.locator(".step button").first.click()
    sight.page.locator(".check").first.click()
    sight.open_all()
    assert sight.page.evaluate("document.documentElement.scrollWidth") <= width
    unseen = sight.page.evaluate(CUT_OFF)
    assert all("unseen" in outer or "<input" in outer for outer in unseen), unseen
    low = [found for found in sight.page.evaluate(CONTRASTS) if found["contrast"] < 4.5]
    assert not low
    heights = sight.all(".exercise button:not([hidden]), .exercise input", "e.offsetHeight")
    assert min(heights) >= 44
    assert violations(sight.page) == []


def test_what_is_heard_names_each_answer(look: "Look") -> None:
    sight = look("momentum")
    fill(sight, {"v_new": "mu * v + g", "w_new": "w - rate * g"})
    sight.page.locator(".check").click()
    heard = sight.page.locator("[role=status]").text_content() or ""
    assert heard.startswith("v_new: correct, at all 4 entries. w_new: wrong at 4 of 4 entries.")
    assert heard.endswith("Not finished yet.")
    assert len(exercise("momentum").holes) == 2


def test_answers_are_in_the_address_and_come_back(look: "Look") -> None:
    sight = look("linear tanh")
    page = sight.page
    page.locator(".step input").nth(1).fill("dz.sum(axis=0) + 0")
    page.locator(".step input").nth(3).fill("(1 - y**2) * dy")
    page.wait_for_url(lambda url: "tanh.dx" in url)
    address = page.evaluate("location.href")
    assert "#answers&linear.db=dz.sum%28axis%3D0%29%20%2B%200&tanh.dx=%281%20" in address
    page.reload()
    fields = page.locator(".step input")
    assert fields.nth(1).input_value() == "dz.sum(axis=0) + 0"
    page.locator(".check").nth(1).click()
    assert "All correct." in page.locator(".verdict").nth(1).inner_text()
    page.evaluate("location.hash = 'exercise-2'")  # as a link within the page does
    page.wait_for_url(lambda url: "at=exercise-2" in url)
    page.reload()
    assert page.locator(".step input").nth(1).input_value() == "dz.sum(axis=0) + 0"
    for i in (1, 3):
        page.locator(".step input").nth(i).fill("")
    page.get_by_role("button", name="Copy link").first.click()
    assert page.locator(".hand-in").count() == 0  # there is no class
    assert not sight.failed


def test_an_address_with_anything_in_it_opens(look: "Look") -> None:
    sight = look("tanh")
    for fragment in ("#answers", "#answers&tanh.dx=1+2", "#%E0%A4%A", "#answers&at=%22%3E&x=%"):
        sight.page.goto("about:blank")
        sight.page.goto(sight.address + fragment)
        sight.page.locator(".check").click()
        assert "Not finished yet." in sight.page.locator(".verdict").inner_text(), fragment
    assert not sight.said
