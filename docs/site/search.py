"""The index for the search: the text of every section, and which bigrams are in which section."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from docs.site.contents import Content

# A pair of letters that more of the sections have says too little to be worth its bytes.
LARGEST_SHARE = 0.15


@dataclass(frozen=True)
class Indexed:
    """A page in a language, as the search knows it: its name, and what stands on it."""

    name: str
    content: Content


def index_script(pages: Iterable[Indexed]) -> str:
    """A script that leaves the index in `self.searchIndex`; a file: page may load no other kind."""
    text = json.dumps(index(pages), ensure_ascii=False, separators=(",", ":"))
    return f"self.searchIndex = {text};\n".replace("</", "<\\/")


def index(pages: Iterable[Indexed]) -> Mapping[str, object]:
    """`sections`: page, its language, its title, anchor, heading and text of each section.

    `bigrams`: by two neighbouring letters, in lower case, the numbers of the sections that have
    them, each as what it is more than the one before, in base 36.
    """
    sections = [
        [page.name, page.content.language, page.content.title, s.anchor, s.title, s.text]
        for page in pages
        for s in page.content.sections
    ]
    within = defaultdict[str, list[int]](list)
    for number, (*_, title, text) in enumerate(sections):
        for pair in bigrams(f"{title} {text}"):
            within[pair].append(number)
    most = max(1, LARGEST_SHARE * len(sections))
    return {
        "sections": sections,
        "bigrams": {
            pair: " ".join(_base36(b - a) for a, b in zip([0, *numbers], numbers, strict=False))
            for pair, numbers in sorted(within.items())
            if len(numbers) <= most
        },
    }


def bigrams(text: str) -> set[str]:
    """The pairs of neighbouring letters in a text, none across a space.

    >>> sorted(bigrams("Tanh 过拟合"))
    ['an', 'nh', 'ta', '拟合', '过拟']
    """
    words = text.lower().split()
    return {word[i : i + 2] for word in words for i in range(len(word) - 1)}


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if not number:
            return digits
