"""What the documents name is there: links, files, make targets, commands, public names."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import typer
from tasks import SETTINGS, TASKS

import handgrad as hg
from handgrad.cli.app import app
from tests.docs.documents import DOCUMENTS, ROOT, blocks, code_spans, commands, name

PATH = re.compile(r"\.?\w[\w.-]+(?:/[\w.-]+)*/?")
SUFFIXES = (".py", ".md", ".toml", ".yml", ".txt")
MADE_BY_COMMANDS = ("runs/", ".venv/", "build/", "dist/")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name)


@each_document
def test_paths_exist(document: Path) -> None:
    created = {block.step["new"] for block in blocks(document) if block.step}
    for span in code_spans(document):
        looks_like_a_path = PATH.fullmatch(span) and ("/" in span or span.endswith(SUFFIXES))
        if not looks_like_a_path or span.startswith(MADE_BY_COMMANDS) or span in created:
            continue
        places = (ROOT, ROOT / "src" / "handgrad", document.parent)
        assert any((place / span).exists() for place in places), span


@each_document
def test_tasks_and_their_settings_exist(document: Path) -> None:
    for command in commands(document):
        found = re.match(r"(?:make|python -m tasks)\b(.*)", command)
        for word in shlex.split(found[1]) if found else []:
            setting, given, _ = word.partition("=")
            assert setting in ((*SETTINGS, "PYTHON") if given else TASKS), command


@each_document
def test_handgrad_commands_parse(document: Path) -> None:
    group = typer.main.get_command(app)
    for command in commands(document):
        if not command.startswith("handgrad "):
            continue
        subcommand, *arguments = shlex.split(command, comments=True)[1:]
        chosen = group.commands[subcommand]  # type: ignore[attr-defined]
        with contextlib.suppress(typer.Exit):  # what --help does
            chosen.make_context(subcommand, arguments)


@each_document
def test_public_names_exist(document: Path) -> None:
    created = {n for block in blocks(document) if block.step for n in _classes(block.text)}
    for span in code_spans(document):
        for public in re.findall(r"\bhg\.(\w+(?:\.\w+)*)", span):
            assert is_there(public) or public in created, span


def is_there(public: str) -> bool:
    """Whether `hg` has it: a name, or one within a namespace."""
    found: object = hg
    for part in public.split("."):
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def _classes(code: str) -> list[str]:
    return re.findall(r"^class (\w+)", code, re.MULTILINE)


@each_document
def test_no_machine_and_no_host_is_named(document: Path) -> None:
    text = document.read_text("utf-8")
    assert not re.search(r"(?<![\w.])/(work|tmp|home|root|usr)/", text)
    assert "pypi" not in text.lower()
