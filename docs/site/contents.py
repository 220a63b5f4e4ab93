"""The content of a page: title, HTML, sections."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HEADING = re.compile(r'<h([2-4])(?: class="\w+")? id="([^"]+)">(.*?)</h\1>', re.S)
ANCHOR = re.compile(r'\s*<a class="(?:anchor|source)".*?</a>', re.S)
UNSPOKEN = re.compile(r'<(script|style|svg|iframe)\b.*?</\1>|<p class="label">.*?</p>', re.S)


@dataclass(frozen=True)
class Section:
    """A heading's level and text, its anchor, and the plain text below it."""

    level: int
    anchor: str
    title: str
    text: str


@dataclass(frozen=True)
class Content:
    """A page's title and HTML, in a language, with addresses as in `Text`."""

    title: str
    html: str
    language: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def sections(self) -> Sequence[Section]:
        """Return the texts before the first heading and below each heading."""
        found = [*HEADING.finditer(self.html)]
        starts = [*(heading.start() for heading in found), len(self.html)]
        sections = [Section(1, "", self.title, plain(self.html[: starts[0]]))]
        for heading, end in zip(found, starts[1:], strict=True):
            level, anchor, title = heading.groups()
            title = plain(ANCHOR.sub("", title))
            body = plain(self.html[heading.end() : end])
            sections.append(Section(int(level), anchor, title, body))
        return sections


def plain(text: str) -> str:
    """Return the text of a piece of HTML.

    >>> plain("<p>Σ &lt; <b>1</b></p>")
    'Σ < 1'
    """
    spoken = re.sub(r"</?(?:p|div|pre|li|t[rdh]|h\d|table)\b[^>]*>", " ", UNSPOKEN.sub(" ", text))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", spoken)).split())
