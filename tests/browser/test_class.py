"""Forty browser sessions hand in to the server of a class, which is killed in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import handgrad as hg
from handgrad.files.html import json_in_page
from handgrad.files.scripts import inlined
from tests.browser.axe import violations
from tests.browser.sight import CONTRASTS, CUT_OFF, PHONE
from tests.learn.classroom.room import Room, records, room

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser

SESSIONS = 40
WAIT = 60_000  # milliseconds, on a busy machine


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Room]:
    """A class without a site, with the exercises alone."""
    with room(tmp_path / "in") as started:
        yield started


def fill(page: "Page", name: str, formula: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.locator(".step input").fill(formula)


def open_exercise(context: "BrowserContext", one: Room, key: str, language: str = "en") -> "Page":
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{one.port}/class/{language}/{key}.html")
    return page


def test_forty_sessions_hand_in_and_no_answer_is_lost(browser: "Browser", one: Room) -> None:
    contexts = [browser.new_context() for _ in range(SESSIONS)]
    pages = [open_exercise(context, one, "tanh") for context in contexts]
    for i, page in enumerate(pages):
        fill(page, f"P{i // 2}", f"(1 - y**2) * dy + {i} * 0")  # two people of each name
    for page in pages[: SESSIONS // 2]:
        page.locator(".hand-in").click(no_wait_after=True)
    assert one.process is not None
    one.process.kill()
    one.process.communicate()
    for page in pages[SESSIONS // 2 :]:
        page.locator(".hand-in").click()
    waiting = pages[-1].locator(".handed")
    pages[-1].get_by_text("Not received yet").wait_for(timeout=WAIT)
    assert "leave this page open" in waiting.inner_text()
    one.start()
    for page in pages:
        page.get_by_text("✓ Handed in.").wait_for(timeout=WAIT)
    kept = records(one.folder)
    assert sorted(hand_in.answers["dx"] for hand_in in kept) == sorted(
        f"(1 - y**2) * dy + {i} * 0" for i in range(SESSIONS)
    )
    assert one.stop() == 0
    marks = hg.grade(one.folder)
    assert len({mark.name for mark in marks}) == SESSIONS
    assert all(mark.right == mark.of == 1 for mark in marks)
    for context in contexts:
        context.close()


def test_what_was_not_received_is_sent_when_the_page_is_opened_again(
    browser: "Browser", one: Room
) -> None:
    context = browser.new_context()
    page = open_exercise(context, one, "tanh")
    fill(page, "Ada", "dy")
    assert one.process is not None
    one.process.kill()
    one.process.communicate()
    page.locator(".hand-in").click()
    page.get_by_text("Not received yet").wait_for(timeout=WAIT)
    page.close()  # the lid is shut
    one.start()
    page = open_exercise(context, one, "relu")
    page.wait_for_function("!Object.keys(localStorage).some((key) => key.includes('waiting'))")
    assert [(r.name, r.exercise, r.answers) for r in records(one.folder)] == [
        ("Ada", "tanh", {"dx": "dy"})
    ]
    assert page.get_by_label("Your name").input_value() == "Ada"
    context.close()


def test_two_tabs_are_one_person_and_lose_nothing(browser: "Browser", one: Room) -> None:
    context = browser.new_context()
    tabs = [open_exercise(context, one, key) for key in ("tanh", "relu")]
    assert one.process is not None
    one.process.kill()
    one.process.communicate()
    for tab in tabs:
        fill(tab, "Ada", "dy")
        tab.locator(".hand-in").click()
        tab.get_by_text("Not received yet").wait_for(timeout=WAIT)
    tabs[0].close()
    one.start()
    tabs[1].get_by_text("✓ Handed in.").wait_for(timeout=WAIT)
    kept = records(one.folder)
    assert {hand_in.exercise for hand_in in kept} == {"tanh", "relu"}
    assert len({hand_in.who for hand_in in kept}) == 1
    context.close()


def test_a_browser_without_storage_hands_in(browser: "Browser", one: Room) -> None:
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('closed'); } })"
    )
    page = open_exercise(context, one, "tanh")
    fill(page, "Ada", "dy")
    for _ in range(2):
        page.locator(".hand-in").click()
        page.locator(".handed.right").wait_for(timeout=WAIT)
    assert len({hand_in.who for hand_in in records(one.folder)}) == 1
    context.close()


def test_a_name_is_needed_and_long_answers_are_refused(browser: "Browser", one: Room) -> None:
    context = browser.new_context()
    page = open_exercise(context, one, "tanh@7", "zh")
    page.locator(".hand-in").click()
    assert page.locator(".handed").inner_text() == "请先填写姓名。"
    page.get_by_label("姓名").fill("../李")
    page.locator(".step input").fill("x" * 2**20)
    page.locator(".hand-in").click()
    page.locator(".handed.wrong").wait_for(timeout=WAIT)
    page.locator(".step input").fill("x" * 3000)
    page.locator(".hand-in").click()
    page.get_by_text("✗ 未被接受：3,000 个字符的答案").wait_for(timeout=WAIT)
    page.locator(".step input").fill("1")
    page.locator(".hand-in").click()
    page.locator(".handed.right").wait_for(timeout=WAIT)
    [kept] = records(one.folder)
    assert (kept.name, kept.exercise) == ("../李", "tanh@7")
    assert "name=..%2F%E6%9D%8E" in page.url
    context.close()


def test_the_site_has_the_button_too_and_asks_nobody_else(
    browser: "Browser", tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "exercises.js").write_text(inlined("exercises/main.js"), "utf-8")
    data = json_in_page(hg.exercise("tanh").data())
    (site / "index.html").write_text(
        '<!DOCTYPE html><html><head><script src="exercises.js" defer></script></head><body>'
        f'<section data-exercise><script type="application/json">{data}</script></section>',
        "utf-8",
    )
    with room(tmp_path / "in", str(site)) as one:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{one.port}/")
        fill(page, "Ada", "dy")
        page.locator(".hand-in").click()
        page.locator(".handed.right").wait_for(timeout=WAIT)
        assert all(url.startswith(f"http://127.0.0.1:{one.port}/") for url in asked)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_of_a_class_can_be_read(
    browser: "Browser", one: Room, language: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = open_exercise(context, one, "linear", language)
    page.locator(".class .name").fill("Ada")
    page.locator(".hand-in").click()
    page.locator(".handed.right").wait_for(timeout=WAIT)
    for address in (page.url, page.url.rpartition("/")[0] + "/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        unseen = page.evaluate(CUT_OFF)
        assert all("unseen" in outer or "<input" in outer for outer in unseen), unseen
        assert not [text for text in page.evaluate(CONTRASTS) if text["contrast"] < 4.5]
        assert violations(page) == []
    context.close()
