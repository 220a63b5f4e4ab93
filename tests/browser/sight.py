"""How the tests look at a page: what is in it, where it is, and what happened as it loaded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = 1280, 390
HEIGHT = 800

# The rectangles of all text that is not in something that scrolls by itself, with the text.
TEXT_RECTANGLES = """() => {
  const found = [], range = document.createRange();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const scrolls = (e) => e && e !== document.body &&
    (getComputedStyle(e).overflowX === "auto" || scrolls(e.parentElement));
  for (let text; text = texts.nextNode();) {
    if (!text.data.trim() || scrolls(text.parentElement)) continue;
    range.selectNodeContents(text);
    for (const { left, right, width, height } of range.getClientRects())
      found.push({ text: text.data.trim(), left, right, width, height });
  }
  return found;
}"""

# Elements whose content is larger than they are, and cannot be scrolled to.
CUT_OFF = """() => [...document.body.querySelectorAll("*")].filter((e) => {
  const { overflowX, overflowY, display } = getComputedStyle(e);
  return display !== "inline" && !e.closest("svg") && (
    e.scrollWidth > e.clientWidth + 1 && overflowX !== "auto" ||
    e.scrollHeight > e.clientHeight + 1 && ["hidden", "clip"].includes(overflowY));
}).map((e) => e.outerHTML.slice(0, 99))"""

# The contrast of each piece of text with what is behind it, by WCAG 2.2's formula.
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3)
    .map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
    return a || !e.parentElement ? `rgb(${r}, ${g}, ${b})` : behind(e.parentElement);
  };
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; text = texts.nextNode();) {
    if (!text.data.trim()) continue;
    const e = text.parentElement;
    const [dark, bright] = [getComputedStyle(e).color, behind(e)].map(light).sort((a, b) => a - b);
    found.push({ text: text.data.trim(), contrast: (bright + 0.05) / (dark + 0.05) });
  }
  return found;
}"""

# Characters that are drawn like one that no font has, in the letters of the text or of the code.
MISSING_GLYPHS = """() => {
  const drawing = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const drawn = (character, font) => {
    drawing.canvas.width = drawing.canvas.height = 48;  // which clears it
    drawing.font = `24px ${font}`;
    drawing.fillText(character, 8, 32);
    return drawing.getImageData(0, 0, 48, 48).data.join();
  };
  const fonts = [document.body, document.querySelector("pre code")]
    .map((e) => getComputedStyle(e).fontFamily);
  return fonts.flatMap((font) => {
    const nothing = drawn("\\u0378", font), blank = drawn(" ", font);
    return [...new Set(document.body.textContent)]
      .filter((character) => character.trim())
      .filter((character) => [nothing, blank].includes(drawn(character, font)));
  });
}"""


@dataclass
class Sight:
    """A page as it is seen, and what happened while it was loaded."""

    page: "Page"
    address: str
    language: str
    width: int
    said: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def open_all(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")

    def all(self, selector: str, what: str) -> list[Any]:
        """`what`, an expression of `e`, of each element."""
        found: list[Any] = self.page.eval_on_selector_all(selector, f"all => all.map(e => {what})")
        return found


Look = Callable[..., Sight]


@contextmanager
def looking(browser: "Browser") -> Iterator[Callable[[str, str, int, Any], Sight]]:
    """Gives what opens pages, by address, language, width and scheme of colours."""
    contexts = []

    def at(address: str, language: str, width: int, scheme: Any) -> Sight:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        contexts.append(context)
        sight = Sight(context.new_page(), address, language, width)
        sight.page.on("console", lambda message: sight.said.append(message.text))
        sight.page.on("pageerror", lambda error: sight.said.append(str(error)))
        sight.page.on("request", lambda request: sight.asked_for.append(request.url))
        sight.page.on("requestfailed", lambda request: sight.failed.append(request.url))
        sight.page.goto(address)
        return sight

    yield at
    for context in contexts:
        context.close()


@contextmanager
def looking_in(browser: "Browser", folder: Path) -> Iterator[Look]:
    """Gives what opens the exported pages of a folder, by name, width and scheme of colours."""
    with looking(browser) as at:
        yield lambda name, width, scheme="light": at(
            (folder / f"{name}.html").as_uri(), "en", width, scheme
        )
