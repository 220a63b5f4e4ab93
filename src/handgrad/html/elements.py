"""The pieces of a page, as HTML: what comes in as plain text is escaped."""

import re
from collections.abc import Iterable, Sequence
from html import escape

# What no XML may hold or no eye sees, and what turns the direction of the text that follows.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Html(str):
    """Text that is HTML already; any other is plain, and is escaped."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text, in which characters that steer what is shown are escapes.

    >>> print(visible("a bell\\x07, turned \\u202e round"))
    a bell\\x07, turned \\u202e round
    """
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def html(text: str) -> Html:
    """The text as HTML."""
    return text if isinstance(text, Html) else Html(escape(visible(text)))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Several pieces, one after another."""
    return Html(html(between).join(html(part) for part in parts))


def element(tag: str, inside: str, **attributes: str) -> Html:
    """A piece in a tag; `class_` is the attribute class.

    >>> element("b", "1 < 2", class_="note")
    '<b class="note">1 &lt; 2</b>'
    """
    shown = "".join(
        f' {name.strip("_").replace("_", "-")}="{html(value)}"'
        for name, value in attributes.items()
    )
    return Html(f"<{tag}{shown}>{html(inside)}</{tag}>")


def paragraph(*parts: str) -> Html:
    """Pieces in a paragraph."""
    return Html(element("p", joined(parts)) + "\n")


def bullets(lines: Iterable[str]) -> Html:
    """A list, a line each."""
    return Html(element("ul", joined(element("li", line) for line in lines)) + "\n")


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()
) -> Html:
    """A table that scrolls by itself where it is wide; `numbers` are columns to align right.

    The first cell of a row is its heading; `caption` names the table for those who cannot see it.
    """
    right = {*numbers}

    def cell(tag: str, place: int, text: str, **scope: str) -> Html:
        style = {"class_": "number"} if place in right else {}
        return element(tag, text, **scope, **style)

    top = joined(cell("th", i, text, scope="col") for i, text in enumerate(head))
    body = joined(
        element(
            "tr",
            joined(
                cell("td", i, text, data_label=head[i]) if i else cell("th", i, text, scope="row")
                for i, text in enumerate(row)
            ),
        )
        for row in rows
    )
    inside = f"<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody>"
    return Html(
        f'<div class="scrolls" tabindex="0" role="region" aria-label="{html(caption)}">'
        f"<table>\n{inside}\n</table></div>\n"
    )


def figure(picture: Html, caption: str, *, wide: bool = False) -> Html:
    """A picture and what is said below it."""
    frame = "wide" if wide else "fits"
    scrolls = ' tabindex="0"' if wide else ""
    return Html(
        f'<figure>\n<div class="{frame}"{scrolls}>{picture}</div>\n'
        f"<figcaption>{html(caption)}</figcaption>\n</figure>\n"
    )


def details(summary: str, inside: str) -> Html:
    """What is shown on request."""
    return Html(f"<details>\n<summary>{html(summary)}</summary>\n{html(inside)}</details>\n")
