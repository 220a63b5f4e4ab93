"""The frame of a page: navigation tree, contents, neighbours, languages."""

import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import Markup

import handgrad
from docs.site.checking import PLAYGROUND
from docs.site.contents import Content
from docs.site.tree import HERE, LANGUAGES, WORDS, Group
from handgrad.files.html import environment, visible

ADDRESS = re.compile(r'\b(href|src)="(page|file):([^"#@]*)(?:@(\w\w))?(?:#([^"]*))?"')
DEEPEST_OF_CONTENTS = 3
# Files that are not in the repository are at the top level of the site.
AT_THE_TOP = ("made/", PLAYGROUND)


def write_page(
    folder: Path,
    name: str,
    language: str,
    contents: Mapping[tuple[str, str], Content],
    groups: list[Group],
) -> None:
    """Write the page `name` with its frame in `language`; its text may be in another."""
    content = contents.get((name, language)) or contents[name, LANGUAGES[0]]
    words, here = WORDS[language], place(name, language)
    pages = [page for group in groups for page in group.pages]
    at = next((i for i, page in enumerate(pages) if page.name == name), None)

    def link(number: int) -> dict[str, str] | None:
        if at is None or not 0 <= number < len(pages):
            return None
        page = pages[number]
        return {"href": _from(here, place(page.name, language)), "title": page.titles[language]}

    text = (
        _templates()
        .get_template("page.html")
        .render(
            name=name,
            title=content.title,
            language=words["locale"],
            words=words,
            top=_from(here, "index.html").removesuffix("index.html"),
            home=_from(here, place("index", language)),
            tree=[_branch(group, here, language, name) for group in groups],
            others=[
                {"href": _from(here, place(name, other)), "words": WORDS[other]}
                for other in LANGUAGES
                if other != language
            ],
            content=Markup(_placed(content.html, name, language, contents)),
            content_language=WORDS[content.language]["locale"],
            has_exercises="data-exercise" in content.html,
            foreign=content.language != language,
            sections=[
                section for section in content.sections if 1 < section.level <= DEEPEST_OF_CONTENTS
            ],
            previous=link((at or 0) - 1),
            next=link((at or 0) + 1),
            footer=words["made_by"].format(handgrad.__version__),
        )
    )
    path = folder / here
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(visible(text), "utf-8")


def place(name: str, language: str) -> str:
    """Return the path of a page: English at the top level, other languages in a folder each."""
    return f"{name}.html" if language == LANGUAGES[0] else f"{language}/{name}.html"


def _from(here: str, there: str) -> str:
    return posixpath.relpath(there, posixpath.dirname(here) or ".")


def _branch(group: Group, here: str, language: str, name: str) -> dict[str, object]:
    return {
        "title": group.titles[language],
        "open": any(page.name == name for page in group.pages),
        "pages": [
            {
                "title": page.titles[language],
                "href": _from(here, place(page.name, language)),
                "current": page.name == name,
            }
            for page in group.pages
        ],
    }


def _placed(
    text: str, name: str, language: str, contents: Mapping[tuple[str, str], Content]
) -> str:
    """Return the text with addresses relative to the page."""
    here = place(name, language)

    def address(found: re.Match[str]) -> str:
        attribute, kind, path, tongue, anchor = found.groups()
        if kind == "file":
            there = path if path.startswith(AT_THE_TOP) else f"files/{path}"
        else:
            there = place(path, tongue or language)
            target = contents.get((path, tongue or language))
            if target and anchor and f'id="{anchor}"' not in target.html:
                anchor = ""  # a translation with other headings than the original
        ending = f"#{anchor}" if anchor else ""
        return f'{attribute}="{_from(here, there)}{ending}"'

    return ADDRESS.sub(address, text)


@cache
def _templates() -> Environment:
    package = environment()
    loaders = [FileSystemLoader(HERE), *filter(None, [package.loader])]
    return package.overlay(loader=ChoiceLoader(loaders))
