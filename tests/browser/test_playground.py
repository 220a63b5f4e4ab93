"""The playground as it opens: it trains, in every width, scheme and language, and asks nobody."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.notebook import Playground
from handgrad.learn.playground.state import State, state_of
from tests.browser.axe import violations
from tests.browser.shell import OPEN_ALL, Shell, opened
from tests.browser.sight import CONTRASTS, TEXT_RECTANGLES
from tests.learn.playground.test_links import OLD_LINKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

pytestmark = pytest.mark.browser

WIDTHS = (390, 820, 1280)
SIGHTS = [
    (width, scheme, language)
    for width, scheme, language in zip(
        (*WIDTHS, *WIDTHS),
        ("light", "dark", "light", "dark", "light", "dark"),
        ("en", "zh", "zh", "en", "en", "zh"),
        strict=True,
    )
]
READABLE = 4.5
DESKTOP = "document.getElementById('playground').store"
STEP = f"{DESKTOP}.frame.step"
SETS = "(found) => found.map((e) => e.dataset.set)"
INPUTS = "(found) => found.map((e) => e.dataset.input)"
# Controls that stick out of the card that they are in.
OUTSIDE = """() => [...document.querySelectorAll(".card :is(button, input, select, label, p, h2)")]
  .filter((e) => !e.closest(".diagram, .scrolls, .unseen, [class*=unseen]") && e.offsetParent)
  .filter((e) => {
    const box = e.getBoundingClientRect(), card = e.closest(".card").getBoundingClientRect();
    return box.width > 1 && (box.left < card.left - 1 || box.right > card.right + 1);
  }).map((e) => e.outerHTML.slice(0, 99))"""
OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll(".head, .neurons .label")]
    .map((e) => [e.textContent, e.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 &&
      a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([other]) => `${one} and ${other}`));
}"""


@pytest.fixture(params=SIGHTS, ids=lambda sight: "-".join(map(str, sight)))
def shell(browser: "Browser", address: str, request: pytest.FixtureRequest) -> Iterator[Shell]:
    width, scheme, language = request.param
    there: Any = {"color_scheme": scheme, "locale": language}
    with opened(browser, address, width, **there) as found:
        yield found


def test_it_trains_untouched_and_can_be_read_by_all(shell: Shell) -> None:
    page = shell.page
    before = shell.epoch
    shell.until(lambda: shell.epoch > before + 3, "it trains")
    shell.pause()
    page.evaluate(OPEN_ALL)
    page.locator(".neuron").nth(3).click()
    for part in range(0, 4000, 600):
        page.mouse.wheel(0, part)
    page.wait_for_timeout(300)

    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(OVERLAPS) == []
    faint = [text for text in page.evaluate(CONTRASTS) if text["contrast"] < READABLE]
    assert faint == []
    assert violations(page) == []
    assert all(text["left"] >= -1 for text in page.evaluate(TEXT_RECTANGLES))
    away = [url for url in shell.asked_for if not url.startswith(("file:", "blob:", "data:"))]
    assert away == []


@pytest.mark.parametrize(
    "layers", ["64,64,64,64,64,64,64,64,64,64,64,64", "1", "none", "3:ReLU,64"]
)
def test_nets_of_every_size_are_drawn(browser: "Browser", address: str, layers: str) -> None:
    with opened(browser, f"{address}#v=1&layers={layers}") as shell:
        shell.pause()
        units = [int(layer.split(":")[0]) for layer in layers.split(",") if layer != "none"]
        assert shell.page.locator(".neuron").count() == 2 + sum(units) + 2
        assert shell.page.evaluate(OVERLAPS) == []


def test_a_training_that_leaves_the_numbers_says_so_in_words(
    browser: "Browser", address: str
) -> None:
    link = "#v=1&problem=regression&data=plane&layers=8:ReLU&optimizer=SGD:learning_rate=10"
    with opened(browser, address + link, locale="en") as shell:
        notice = shell.page.locator(".notice.grave")
        shell.until(notice.is_visible, "it is said")
        assert "epoch" in notice.inner_text()
        assert "rewind" in notice.inner_text()
        shell.control("learning_rate").fill("0.01")
        shell.control("rewind").click()
        shell.until(lambda: not notice.is_visible(), "the notice goes")


def test_what_a_link_says_wrongly_is_named(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}#v=1&batch=0&colour=red", locale="en") as shell:
        said = shell.page.locator(".notice").inner_text()
        assert "batch_size" in said
        assert "colour" in said


def test_a_link_whose_inputs_are_none_opens_with_the_usual_ones(
    browser: "Browser", address: str
) -> None:
    link = f"{address}#v=1&inputs=x1;sim(x2)&layers=5"
    with opened(browser, link, locale="en") as shell:
        shell.until(lambda: shell.epoch > 2, "it trains")
        assert "no function sim" in shell.page.locator(".notice").inner_text()
        assert shell.page.locator(".chip[aria-pressed=true]").count() == 2
        assert shell.page.locator(".neuron").count() == 2 + 5 + 2
        shell.page.get_by_role("button", name="中文").click()
        shell.becomes("language", "zh")
        assert "没有函数 sim" in shell.page.locator(".notice").inner_text()  # said anew
        shell.becomes("inputs", ["x1", "x2"])


def test_a_lesson_hides_controls_and_tells_what_to_look_for(
    browser: "Browser", address: str
) -> None:
    link = f"{address}#v=1&hide=step;learning_rate;data;text&tutorial=overfitting"
    with opened(browser, link, locale="en") as shell:
        for name in ("step_epoch", "step_batch", "step_layer", "learning_rate", "data", "about"):
            assert not shell.control(name).is_visible()
        assert shell.control("loss").is_visible()
        assert "learns the noise" in shell.page.locator(".lesson:not(.challenge)").inner_text()


def test_out_of_view_it_rests_and_in_view_it_goes_on(
    browser: "Browser", address: str, tmp_path: Path
) -> None:
    around = tmp_path / "around.html"
    gap = '<div style="height: 4000px"></div>'
    around.write_text(f'<!doctype html>{gap}<iframe src="{address}" height="700"></iframe>{gap}')
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    shell = Shell(page)
    try:
        page.goto(around.as_uri())
        it = page.frames[1]
        play = it.locator("[data-control=play]")
        shell.until(lambda: it.evaluate(f"{DESKTOP}?.frame?.playing"), "it is to play")
        assert stands_still(it)
        assert it.evaluate(STEP) == 0
        scroll(page, it)
        shell.until(lambda: it.evaluate(STEP) > 20, "it trains in view")
        scroll(page)
        shell.until(lambda: stands_still(it), "it rests out of view")
        assert "on" in (play.get_attribute("class") or "")
        rested = it.evaluate(STEP)
        scroll(page, it)
        shell.until(lambda: it.evaluate(STEP) > rested, "it goes on")
        play.click()
        shell.until(lambda: stands_still(it), "it is paused")
        paused = it.evaluate(STEP)
        scroll(page)
        page.wait_for_timeout(500)
        scroll(page, it)
        assert stands_still(it)
        assert it.evaluate(STEP) == paused
        assert shell.errors == []
    finally:
        page.close()


def scroll(page: "Page", frame: "Frame | None" = None) -> None:
    """To what a page has in it, else back to its top."""
    if frame:
        frame.frame_element().scroll_into_view_if_needed()
    else:
        page.evaluate("scrollTo(0, 0)")


def stands_still(frame: "Frame") -> bool:
    """Whether it makes no step for half a second."""
    before = frame.evaluate(STEP)
    frame.page.wait_for_timeout(500)
    return bool(frame.evaluate(STEP) == before)


@pytest.mark.parametrize(("link", "parts"), OLD_LINKS, ids=range(len(OLD_LINKS)))
def test_links_of_tensorflow_playground_open(
    browser: "Browser", address: str, link: str, parts: dict[str, Any]
) -> None:
    state = state_of(parts)
    with opened(browser, address + link, locale="en") as shell:
        page = shell.page
        values = {name: shell.control(name).input_value() for name in shown_values(state)}
        assert values == shown_values(state)
        switches = {name: shell.control(name).is_checked() for name in ("plane_tests", "shuffle")}
        assert switches == {"plane_tests": state["view"]["test"], "shuffle": state["shuffle"]}
        assert shell.control("plane_discretize").is_checked() == state["view"]["discretize"]
        assert page.locator("[data-set][aria-checked=true]").evaluate_all(SETS) == [
            state["data"]["kind"]
        ]
        assert page.locator(".chip[aria-pressed=true]").evaluate_all(INPUTS) == state["inputs"]
        heads = page.locator(".head [role=radio] b").all_inner_texts()
        assert heads == [str(layer["units"]) for layer in state["layers"]]
        for name in state["hide"]:
            hidden = shell.control({"text": "about", "step": "step_epoch"}.get(name, name))
            assert (hidden.count(), hidden.is_visible()) == (1, False), name
        assert page.evaluate(f"{DESKTOP}.state") == state


def shown_values(state: State) -> dict[str, str]:
    """What fields show of a state, by their names."""
    activation, penalty = state["layers"][0]["activation"], state["penalty"]
    rate = float(str(state["optimizer"]["learning_rate"]))
    return {
        "problem": state["data"]["problem"],
        "noise": f"{state['data']['noise']:g}",
        "share": f"{state['share']:g}",
        "rows": str(state["data"]["n"]),
        "batch_size": str(state["batch_size"]),
        "loss": state["loss"],
        "learning_rate": np.format_float_positional(rate, trim="-"),
        "optimizer": str(state["optimizer"]["name"]),
        "activation": activation or "linear",
        "initializer": state["initializer"],
        "penalty": str(penalty["name"]) if penalty else "none",
        **({"penalty_rate": f"{penalty['alpha']:g}"} if penalty else {}),
    }


def test_a_net_of_ones_own_shows_no_controls_of_what_it_brings(
    browser: "Browser", tmp_path: Path
) -> None:
    scale = hg.layers.FeatureScale(5)
    net = hg.Net(hg.Linear(2, 5, rng=0), scale, hg.Tanh(), hg.Linear(5, 2, rng=1), hg.Softmax())
    path = tmp_path / "own.html"
    Playground(net).save(path)
    with opened(browser, path.as_uri(), locale="en") as shell:
        shell.until(lambda: shell.epoch > 2, "it trains")
        assert shell.page.locator(".neuron").count() == 2 + 5 + 2
        for name in ("layers", "layer_panel", "activation", "loss", "inputs", "data"):
            assert not shell.control(name).is_visible(), name
        assert shell.control("learning_rate").is_visible()
