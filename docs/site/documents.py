"""A document read: its Markdown as tokens, its headings with their anchors, the steps to run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.site.running import Script, Step
from handgrad.learn.story.chapters import Picture

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
COMMENT = re.compile(r"^<!--.*?-->$", re.M | re.S)


@dataclass(frozen=True)
class Heading:
    """A heading: its level, its text, its anchor by its own words, and that which it has here."""

    level: int
    text: str
    slug: str
    anchor: str


@dataclass(frozen=True)
class Document:
    """A document in one language. `runs`: its blocks of Python are run and print."""

    path: str
    language: str
    tokens: Sequence[Token]
    headings: Sequence[Heading]
    runs: bool

    @property
    def title(self) -> str:
        """The heading of the first level."""
        return next((h.text for h in self.headings if h.level == 1), Path(self.path).stem)

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """The anchors here, by those that a host of Markdown would give the headings."""
        return {heading.slug: heading.anchor for heading in self.headings}

    @property
    def script(self) -> Script:
        """What of it is to be run."""
        steps = [
            Step(token.content, line_of(token) + 1, token.info == "explain")
            for token in self.tokens
            if is_step(token, self.runs)
        ]
        return Script(self.path, self.language, steps)

    def with_anchors_of(self, other: "Document") -> "Document":
        """The document with another's anchors, if both have the same headings, by their levels.

        So the same section has the same anchor in each language.
        """
        if [h.level for h in self.headings] != [h.level for h in other.headings]:
            return self
        shared = [
            replace(mine, anchor=theirs.anchor)
            for mine, theirs in zip(self.headings, other.headings, strict=True)
        ]
        return replace(self, headings=shared)


def read_document(path: Path, root: Path, language: str, runs: bool) -> Document:
    """A document of Markdown; where blocks are run, the images that follow them become pictures."""
    text = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), path.read_text("utf-8"))
    tokens = MARKDOWN.parse(text)
    if runs:
        tokens = _with_pictures(tokens)
    return Document(path.relative_to(root).as_posix(), language, tokens, _headings(tokens), runs)


def is_step(token: Token, runs: bool) -> bool:
    """Whether it is a block to run."""
    return token.type == "fence" and (token.info == "explain" or (runs and token.info == "python"))


def line_of(token: Token) -> int:
    """The line in which it begins, from 1."""
    return token.map[0] + 1 if token.map else 1


def _headings(tokens: Sequence[Token]) -> list[Heading]:
    found, taken = [], dict[str, int]()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(
                child.content for child in inline.children or () if child.type != "image"
            )
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            taken[slug] = taken.get(slug, -1) + 1
            slug += f"-{taken[slug]}" * (taken[slug] > 0)
            found.append(Heading(int(opening.tag[1:]), text, slug, slug))
    return found


def _with_pictures(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, in which a block has the picture that the image after it names, in its `meta`."""
    kept: list[Token] = []
    left = list(tokens)
    while left:
        token = left.pop(0)
        kept.append(token)
        image = _image_alone(left) if is_step(token, runs=True) else None
        if image:
            caption = str(image.attrs.get("title", ""))
            token.meta["picture"] = Picture(str(image.attrs["src"]), image.content, caption)
            del left[:3]
    return kept


def _image_alone(tokens: Sequence[Token]) -> Token | None:
    """The image that a paragraph, with which the tokens begin, consists of."""
    if len(tokens) < 3 or tokens[0].type != "paragraph_open":
        return None
    children = tokens[1].children or []
    return children[0] if len(children) == 1 and children[0].type == "image" else None
