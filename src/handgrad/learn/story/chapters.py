"""The story's text: chapters of Markdown and of code with what it leads to, in each language."""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from handgrad.textbook.errors import checked_language

TEXT = files("handgrad.learn.story") / "text"
# What the demo and its page say around the story, by language and name; {} is filled in.
PHRASES: dict[str, dict[str, str]] = tomllib.loads((TEXT / "phrases.toml").read_text("utf-8"))
# A block of Python, and the image that may follow it: its code; the image's alt, file, caption.
BLOCK = re.compile(
    r'^```python\n(.*?)^```$(?:\n\n!\[([^\n]*)\]\((\S+) "([^\n]*)"\)$)?', re.M | re.S
)
# A playground with a setting, which stands in the pages of the site alone.
PLAYGROUND = re.compile(r"^```playground\n.*?^```\n+", re.M | re.S)


@dataclass(frozen=True)
class Picture:
    """File of a picture, its text alternative and its caption."""

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
        parts = (part for chapter in self.chapters for part in chapter.parts)
        return [part for part in parts if isinstance(part, Block)]


def read_story(language: str) -> Story:
    """The story in one of LANGUAGES.

    A chapter begins with a heading of the second level. A block of Python that is followed by an
    image, `![alt](file.png "caption")`, ends with the figure that becomes it. Playgrounds,
    which only the site shows, are left out.
    """
    language = checked_language(language)
    text = PLAYGROUND.sub("", (TEXT / f"{language}.md").read_text("utf-8"))
    head, *chapters = text.split("\n## ")
    title, opening = head.removeprefix("# ").split("\n", 1)
    return Story(language, title, opening.strip(), tuple(map(_chapter, chapters)))


def _chapter(text: str) -> Chapter:
    title, body = text.split("\n", 1)
    parts, end = list[str | Block](), 0
    for match in BLOCK.finditer(body):
        code, alt, file, caption = match.groups()
        picture = Picture(file, alt, caption) if file else None
        parts += [body[end : match.start()].strip(), Block(code, picture)]
        end = match.end()
    parts.append(body[end:].strip())
    return Chapter(title, tuple(part for part in parts if part))
