"""What a page trains in Chromium, in a worker, Python makes again from its link, to the bit."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.playground.state import state_of
from tests.browser.playing import Playing, playing
from tests.learn.playground.in_node import fragment_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
NO_WORKER = "delete window.Worker;"
# The page's script makes its worker of its own text.
COUNTED = """window.workers = 0;
const Own = window.Worker;
window.Worker = class extends Own { constructor(url) { super(url); window.workers += 1; } };"""


STATES: dict[str, dict[str, Any]] = {
    "as it opens": {},
    "a spiral, Adam, dropout, a schedule": {
        "data": {"kind": "spiral", "n": 200, "noise": 5},
        "inputs": ["x1", "x2", "sin(x1)", "x1*x2"],
        "layers": [
            {"units": 8, "activation": "GELU", "normalization": None, "dropout": 0.1,
             "frozen": False},
        ],
        "optimizer": {"name": "Adam", "learning_rate": 0.01},
        "schedule": {"name": "one_cycle", "epochs": 60},
    },
}  # fmt: skip


@pytest.mark.parametrize("worker", [True, False], ids=["worker", "no worker"])
@pytest.mark.parametrize("name", STATES)
def test_a_page_is_replayed_to_the_bit(
    browser: "Browser", address: str, name: str, worker: bool
) -> None:
    link = f"{address}#{fragment_of(state_of(STATES[name]))}"
    with playing(browser, "about:blank") as open_page:
        page = open_page.page
        page.add_init_script(COUNTED if worker else NO_WORKER)
        page.goto(link)
        check(open_page)
        assert page.evaluate("window.workers ?? 0") == int(worker)


def check(open_page: Playing) -> None:
    """It plays, learns on at another rate, is paused, and its link leads to the same net."""
    open_page.wait_for_epoch(20)
    rate = {"learning_rate": 0.003}
    set_rate = "store.change({ optimizer: { ...store.state.optimizer, ...given } })"
    open_page.store(set_rate, rate)
    open_page.wait_for_epoch(40)
    open_page.store("store.session.pause()")
    step = open_page.store("(await store.session.request('model'), store.frame.step)")
    weights = open_page.parameters(step)
    state = open_page.store("store.session.state")
    assert [event["set"] for event in state["events"]][-1] == rate
    state = {**state, "at": {"step": step}}
    net, history = hg.learn.replay("#" + fragment_of(state_of(state)))
    np.testing.assert_array_equal(np.array(weights, np.float32), net.parameters)
    assert history[-1].epoch >= 39
