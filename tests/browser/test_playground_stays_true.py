"""What the playground shows belongs together: heads, words, tables and address, and no surprise."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from handgrad.learn.playground.state import state_in
from tests.browser.shell import Shell, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

At = Callable[[str], Shell]
DESKTOP = "document.getElementById('playground').store"
# How far each layer's head is from the middle of its column of neurons.
HEADS = """[...document.querySelectorAll('.head')].map((head, i) => {
  const middle = (e) => e.getBoundingClientRect().left + e.getBoundingClientRect().width / 2;
  return middle(head) - middle(document.querySelector(`.neuron[data-column="${i + 1}"]`));
})"""


@pytest.fixture
def at(browser: "Browser", address: str) -> Iterator[At]:
    """Opens a link, in English, where less motion is wished for: it stands still."""
    with ExitStack() as pages:
        yield lambda link: pages.enter_context(
            opened(browser, f"{address}#v=1&{link}", still=True, locale="en")
        )


def draw_point(shell: Shell) -> None:
    shell.page.locator(".tools input[value=draw]").check()
    points = shell.page.locator("canvas.points")
    points.scroll_into_view_if_needed()
    points.click(position={"x": 40, "y": 60})
    shell.becomes("data.kind", "rows")


def heads_are_above(shell: Shell, layers: int) -> None:
    """In the moment, as nobody waits for it."""
    away: list[float] = shell.page.evaluate(HEADS)
    assert len(away) == layers
    assert max(map(abs, away)) < 2


def test_heads_of_layers_stay_above_their_columns(at: At) -> None:
    shell = at("layers=4,3,2")
    heads_are_above(shell, 3)
    draw_point(shell)
    heads_are_above(shell, 3)
    shell.page.locator(".head [role=radio]").nth(1).click()
    heads_are_above(shell, 3)
    shell.page.get_by_role("button", name="中文").click()
    heads_are_above(shell, 3)


def test_a_chosen_neuron_that_another_net_lacks_is_left(at: At) -> None:
    shell = at("data=spiral&classes=5&layers=4")
    last = shell.page.locator('.neuron[data-column="2"][data-unit="4"]')
    last.click()
    assert shell.page.evaluate(f"{DESKTOP}.pointed.fixed")
    shell.control("add_layer").click()
    shell.until(lambda: shell.page.locator('.neuron[data-column="3"]').count() == 5, "two layers")
    assert last.count() == 0
    assert shell.page.evaluate(f"{DESKTOP}.pointed") is None


@pytest.mark.parametrize("layers", ["none", "4,2"])
def test_neurons_are_pressed_where_they_are_drawn(at: At, layers: str) -> None:
    shell = at(f"inputs=x1&layers={layers}")
    middles: list[float] = shell.page.evaluate("""() => [".net-stage canvas", ".neuron"]
      .map((which) => document.querySelector(which).getBoundingClientRect())
      .map(({ top, height }) => top + height / 2)""")
    assert abs(middles[0] - middles[1]) < 2


def test_a_drawn_point_says_whether_it_trains(at: At) -> None:
    shell = at("n=9&share=30")
    draw_point(shell)
    hint = shell.page.locator(".editing .hint")
    shell.until(lambda: "The last point drawn" in hint.inner_text(), "it is said")
    trains = shell.page.evaluate(
        f"(async () => [...(await {DESKTOP}.session.request('rows')).trains])()"
    )
    assert sum(trains) == 3
    expected = (
        "The last point drawn is a training point, as 3 of 10 are"
        if trains[-1]
        else "The last point drawn is a test point, as 7 of 10 are"
    )
    assert expected in hint.inner_text()
    shell.page.locator('[data-set="xor"]').click()
    shell.until(lambda: "The last point drawn" not in hint.inner_text(), "it is drawn no more")


def test_where_less_motion_is_wished_for_it_trains_when_it_is_told_to(at: At) -> None:
    shell = at("")
    shell.page.wait_for_timeout(500)
    assert shell.epoch == 0
    assert not shell.page.evaluate(f"{DESKTOP}.frame.playing")
    shell.control("play").click()
    shell.until(lambda: shell.epoch > 2, "it trains")


def test_the_status_says_where_it_stands_after_every_step(at: At) -> None:
    shell = at("")
    status = shell.page.locator(".playground > [role=status]")

    def says(text: str) -> None:
        shell.until(lambda: text in (status.text_content() or ""), text)

    says("Paused at epoch 0,")
    shell.control("step_epoch").click()
    says("Paused at epoch 1,")
    loss = status.text_content()
    shell.control("step_batch").click()
    shell.until(lambda: status.text_content() != loss, "another loss")
    shell.control("rewind").click()
    says("Paused at epoch 0,")
    shell.control("play").click()
    says("Training.")
    shell.control("play").click()
    says("Paused at epoch ")
    shell.page.get_by_role("button", name="中文").click()
    says("停在第")


def test_the_address_has_the_step_in_a_pause_and_the_begin_while_it_trains(at: At) -> None:
    shell = at("")
    shell.control("step_epoch").click()
    shell.becomes("at.step", 25)
    shell.control("play").click()
    shell.until(lambda: shell.epoch > 3, "it trains")
    shell.becomes("at.step", 0)
    shell.pause()
    step = shell.page.evaluate(f"{DESKTOP}.frame.step")
    assert step > 75
    shell.becomes("at.step", step)


def test_tables_of_weights_stay_whole_through_two_changes_at_once(at: At) -> None:
    shell = at("")
    shell.page.locator(".weight-tables summary").click()
    shell.page.evaluate(f"""() => {{
      const layers = {DESKTOP}.state.layers;
      {DESKTOP}.change({{ layers: [...layers, ...layers, ...layers] }});
      {DESKTOP}.change({{ inputs: ["x1", "x2", "x1*x2", "x1**2"] }});
    }}""")
    tables = shell.page.locator(".weight-tables table")
    shell.until(lambda: tables.count() == 7, "the tables of seven layers")
    assert tables.first.locator("tr").first.locator("th").count() == 6
    assert "NaN" not in shell.page.locator(".weight-tables").inner_text()


def test_a_part_that_fails_is_told_and_the_others_go_on(browser: "Browser", address: str) -> None:
    with opened(browser, address, still=True, locale="en") as shell:
        shell.page.evaluate(f"""() => {{
          const {{ watchers }} = {DESKTOP};
          watchers.frame.unshift(() => {{ throw new Error("this view"); }});
        }}""")
        shell.control("step_epoch").click()
        shell.until(lambda: shell.epoch == 1, "the counter goes on")
        notice = shell.page.locator(".notice").inner_text()
        assert "A part of this page failed (this view)." in notice
        assert [error for error in shell.errors if "this view" not in error] == []
        shell.errors.clear()
        shell.control("step_epoch").click()
        shell.until(lambda: shell.epoch == 2, "and on")


def test_controls_that_a_link_hides_by_commas_are_away(at: At) -> None:
    link = "data=spiral&hide=optimizer,loss,initializer,penalty,schedule&tutorial=inputs"
    shell = at(link)
    for name in ("optimizer", "loss", "initializer", "penalty", "schedule"):
        assert not shell.control(name).is_visible()
    assert shell.page.locator(".lesson:not(.challenge)").is_visible()
    assert not shell.page.locator(".notice").is_visible()
    assert state_in(f"#{link}") == {**shell.state, "at": {"step": 0}}


def test_a_net_that_has_learnt_is_not_called_ill(at: At) -> None:
    shell = at(
        "data=gauss&optimizer=SGD:learning_rate=1&stop=%7B%22epoch%22:3000%7D&view=%7B%22speed%22:0%7D"
    )
    shell.page.locator("#tab-health").click()
    shell.control("play").click()
    shell.until(
        lambda: not shell.page.evaluate(f"{DESKTOP}.frame.playing") and shell.epoch, "learnt"
    )
    words = shell.page.locator("#panel-health")
    words.scroll_into_view_if_needed()
    # the last frame may be looked at later than it comes
    shell.until(lambda: "little is left" in words.inner_text(), "the changes are there")
    assert shell.page.evaluate(f"{DESKTOP}.frame.losses.train") < 0.001
    assert "hardly learns" not in words.inner_text()
    assert "little is left to learn" in words.inner_text()
