"""The playground as one HTML file: scripts, styles, words and recorded pages are all in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from handgrad.files.cell_patterns import reading
from handgrad.files.html import STEERING, hashed, json_in_page, page
from handgrad.files.paths import write_whole
from handgrad.files.scripts import inlined
from handgrad.files.web import WEB
from handgrad.learn.playground.pages import recorded_pages
from handgrad.textbook.version import __version__

PAGE = "playground"
TITLE = "handgrad playground"
# A page asks nobody but, where it is near, its own server; its script is the one that it holds.
POLICY = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; "
    "worker-src blob:; img-src data: blob:; connect-src {asked}; base-uri 'none'; "
    "form-action 'none'"
)

Given = Mapping[str, Any]


def document(given: Given | None = None, *, near: bool = False) -> str:
    """The page, which begins with what is `given`, beside what every page has.

    `given` has keys of `page/README.md`: `state`, `language`, `net`, `table`, `programs`, `pages`.
    With `near`, the page asks the server that it came from for them: others who can read its
    address may not have the rows of the one who opened it.
    """
    begin = {**_always(), **(given or {}), "near": near}
    return page(
        f"{PAGE}/page.html",
        language=begin.get("language") or "en",
        title=TITLE,
        policy=Markup(policy(near=near)),
        words=words(),
        style=Markup(_style()),
        script=Markup(_script()),
        given=json_in_page(begin),
    )


def policy(*, near: bool) -> str:
    """What the page may do, by a Content-Security-Policy: run its own script, and ask nobody."""
    asked = "'self'" if near else "'none'"
    return POLICY.format(script=hashed(_script()), style=hashed(_style()), asked=asked)


def write_document(path: str | Path, given: Given | None = None) -> int:
    """Write the page to a file, whole or not at all; gives its bytes."""
    content = document(given).encode()
    write_whole(path, lambda file: file.write(content), "wb")
    return len(content)


@cache
def words() -> dict[str, dict[str, str]]:
    """What the page says, by language and key; the words of every folder of the page."""
    found: dict[str, dict[str, str]] = {}
    for file in _files(".json"):
        for language, said in json.loads(file.read_text("utf-8")).items():
            mine = found.setdefault(language, {})
            if twice := mine.keys() & said.keys():
                raise ValueError(f"{file.name} has words of others, too: {sorted(twice)}")
            mine.update(said)
    return found


def _always() -> dict[str, Any]:
    """What every page is given."""
    return {
        "version": __version__,
        "words": words(),
        "steering": STEERING.pattern,
        "pages": recorded_pages(),
        "reading": reading(),
        "state": {},
        "language": None,
        "net": None,
        "table": None,
        "programs": [],
    }


@cache
def _script() -> str:
    return inlined(f"{PAGE}/open.js", worker=f"{PAGE}/training/worker.js")


@cache
def _style() -> str:
    return "\n".join(file.read_text("utf-8") for file in _files(".css"))


def _files(ending: str) -> list[Path]:
    """Files of all folders of the page, in order of their names, after those that pages share."""
    folders = sorted((WEB / PAGE).iterdir(), key=lambda folder: folder.name)
    inside = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    shared = [WEB / "shared/formula_words.json"]
    found = [*shared, *sorted(inside, key=lambda file: file.name)]
    return [file for file in found if file.name.endswith(ending)]
