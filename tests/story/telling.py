"""A telling of the whole story, made once for all tests, and a tiny story for what needs many."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import mkdtemp

import pytest

from handgrad.plots.finishing import off_screen, words_of
from handgrad.story import telling
from handgrad.story.chapters import Block, Chapter, Picture, Story, read_story
from handgrad.story.running import Outcome, run_block
from tests.cli.run import handgrad

PLOT = "import handgrad as hg\nhg.plot_cross_entropy()"


@cache
def told() -> tuple[Path, str]:
    """The folder of a demo in both languages, English first, and what was printed."""
    folder = Path(mkdtemp()) / "demo"
    result = handgrad("demo", "--language", "en", "--language", "zh", "--out", folder)
    assert result.exit_code == 0, result.exception
    return folder, result.output


@cache
def outcomes() -> list[Outcome]:
    """What each block of the story led to."""
    off_screen()
    namespace: dict[str, object] = {}
    return [run_block(block.code, namespace) for block in read_story("en").blocks]


@cache
def words_in_pictures() -> set[str]:
    """All texts in the pictures of the story, as they are when drawn."""
    found: set[str] = set()
    for outcome in outcomes():
        if outcome.figure is not None:
            outcome.figure.draw_without_rendering()
            found |= {line for text in words_of(outcome.figure) for line in text.split("\n")}
    return found


def tell_a_tiny_story(monkeypatch: pytest.MonkeyPatch, code: str = "6 * 7\n") -> None:
    """From now on the story has one chapter: a word, a number and a picture."""

    def tiny(language: str) -> Story:
        picture = Picture("1.png", "two curves", "Two curves.")
        parts = ("A *word*.", Block(code), Block(PLOT, picture))
        return Story(language, "Title", "Opening.", (Chapter("First", parts),))

    monkeypatch.setattr(telling, "read_story", tiny)


class Page(HTMLParser):
    """The tags of a page with their attributes, in order, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each such tag."""
        return [attributes for name, attributes in self.tags if name == tag]
