"""Every link of every document leads somewhere: files, headings, settings of the playground."""

import re
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import pytest
from docs.site.documents import MARKDOWN, read_document
from docs.site.tree import ROOT, read_tree
from markdown_it.token import Token

from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.web import WEB
from handgrad.learn.playground.state import state_in
from tests.docs.documents import DOCUMENTS, name

PAGES = [page for group in read_tree() for page in group.pages]
TOLD = sorted({*DOCUMENTS, *(path for page in PAGES for path in page.sources.values())})
# The original of each translation, and the translation of each original.
ORIGINAL = {page.sources["zh"]: page.sources.get("en") for page in PAGES if "zh" in page.sources}
IN_CHINESE = {english: chinese for chinese, english in ORIGINAL.items() if english}
SETTING = re.compile(r"#(?:v|data|dataset)=[^\s`\"')]+")
LINKS = (WEB / "playground/training/links.js").as_uri()

each_document = pytest.mark.parametrize("document", TOLD, ids=name)


def links(tokens: Sequence[Token]) -> Iterator[str]:
    """Where links and pictures lead, those in answers that are closed at first among them."""
    for token in tokens:
        if token.type == "fence" and token.info.startswith("answer"):
            yield from links(MARKDOWN.parse(token.content))
        yield from links(token.children or [])
        if token.type in ("link_open", "image"):
            yield unquote(str(token.attrs.get("href") or token.attrs["src"]))


def links_of(document: Path) -> list[str]:
    """Where a document leads; the pictures that its blocks make are none of it."""
    page = next((page for page in PAGES if document in page.sources.values()), None)
    read = read_document(document, ROOT, "en", page is not None and page.runs)
    return [*links(read.tokens)]


@each_document
def test_links_lead_to_files_and_headings(document: Path) -> None:
    for target in links_of(document):
        assert not re.match(r"\w+:", target), f"{target}: a link that is not checked"
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), target
        if anchor:
            assert anchor in read_document(there.resolve(), ROOT, "en", runs=False).anchors, target


@pytest.mark.parametrize("document", sorted(ORIGINAL), ids=name)
def test_what_is_in_chinese_leads_to_what_is_in_chinese(document: Path) -> None:
    """To its own original too, so that one may choose."""
    for target in links_of(document):
        there = (document.parent / target.partition("#")[0]).resolve()
        assert there == ORIGINAL[document] or there not in IN_CHINESE, target


def settings(document: Path) -> list[str]:
    """The fragments of playgrounds, and of links to one, that a document shows."""
    text = document.read_text("utf-8")
    blocks = [
        token.content.split("\n")[0]
        for token in MARKDOWN.parse(text)
        if token.type == "fence" and token.info == "playground"
    ]
    return [*dict.fromkeys([*blocks, *SETTING.findall(text)])]


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
def test_the_playground_opens_every_setting() -> None:
    found = {name(document): settings(document) for document in TOLD}
    assert found["docs/teaching.md"] == found["docs/zh/teaching.md"] != []
    program = f'import {{ stateIn }} from "{LINKS}";\n' + (
        "const main = (all) => all.map((fragment) => stateIn(fragment).problems);"
    )
    every = [*chain.from_iterable(found.values())]
    problems = run_in_node(program, every)
    assert dict(zip(every, problems, strict=True)) == {fragment: [] for fragment in every}


@each_document
def test_python_reads_every_setting_of_this_playground(document: Path) -> None:
    for fragment in settings(document):
        if "dataset=" not in fragment:  # a link of TensorFlow Playground
            state_in(fragment)
