"""The pages the tests look at, and what is in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import handgrad as hg
from tests.tables.tabular.frames import cells, target

QUICK: dict[str, Any] = {"n_members": 2, "epochs": 8, "random_state": 0}
EVIL = [
    "<script>alert(1)</script>",
    "a\"b'c&d",
    "😀 smile",
    "中文列名",
    "x" * 200,
    "$a_b$",
    'id="p1" url(#x)',
    "bell\x07 \x00 \x1b[31m \ufffe",
    "turned \u202e round",
]
VOID = {"meta", "img", "br", "path", "use", "rect", "image"}


class Page(HTMLParser):
    """A page as a browser would read it: tags with their attributes, text by section."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text("utf-8")
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.headings: list[str] = []
        self.sections: dict[str, str] = {"": ""}
        self._inside, self._open = "", list[str]()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)
        if tag == "section":
            self._inside = dict(attributes)["id"]
            self.sections[self._inside] = ""

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "section":
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        shown = data if "pre" in self._open else re.sub(r"\s+", " ", data)
        self.sections[self._inside] += shown
        if self._open and self._open[-1] in ("h1", "h2"):
            self.headings.append(data)

    def all(self, name: str) -> list[dict[str, Any]]:
        """The attributes of every tag of this name."""
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def text(self) -> str:
        """All that can be read, pictures included."""
        return "".join(self.sections.values())


def page_of(folder: Path, model: Any, X: Any, y: Any, **how: Any) -> Page:
    """The page of a model."""
    return Page(hg.tables.write_report(model, X, y, to=folder / "report.html", **how))


def houses() -> tuple[pd.DataFrame, Any]:
    """A table with columns of all kinds, and a number that follows from them."""
    columns = cells(160)
    return pd.DataFrame(columns), pd.Series(target(columns), name="price")


def evil() -> tuple[pd.DataFrame, Any]:
    """A table whose names would break a page that trusts them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=150) for name in EVIL})
    frame["kind <b>"] = rng.choice(["<i>one</i>", '"two"', "三"], 150)
    y = np.where(frame[EVIL[0]] > 0, "<script>yes</script>", '"no" & 否')
    return frame, pd.Series(y, name="</title><script>x")
