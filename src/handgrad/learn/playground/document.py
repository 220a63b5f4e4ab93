"""The playground as one HTML file with its scripts, styles, translations and traced layers."""

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
from handgrad.learn.explaining.explain import WORDS
from handgrad.learn.playground.pages import traced_modules
from handgrad.textbook.version import __version__

PAGE = "playground"
TITLE = "handgrad playground"
# A page connects to its own server at most, and runs only its own script.
POLICY = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; "
    "worker-src blob:; img-src data: blob:; connect-src {asked}; base-uri 'none'; "
    "form-action 'none'"
)

EXPLAINED = ("forward", "backward", "smaller", "larger", "others")  # words of explanations

Json = Mapping[str, Any]


def document(given: Json | None = None, *, near: bool = False) -> str:
    """The page, which starts with `given` in addition to the data of every page.

    `given` has keys of `web/playground/README.md`: `state`, `language`, `net`, `table`,
    `programs`, `pages`. With `near`, the page requests them from its server instead, with a token:
    other users of the machine must not get the rows.
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
    """Content-Security-Policy of the page: its own script, and no connection but to its server."""
    asked = "'self'" if near else "'none'"
    return POLICY.format(script=hashed(_script()), style=hashed(_style()), asked=asked)


def write_document(path: str | Path, given: Json | None = None) -> int:
    """Write the page to a file atomically; returns its size in bytes."""
    content = document(given).encode()
    write_whole(path, lambda file: file.write(content), "wb")
    return len(content)


@cache
def words() -> dict[str, dict[str, str]]:
    """Texts of the page by language and key, from all of its folders and from `hg.explain`."""
    texts: dict[str, dict[str, str]] = {}
    for file in _files(".json"):
        for language, translations in json.loads(file.read_text("utf-8")).items():
            own = texts.setdefault(language, {})
            if twice := own.keys() & translations.keys():
                raise ValueError(f"{file.name} repeats keys of other files: {sorted(twice)}")
            own.update(translations)
    for language, own in texts.items():
        own.update({f"explain_{key}": WORDS[language][key] for key in EXPLAINED})
    return texts


def _always() -> dict[str, Any]:
    """Data of every page."""
    return {
        "version": __version__,
        "words": words(),
        "steering": STEERING.pattern,
        "pages": traced_modules(),
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
    """Files of all folders of the page, sorted by name, after the shared ones."""
    folders = sorted((WEB / PAGE).iterdir(), key=lambda folder: folder.name)
    inside = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    shared = [WEB / "shared/formula_words.json"]
    files = [*shared, *sorted(inside, key=lambda file: file.name)]
    return [file for file in files if file.name.endswith(ending)]
