"""The playground in the browser: opened, watched, and asked how far it has come."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE, PAUSE = 60_000, 50  # milliseconds, on a busy machine
EPOCH = "() => Number(document.querySelector('.counter b')?.textContent.replace(/\\D/g, '') ?? 0)"


@dataclass
class Playing:
    """A page that is open; what it has asked for, and what went wrong in it."""

    page: "Page"
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The epoch that it shows."""
        found: int = self.page.evaluate(EPOCH)
        return found

    def wait_for_epoch(self, epoch: int) -> None:
        """Until it has trained so far."""
        self.until(f"({EPOCH})() >= {epoch}")

    def until(self, expression: str) -> None:
        """Until it is true in the page, whose policy forbids what Playwright would wait with."""
        for _ in range(PATIENCE // PAUSE):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(PAUSE)
        raise AssertionError(f"not within {PATIENCE} ms: {expression}; {self.errors}")

    def is_training(self) -> None:
        """Until it has trained on from where it is."""
        self.wait_for_epoch(self.epoch + 2)

    def store(self, what: str, given: object = None) -> Any:
        """What an expression of `store` and `given` gives in the page."""
        begin = "async (given) => { const { store } = document.getElementById('playground');"
        return self.page.evaluate(f"{begin} return {what}; }}", given)

    def parameters(self, step: int) -> list[float]:
        """The parameters at a step, to which it goes."""
        self.store("store.session.goTo(given)", step)
        found: list[float] = self.store("[...(await store.session.request('model')).weights]")
        return found


@contextmanager
def playing(browser: "Browser", url: str, **options: Any) -> Iterator[Playing]:
    """The page at an address, in a window of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    try:
        yield opened(context, url)
    finally:
        context.close()


def opened(context: "BrowserContext", url: str) -> Playing:
    """The page at an address, one more of a window."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    found = Playing(page)
    page.on("request", lambda request: found.asked.append(request.url))
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on(
        "console",
        lambda said: found.errors.append(said.text) if said.type == "error" else None,
    )
    page.goto(url)
    return found


def with_policy(path: Path, old: str, new: str) -> Path:
    """A copy of a page whose policy has something else in a place."""
    text = path.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert old in policy[1]
    changed = path.with_name(f"changed-{path.name}")
    changed.write_text(text.replace(policy[1], policy[1].replace(old, new)), "utf-8")
    return changed
