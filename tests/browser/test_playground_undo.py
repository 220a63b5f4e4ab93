"""Undo and redo in the playground: points, settings, weights and nets come back, to the bit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.state import state_of
from tests.browser.shell import Shell, opened
from tests.learn.playground.in_node import fragment_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

STORE = "document.getElementById('playground').store"
# The state and weights of a page that stands where it is to stand, or null.
SHOWN = f"""async () => {{
  const {{ session, frame, changes }} = {STORE};
  if (frame?.begun !== session.begun || frame.target !== null || frame.playing) return null;
  const {{ weights }} = await session.request("model");
  const state = {{ ...session.state, at: {{ step: frame.step }} }};
  const count = [changes.past.length, changes.future.length];
  return {{ state, weights: [...weights], count }};
}}"""
SEPARATE = 40  # pixels between points that are drawn


@pytest.fixture
def shell(browser: "Browser", address: str) -> Iterator[Shell]:
    with opened(browser, f"{address}#v=1&n=100", still=True, locale="en") as found:
        yield found


def shown(shell: Shell, changes: int, undone: int) -> dict[str, Any]:
    """The page, once so many changes can be undone, and so many redone."""
    found: list[dict[str, Any]] = []

    def stands() -> bool:
        now = shell.page.evaluate(SHOWN)
        if now and now["count"] == [changes, undone]:
            found.append(now)
        return bool(found)

    shell.until(stands, f"{changes} changes, {undone} undone")
    return {"state": {**found[0]["state"], "view": None}, "weights": found[0]["weights"]}


def trained(shell: Shell, epochs: int) -> None:
    for _ in range(epochs):
        before = shell.epoch
        shell.control("step_epoch").click()
        shell.until(lambda before=before: shell.epoch == before + 1, "an epoch")  # type: ignore[misc]


def draw(shell: Shell, n: int) -> None:
    """Draw so many points by the mouse, each by a press of its own."""
    shell.page.locator(".tools input[value=draw]").check()
    points = shell.page.locator("canvas.points")
    points.scroll_into_view_if_needed()
    for i in range(n):
        points.click(position={"x": 30 + SEPARATE * (i % 5), "y": 30 + SEPARATE * (i // 5)})
        shell.until(
            lambda i=i: shell.page.evaluate(f"{STORE}.changes.past.length") == i + 1,  # type: ignore[misc]
            "the point is there",
        )


def is_replayed(seen: dict[str, Any]) -> None:
    state = state_of({**seen["state"], "view": {}})
    net, _ = hg.learn.replay(fragment_of(state))
    np.testing.assert_array_equal(np.array(seen["weights"], np.float32), net.parameters)


def test_points_drawn_by_mouse_come_back_after_another_set(shell: Shell) -> None:
    first = shown(shell, 0, 0)
    draw(shell, 20)
    trained(shell, 2)
    drawn = shown(shell, 20, 0)
    assert drawn["state"]["data"]["kind"] == "rows"
    shell.page.locator('[data-set="xor"]').click()
    xor = shown(shell, 21, 0)
    is_replayed(xor)
    shell.page.keyboard.press("Control+z")
    again = shown(shell, 20, 1)
    assert again == drawn
    assert again["state"]["at"]["step"] > 0
    is_replayed(again)
    for left in range(19, -1, -1):
        shell.page.keyboard.press("Control+z")
        now = shown(shell, left, 21 - left)
    assert now == first
    for done in range(1, 21):
        shell.page.keyboard.press("Control+Shift+z" if done % 2 else "Control+y")
    assert shown(shell, 20, 1) == drawn
    shell.control("redo").click()
    assert shown(shell, 21, 0) == xor


def change_rate(shell: Shell) -> None:
    shell.control("learning_rate").fill("0.3")
    shell.control("learning_rate").press("Enter")


def change_weight(shell: Shell) -> None:
    shell.page.locator('.neuron[data-column="1"]').first.click()
    field = shell.page.locator(".weight-editor input").first
    field.fill("2.5")
    field.press("Enter")


def change_seed(shell: Shell) -> None:
    shell.control("reset").click()


def change_layers(shell: Shell) -> None:
    shell.control("add_layer").click()


def change_optimizer(shell: Shell) -> None:
    shell.control("optimizer").select_option("Adam")


def change_noise(shell: Shell) -> None:
    shell.control("noise").press("ArrowRight")


def change_inputs(shell: Shell) -> None:
    shell.page.locator('[data-input="x1*x2"]').click()


CHANGES = (
    change_rate, change_weight, change_seed, change_layers, change_optimizer, change_noise,
    change_inputs,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_each_change_is_undone_and_redone_to_the_bit(shell: Shell, change: Any) -> None:
    trained(shell, 3)
    before = shown(shell, 0, 0)
    change(shell)
    shown(shell, 1, 0)
    trained(shell, 1)
    after = shown(shell, 1, 0)
    assert after != before
    shell.page.keyboard.press("Control+z")
    assert shown(shell, 0, 1) == before
    shell.page.keyboard.press("Control+y")
    assert shown(shell, 1, 0) == after
    is_replayed(after)


def test_a_state_that_is_opened_is_undone(shell: Shell, tmp_path: Path) -> None:
    trained(shell, 1)
    before = shown(shell, 0, 0)
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"data": {"kind": "moons"}, "seed": 4}), "utf-8")
    shell.reveal("files").locator("[type=file]").set_input_files(file)
    assert shown(shell, 1, 0)["state"]["data"]["kind"] == "moons"
    shell.control("undo").click()
    assert shown(shell, 0, 1) == before


def test_what_is_only_seen_or_refused_is_no_change(shell: Shell) -> None:
    undo, redo = shell.control("undo"), shell.control("redo")
    assert undo.is_disabled()
    assert redo.is_disabled()
    shell.control("plane_tests").check()
    shell.page.locator("#tab-race").click()
    shell.page.get_by_role("button", name="中文").click()
    shell.control("batch_size").fill("-3")
    shell.control("batch_size").press("Enter")
    shown(shell, 0, 0)
    shell.control("add_input").fill("log(-x1-9)")
    shell.page.locator(".adding button").click()
    shell.until(shell.page.locator(".notice").is_visible, "it is refused")
    shown(shell, 0, 0)
    assert undo.is_disabled()
    change_seed(shell)
    shell.until(undo.is_enabled, "this can be undone")
    undo.click()
    shell.until(redo.is_enabled, "this can be redone")
    change_layers(shell)
    shell.until(redo.is_disabled, "another change is the last one")
    assert shell.page.locator(".playground").get_attribute("lang") == "zh"
    assert shell.control("plane_tests").is_checked()


def test_text_that_is_being_typed_is_the_browsers_to_undo(shell: Shell) -> None:
    change_layers(shell)
    before = shown(shell, 1, 0)
    field = shell.control("add_input")
    field.press_sequentially("cos")
    field.press("Control+z")
    assert field.input_value() != "cos"
    assert shown(shell, 1, 0) == before
    shell.control("learning_rate").fill("0.3")
    shell.control("learning_rate").press("Enter")
    shown(shell, 2, 0)
    shell.control("learning_rate").press("Control+z")  # of the page, as it is applied
    assert shown(shell, 1, 1) == before
    assert shell.control("learning_rate").input_value() == "0.03"


def test_redo_returns_to_the_last_step_after_a_quick_undo(shell: Shell) -> None:
    change_layers(shell)
    shell.page.evaluate(f"{STORE}.session.goTo(6000)")
    shell.until(lambda: shell.page.evaluate(f"{STORE}.frame.step") == 6000, "it is there")
    far = shown(shell, 1, 0)
    change_noise(shell)
    noisy = shown(shell, 2, 0)
    for key in ("Control+z", "Control+z", "Control+y"):
        shell.page.keyboard.press(key)
    assert shown(shell, 1, 1) == far
    shell.page.keyboard.press("Control+y")
    assert shown(shell, 2, 0) == noisy
