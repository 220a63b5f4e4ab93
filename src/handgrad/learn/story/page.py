"""The story as one HTML file."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from markdown_it import MarkdownIt
from markupsafe import Markup
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from handgrad.files.html import page
from handgrad.learn.story.chapters import PHRASES, Block, Story
from handgrad.textbook.language import LANGUAGES

LOCALES = {"en": "en", "zh": "zh-Hans"}
PIXELS_PER_CSS_PIXEL = {"png": 2.0, "gif": 1.25}
WIDE = 640


@dataclass(frozen=True)
class Outcome:
    """The outcome of a block: what it printed, and the picture it led to, as PNG or GIF."""

    printed: str
    image: bytes = b""


def render_page(
    story: Story, outcomes: list[Outcome], version: str, others: Mapping[str, str]
) -> str:
    """The page of a story whose blocks were run; `others` are pages in other languages."""
    phrases, figures, results = PHRASES[story.language], count(1), iter(outcomes)

    def block(block: Block) -> dict[str, object]:
        result, picture = next(results), None
        if block.picture:
            label = phrases["figure"].format(next(figures))
            picture = _image(result.image) | {"label": label, **vars(block.picture)}
        code = highlight(block.code, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
        return {"code": Markup(code), "printed": result.printed, "picture": picture}

    return page(
        "learn/story/page.html",
        title=story.title,
        language=LOCALES[story.language],
        contents=phrases["contents"],
        footer=phrases["made_by"].format(version),
        phrases=phrases,
        widest=WIDE,
        opening=_html(story.opening),
        others=[(LOCALES[k], LANGUAGES[k], where) for k, where in others.items()],
        sections=[
            {
                "name": f"chapter-{number}",
                "title": chapter.title,
                "parts": [
                    block(part) if isinstance(part, Block) else _html(part)
                    for part in chapter.parts
                ],
            }
            for number, chapter in enumerate(story.chapters, 1)
        ],
    )


def size_of(image: bytes) -> tuple[str, int, int]:
    """A picture's kind, `png` or `gif`, and how wide and high it stands on a page."""
    with Image.open(io.BytesIO(image)) as opened:
        kind, (width, height) = str(opened.format).lower(), opened.size
    scale = PIXELS_PER_CSS_PIXEL[kind]
    return kind, round(width / scale), round(height / scale)


def _image(image: bytes) -> dict[str, object]:
    kind, width, height = size_of(image)
    data = base64.b64encode(image).decode("ascii")
    return {"kind": kind, "data": data, "width": width, "height": height}


def _html(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
