"""Parsed documents: Markdown tokens, headings with anchors, the blocks to run."""

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
    """A heading: its level, its text, the anchor of its text, and its anchor in the site."""

    level: int
    text: str
    slug: str
    anchor: str


@dataclass(frozen=True)
class Document:
    """A document in one language. `runs`: its Python blocks are run and their output shown."""

    path: str
    language: str
    tokens: Sequence[Token]
    headings: Sequence[Heading]
    runs: bool

    @property
    def title(self) -> str:
        """Return the first-level heading."""
        return next((h.text for h in self.headings if h.level == 1), Path(self.path).stem)

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """Return the site's anchors by the anchors of a Markdown host."""
        return {heading.slug: heading.anchor for heading in self.headings}

    @property
    def script(self) -> Script:
        """Return the blocks to run."""
        steps = [
            Step(token.content, line_of(token) + 1, token.info == "explain")
            for token in self.tokens
            if is_step(token, self.runs)
        ]
        return Script(self.path, self.language, steps)

    def with_anchors_of(self, other: "Document") -> "Document":
        """Return the document with another's anchors, if both have the same heading levels.

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
    """Read a Markdown document; images after blocks that run become figures."""
    text = COMMENT.sub(lambda found: "\n" * found[0].count("\n"), path.read_text("utf-8"))
    tokens = MARKDOWN.parse(text)
    if runs:
        tokens = _with_pictures(tokens)
    return Document(path.relative_to(root).as_posix(), language, tokens, _headings(tokens), runs)


def is_step(token: Token, runs: bool) -> bool:
    """Return True for a block to run."""
    return token.type == "fence" and (token.info == "explain" or (runs and token.info == "python"))


def line_of(token: Token) -> int:
    """Return its first line, counted from 1."""
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
    """Return the tokens; the `meta` of a block contains the image after it."""
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
    """Return the image if the first paragraph is one."""
    if len(tokens) < 3 or tokens[0].type != "paragraph_open":
        return None
    children = tokens[1].children or []
    return children[0] if len(children) == 1 and children[0].type == "image" else None
