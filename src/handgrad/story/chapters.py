"""Reads the story's Markdown: chapters of text, and of code with what it leads to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from handgrad.base.errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from markdown_it.token import Token

LANGUAGES = {"en": "English", "zh": "中文"}


@dataclass(frozen=True)
class Picture:
    """Where a picture is kept, what it shows to those who cannot see it, and its caption."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Block:
    """A block of Python; where it ends with a figure, `picture` says what becomes of it."""

    code: str
    picture: Picture | None = None


@dataclass(frozen=True)
class Chapter:
    """A heading and what stands below it: Markdown and blocks, in order."""

    title: str
    parts: tuple[str | Block, ...]

    @property
    def blocks(self) -> list[Block]:
        """The chapter's code alone."""
        return [part for part in self.parts if isinstance(part, Block)]


@dataclass(frozen=True)
class Story:
    """The whole story in one language: its title, its opening, its chapters."""

    language: str
    title: str
    opening: str
    chapters: tuple[Chapter, ...]

    @property
    def blocks(self) -> list[Block]:
        """The code of all chapters, which runs in this order in one namespace."""
        return [block for chapter in self.chapters for block in chapter.blocks]


def check_language(language: str) -> None:
    """Refuse a language the story is not told in."""
    if language not in LANGUAGES:
        raise SettingError(
            f"language {language!r}",
            " or ".join(f"{name} ({own})" for name, own in LANGUAGES.items()),
            did_you_mean(language, LANGUAGES, "en"),
        )


def read_story(language: str) -> Story:
    """The story in one of LANGUAGES.

    A chapter begins with a heading of the second level. A block of Python that is followed by an
    image, `![alt](file.png "caption")`, ends with the figure that becomes it.
    """
    from markdown_it import MarkdownIt

    check_language(language)
    text = (files("handgrad.story") / "text" / f"{language}.md").read_text("utf-8")
    lines = text.splitlines()
    title, opening, chapters = "", "", list[Chapter]()
    for heading, parts in _sections(MarkdownIt().parse(text), lines):
        if heading.startswith("# "):
            title = heading.removeprefix("# ")
            opening = "\n\n".join(part for part in parts if isinstance(part, str))
        else:
            chapters.append(Chapter(heading.removeprefix("## "), tuple(parts)))
    return Story(language, title, opening, tuple(chapters))


def _sections(tokens: list[Token], lines: list[str]) -> Iterator[tuple[str, list[str | Block]]]:
    """Each heading as it stands in the text, with what follows up to the next."""
    heading, parts = "", list[str | Block]()
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.level or not token.map:
            continue
        source = "\n".join(lines[slice(*token.map)]).strip()
        if token.type == "heading_open":
            if heading:
                yield heading, parts
            heading, parts = source, []
        elif token.type == "fence" and token.info == "python":
            parts.append(Block(token.content))
        elif (picture := _picture(after)) and parts and isinstance(parts[-1], Block):
            parts[-1] = Block(parts[-1].code, picture)
        elif parts and isinstance(parts[-1], str):
            parts[-1] = f"{parts[-1]}\n\n{source}"
        else:
            parts.append(source)
    yield heading, parts


def _picture(token: Token | None) -> Picture | None:
    """The picture that a paragraph consists of, if it consists of one."""
    children = (token.children or []) if token is not None else []
    if [child.type for child in children] != ["image"]:
        return None
    image = children[0]
    return Picture(str(image.attrs["src"]), image.content, str(image.attrs.get("title", "")))
