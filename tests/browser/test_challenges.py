"""Challenges of the playground: a goal, a score, and what does not count."""

from typing import TYPE_CHECKING

import pytest

from tests.browser.shell import Shell, opened
from tests.browser.sight import PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

LINK = "#v=1&data={}&noise=10&layers={}&optimizer=Adam:learning_rate=0.03&tutorial=challenge_{}"


def score(shell: Shell) -> str:
    return shell.page.locator(".challenge").inner_text()


def with_units(shell: Shell, units: int) -> None:
    others = "activation: 'Tanh', normalization: null, dropout: 0, frozen: false"
    layer = f"{{ units: {units}, {others} }}"
    shell.page.evaluate(
        f"document.getElementById('playground').store.change({{ layers: [{layer}] }})"
    )


def test_a_goal_that_is_reached_is_a_score(browser: "Browser", address: str) -> None:
    with opened(browser, address + LINK.format("circle", 5, "circle"), locale="en") as shell:
        assert "enclose a circle" in shell.page.locator(".lesson").first.inner_text()
        shell.until(lambda: "Reached with 5 hidden neurons" in score(shell), "the goal")
        with_units(shell, 1)  # which cannot reach it; the last frame is of the net before
        shell.until(lambda: score(shell).startswith("1 hidden neurons"), "the smaller net")
        shell.until(lambda: shell.epoch > 20, "it trains")
        assert "Reached with 5 hidden neurons" in score(shell)
        with_units(shell, 4)
        shell.until(lambda: "Reached with 4 hidden neurons" in score(shell), "fewer neurons")
        shell.page.get_by_role("button", name="中文").click()
        shell.until(lambda: "用 4 个隐藏神经元达到目标" in score(shell), "Chinese")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("{ inputs: ['x1', 'x2', 'x1**2'] }", "only x₁ and x₂ may be inputs"),
        ("{ data: { kind: 'gauss' } }", "its own data"),
        ("{ data: { noise: 5 } }", "noise of at least 10"),
        ("{ share: 90 }", "at least 200 test points"),
    ],
)
def test_what_makes_it_easy_does_not_count(
    browser: "Browser", address: str, change: str, text: str
) -> None:
    with opened(browser, address + LINK.format("circle", 8, "circle"), locale="en") as shell:
        shell.pause()
        shell.page.evaluate(f"document.getElementById('playground').store.change({change})")
        shell.until(lambda: text in score(shell), text)


def test_without_a_challenge_there_is_no_score(browser: "Browser", address: str) -> None:
    for name in ("inputs", "challenge_nothing", "constructor", ""):
        with opened(browser, f"{address}#v=1&tutorial={name}", still=True) as shell:
            assert not shell.page.locator(".challenge").is_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_challenge_fits_a_phone(browser: "Browser", address: str, language: str) -> None:
    link = address + LINK.format("spiral", "8:ReLU,8:ReLU", "spiral")
    with opened(browser, link, PHONE, locale=language, color_scheme="dark") as shell:
        assert shell.page.evaluate("document.documentElement.scrollWidth") <= PHONE
