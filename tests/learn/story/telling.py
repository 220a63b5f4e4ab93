"""A telling of the whole story, made once for all tests, and a tiny story for what needs many."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import matplotlib
import pytest
from matplotlib.text import Text

from handgrad.learn.story import runner
from handgrad.learn.story.chapters import Block, Chapter, Picture, Story, read_story
from handgrad.learn.story.page import Outcome
from handgrad.learn.story.runner import run_block
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
def run() -> tuple[list[Outcome], set[str]]:
    """What each block of the story led to, and all texts in its pictures, as they are drawn."""
    matplotlib.use("agg")
    namespace: dict[str, object] = {}
    words: set[str] = set()

    def note(figure: Any) -> None:
        figure.draw_without_rendering()
        words.update(line for text in words_of(figure) for line in text.split("\n"))

    return [run_block(block.code, namespace, note) for block in read_story("en").blocks], words


def words_of(figure: Any) -> set[str]:
    """All texts that a figure shows: titles, labels, legends, ticks."""
    return {text.get_text() for text in figure.findobj(Text)} - {""}


def tell_a_tiny_story(monkeypatch: pytest.MonkeyPatch, code: str = "6 * 7\n") -> None:
    """From now on the story has one chapter: a word, a number and a picture."""

    def tiny(language: str) -> Story:
        picture = Picture("1.png", "two curves", "Two curves.")
        parts = ("A *word*.", Block(code), Block(PLOT, picture))
        return Story(language, "Title", "Opening.", (Chapter("First", parts),))

    monkeypatch.setattr(runner, "read_story", tiny)


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
