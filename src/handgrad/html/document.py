"""The frame of a page: its style, its heading, its contents, its sections."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from handgrad.html.elements import html


@dataclass(frozen=True)
class Section:
    """A part of a page that the contents lead to: `inside` is HTML, the rest plain text."""

    name: str
    title: str
    inside: str


def document(
    *,
    title: str,
    language: str,
    header: str,
    contents: str,
    sections: Sequence[Section],
    footer: str,
    styles: Iterable[str] = (),
) -> str:
    """A whole page; `header` is HTML, `contents` heads the list of sections, `styles` are CSS."""
    style = "".join([(files("handgrad.html") / "page.css").read_text("utf-8"), *styles])
    links = "\n".join(f'<li><a href="#{s.name}">{html(s.title)}</a></li>' for s in sections)
    main = "".join(
        f'<section id="{s.name}">\n<h2>{html(s.title)}</h2>\n{s.inside}</section>\n'
        for s in sections
    )
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
{header}</header>
<nav aria-label="{contents}">
<h2>{contents}</h2>
<ol>
{links}
</ol>
</nav>
<main>
{main}</main>
<footer>
<p>{html(footer)}</p>
</footer>
</body>
</html>
"""
