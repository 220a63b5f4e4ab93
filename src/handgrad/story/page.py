"""The story as one HTML file that needs nothing else: no network, no script, no file beside it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import count

from handgrad.story.chapters import LANGUAGES, Block, Picture, Story
from handgrad.story.phrases import PHRASES, Phrases

LOCALES = {"en": "en", "zh": "zh-Hans"}
PIXELS_PER_CSS_PIXEL = 2
WIDE = 640


@dataclass(frozen=True)
class Shown:
    """What the page shows of a block that was run: what it printed, and its picture as PNG."""

    printed: str
    png: bytes = b""


def render_page(
    story: Story, shown: list[Shown], version: str, others: Mapping[str, str] | None = None
) -> str:
    """The page of a story whose blocks were run; `others` are pages in other languages."""
    phrases = PHRASES[story.language]
    style = (files("handgrad.story") / "text" / "page.css").read_text("utf-8")
    links = "".join(
        f'<a href="{escape(where)}" lang="{LOCALES[language]}" hreflang="{LOCALES[language]}">'
        f"{LANGUAGES[language]}</a>"
        for language, where in (others or {}).items()
    )
    contents = "\n".join(
        f'<li><a href="#chapter-{number}">{escape(chapter.title)}</a></li>'
        for number, chapter in enumerate(story.chapters, 1)
    )
    return f"""<!DOCTYPE html>
<html lang="{LOCALES[story.language]}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(story.title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(story.title)}</h1>
{f'<p class="languages">{links}</p>' if links else ""}
{_html(story.opening)}</header>
<nav aria-label="{phrases.contents}">
<h2>{phrases.contents}</h2>
<ol>
{contents}
</ol>
</nav>
<main>
{"".join(_sections(story, shown, phrases))}</main>
<footer>
<p>{escape(phrases.made_by.format(version))}</p>
</footer>
</body>
</html>
"""


def _sections(story: Story, shown: list[Shown], phrases: Phrases) -> Iterator[str]:
    figures, results = count(1), iter(shown)
    for number, chapter in enumerate(story.chapters, 1):
        yield f'<section id="chapter-{number}">\n<h2>{escape(chapter.title)}</h2>\n'
        for part in chapter.parts:
            if isinstance(part, Block):
                yield from _block(part, next(results), phrases, figures)
            else:
                yield _html(part)
        yield "</section>\n"


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
        yield _figure(block.picture, shown.png, phrases.figure.format(next(figures)))


def _figure(picture: Picture, png: bytes, label: str) -> str:
    width, height = (n // PIXELS_PER_CSS_PIXEL for n in struct.unpack(">II", png[16:24]))
    data = base64.b64encode(png).decode("ascii")
    frame = '<div class="wide" tabindex="0">' if width > WIDE else "<div>"
    return (
        f'<figure>\n{frame}<img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}" '
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
