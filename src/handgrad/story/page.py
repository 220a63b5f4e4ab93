"""The story as one HTML file."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import count

from handgrad.html import Section, document
from handgrad.story.chapters import LANGUAGES, Block, Picture, Story
from handgrad.story.phrases import PHRASES, Phrases

LOCALES = {"en": "en", "zh": "zh-Hans"}
PIXELS_PER_CSS_PIXEL = {"png": 2.0, "gif": 1.25}
WIDE = 640


@dataclass(frozen=True)
class Shown:
    """What the page shows of a block that was run: what it printed, its picture as PNG or GIF."""

    printed: str
    image: bytes = b""


def render_page(
    story: Story, shown: list[Shown], version: str, others: Mapping[str, str] | None = None
) -> str:
    """The page of a story whose blocks were run; `others` are pages in other languages."""
    phrases = PHRASES[story.language]
    links = "".join(
        f'<a href="{escape(where)}" lang="{LOCALES[language]}" hreflang="{LOCALES[language]}">'
        f"{LANGUAGES[language]}</a>"
        for language, where in (others or {}).items()
    )
    languages = f'<p class="languages">{links}</p>' if links else ""
    return document(
        title=story.title,
        language=LOCALES[story.language],
        header=f"<h1>{escape(story.title)}</h1>\n{languages}\n{_html(story.opening)}",
        contents=phrases.contents,
        sections=[*_sections(story, shown, phrases)],
        footer=phrases.made_by.format(version),
    )


def _sections(story: Story, shown: list[Shown], phrases: Phrases) -> Iterator[Section]:
    figures, results = count(1), iter(shown)
    for number, chapter in enumerate(story.chapters, 1):
        parts: list[str] = []
        for part in chapter.parts:
            if isinstance(part, Block):
                parts += _block(part, next(results), phrases, figures)
            else:
                parts.append(_html(part))
        yield Section(f"chapter-{number}", chapter.title, "".join(parts))


def _block(block: Block, shown: Shown, phrases: Phrases, figures: Iterator[int]) -> Iterator[str]:
    yield (
        f'<details>\n<summary>{phrases.code}</summary>\n<pre class="code"><code>'
        f"{_highlighted(block.code)}</code></pre>\n</details>\n"
    )
    if shown.printed:
        yield (
            f'<pre class="output" tabindex="0" aria-label="{phrases.output}"><samp>'
            f"{escape(shown.printed)}</samp></pre>\n"
        )
    if block.picture:
        yield _figure(block.picture, shown.image, phrases.figure.format(next(figures)))


def _figure(picture: Picture, image: bytes, label: str) -> str:
    moves = image.startswith(b"GIF")
    size = struct.unpack("<HH", image[6:10]) if moves else struct.unpack(">II", image[16:24])
    kind = "gif" if moves else "png"
    width, height = (round(n / PIXELS_PER_CSS_PIXEL[kind]) for n in size)
    data = base64.b64encode(image).decode("ascii")
    frame = '<div class="wide" tabindex="0">' if width > WIDE else "<div>"
    return (
        f'<figure>\n{frame}<img src="data:image/{kind};base64,{data}" alt="{escape(picture.alt)}" '
        f'width="{width}" height="{height}"></div>\n'
        f"<figcaption><b>{label}</b> {escape(picture.caption)}</figcaption>\n</figure>\n"
    )


def _html(text: str) -> str:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").render(text)


def _highlighted(code: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
