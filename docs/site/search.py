"""The search index: the text of every section, and its bigrams."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from docs.site.contents import Content

# A bigram that is in more sections than this is not worth its bytes.
LARGEST_SHARE = 0.15
HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010\u2011](?=[^\W\d_])")


@dataclass(frozen=True)
class Indexed:
    """A page of the index in a language: its name, content and titles.

    The titles are those of the tree, one for each language of the site, where the page is in it.
    """

    name: str
    content: Content
    titles: Mapping[str, str] = field(default_factory=dict)


def index_script(pages: Iterable[Indexed]) -> str:
    """Return a script that sets `self.searchIndex`; a file: page can load nothing else."""
    text = json.dumps(index(pages), ensure_ascii=False, separators=(",", ":"))
    return f"self.searchIndex = {text};\n".replace("</", "<\\/")


def index(pages: Iterable[Indexed]) -> Mapping[str, object]:
    """`sections`: page, its language, its title, anchor, heading and text of each section.

    `bigrams`: by two neighbouring letters, in lower case, the numbers of the sections that have
    them, each as what it is more than the one before, in base 36. Where a page begins, its name
    and its titles count, too. `titles`: those of each page, by language.
    """
    pages = [*pages]
    titles = {page.name: page.titles for page in pages if page.titles}
    sections = [
        [page.name, page.content.language, page.content.title, s.anchor, s.title, s.text]
        for page in pages
        for s in page.content.sections
    ]
    within = defaultdict[str, list[int]](list)
    for number, (name, _, _, anchor, title, text) in enumerate(sections):
        called = "" if anchor else " ".join([name, *titles.get(name, {}).values()])
        for pair in bigrams(f"{called} {title} {text}"):
            within[pair].append(number)
    most = max(1, LARGEST_SHARE * len(sections))
    return {
        "sections": sections,
        "titles": titles,
        "bigrams": {
            pair: " ".join(_base36(b - a) for a, b in zip([0, *numbers], numbers, strict=False))
            for pair, numbers in sorted(within.items())
            if len(numbers) <= most
        },
    }


def bigrams(text: str) -> set[str]:
    """Return the bigrams of a text, none across a space.

    >>> sorted(bigrams("Tanh 过拟合"))
    ['an', 'nh', 'ta', '拟合', '过拟']
    """
    words = fold(text).split()
    return {word[i : i + 2] for word in words for i in range(len(word) - 1)}


def fold(text: str) -> str:
    """Return the normalized text, as in the page: lower case, no hyphen within a word.

    >>> fold("Over-fitting, --no-report, 3-4")
    'overfitting, --noreport, 3-4'
    """
    return HYPHEN.sub("", text.lower())


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if not number:
            return digits
