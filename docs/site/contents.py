"""What stands on a page, whatever it was made of: its title, its HTML, the sections in it."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HEADING = re.compile(r'<h([2-4])(?: class="\w+")? id="([^"]+)">(.*?)</h\1>', re.S)
ANCHOR = re.compile(r'\s*<a class="(?:anchor|source)".*?</a>', re.S)
UNSPOKEN = re.compile(r'<(script|style|svg|iframe)\b.*?</\1>|<p class="label">.*?</p>', re.S)


@dataclass(frozen=True)
class Section:
    """A heading's level and words, its anchor, and the text below it, without marks."""

    level: int
    anchor: str
    title: str
    text: str


@dataclass(frozen=True)
class Content:
    """A page's title and HTML, in a language; addresses in it are those that `Text` tells of."""

    title: str
    html: str
    language: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def sections(self) -> Sequence[Section]:
        """What stands before the first heading, and below each."""
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
    """The words of a piece of HTML.

    >>> plain("<p>Σ &lt; <b>1</b></p>")
    'Σ < 1'
    """
    spoken = re.sub(r"</?(?:p|div|pre|li|t[rdh]|h\d|table)\b[^>]*>", " ", UNSPOKEN.sub(" ", text))
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", spoken)).split())
