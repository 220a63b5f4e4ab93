"""The playground's controls as a test touches them: by name, by keyboard or by pointer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from handgrad.learn.playground.state import State, state_in, value_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

PATIENCE, PAUSE = 30_000, 50  # milliseconds, on a busy machine
OPEN_ALL = "document.querySelectorAll('details').forEach((e) => { e.open = true; })"


class Shell:
    """An open playground; `errors` are what the browser said, `asked_for` what it loaded."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked_for: list[str] = []
        page.on("request", lambda request: self.asked_for.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text))

    def control(self, name: str) -> "Locator":
        return self.page.locator(f'[data-control="{name}"]').first

    def reveal(self, name: str) -> "Locator":
        """The control, with what it lies in open."""
        found = self.control(name)
        found.evaluate(
            "(e) => { for (; e; e = e.parentElement) if (e.open === false) e.open = 1; }"
        )
        return found

    def until(self, what: Callable[[], object], why: str) -> None:
        """Until something is so; the page's policy forbids what Playwright would wait with."""
        for _ in range(PATIENCE // PAUSE):
            if what():
                return
            self.page.wait_for_timeout(PAUSE)
        raise AssertionError(f"not so after {PATIENCE} ms: {why}; {self.errors}")

    @property
    def epoch(self) -> int:
        return int(self.page.locator(".counter b").inner_text())

    @property
    def state(self) -> State:
        """The state, by the link in the address."""
        return state_in(self.page.url)

    def value(self, path: str) -> object:
        """What stands at a path of the state: `layers.0.units`."""
        name, *rest = path.split(".")
        if name != "layers" or not rest:
            return value_at(self.state, path)
        layers: list[Any] = self.state["layers"]
        return len(layers) if rest[0] == "length" else layers[int(rest[0])][rest[1]]

    def becomes(self, path: str, expected: object) -> None:
        self.until(lambda: self.value(path) == expected, f"{path} is {expected!r}")

    def pause(self) -> None:
        if "on" in (self.control("play").get_attribute("class") or ""):
            self.control("play").click()
        self.until(lambda: "on" not in (self.control("play").get_attribute("class") or ""), "pause")


# Where less motion is wished for, as here, a page trains only when it is told to.
PLAY = """({ state, session } = document.getElementById("playground").store) =>
  state.at.step || session.play()"""

PLAYS = """({ frame, state } = document.getElementById("playground").store) =>
  state.at.step || frame?.playing || frame?.step"""


# What opens in the simple view is shown with all controls.
MORE = """() => document.querySelector(".playground.simple") &&
  document.querySelector("[data-control=more]").click()"""


@contextmanager
def opened(
    browser: "Browser",
    address: str,
    width: int = 1280,
    *,
    still: bool = False,
    simple: bool = False,
    **options: Any,
) -> Iterator[Shell]:
    """The playground at an address, once its net is there; it trains unless it is to be `still`.

    It has all controls, unless it is to stay as `simple` as it opens.
    """
    viewport = {"width": width, "height": 800}
    context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
    try:
        shell = Shell(context.new_page())
        shell.page.goto(address)
        shell.until(lambda: shell.page.locator(".neuron").count(), "the net is there")
        if not simple:
            shell.page.evaluate(f"({MORE})()")
        if not still:
            shell.page.evaluate(f"({PLAY})()")
            shell.until(lambda: shell.page.evaluate(f"({PLAYS})()"), "it trains, or has trained")
        yield shell
        assert shell.errors == [], shell.errors
    finally:
        context.close()
