"""Messages and documents tell one way to install handgrad, and it works on every platform."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from handgrad.textbook.install import install_command
from tests.docs.documents import DOCUMENTS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
OWN = ROOT / "src" / "handgrad" / "textbook" / "install.py"
SOURCES = [
    path
    for path in sorted((ROOT / "src").rglob("*"))
    if path.suffix in (".py", ".toml", ".json", ".html", ".js", ".md") and path != OWN
]
BY_NAME = re.compile(r"pip3? install (?:-\S+ )*['\"]?handgrad\b|handgrad\[\w")
BY_FOLDER = re.compile(r"(?:python -m )?pip install '?\.[^`\s]*")


def of_the_index(text: str) -> list[str]:
    """The lines of a text by which a package of the name would be fetched from an index."""
    return [line for line in text.splitlines() if BY_NAME.search(line)]


def unknown_commands(text: str) -> Iterator[str]:
    """The commands that install the folder in another way than the package itself tells."""
    for command in BY_FOLDER.findall(text):
        extras = re.findall(r"\[(.+)\]", command)
        names = extras[0].split(",") if extras else []
        if command != install_command(*names) or not set(names) <= EXTRAS:
            yield command


@pytest.mark.parametrize("path", [*DOCUMENTS, *SOURCES], ids=lambda path: str(path.name))
def test_no_line_installs_a_name_that_is_not_registered(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not of_the_index(text)
    assert not [*unknown_commands(text)]


def test_messages_print_the_command_of_one_place() -> None:
    assert "pip install" in OWN.read_text("utf-8")
    assert not [path for path in SOURCES if "pip install" in path.read_text("utf-8")]


@pytest.mark.parametrize(
    "line",
    ["pip install handgrad", 'python -m pip install "handgrad[onnx]"', "needs `handgrad[jax]`"],
)
def test_a_planted_line_is_found(line: str) -> None:
    assert of_the_index(f"First\n{line}\n") == [line]


def test_a_planted_command_with_an_extra_that_is_none_is_found() -> None:
    planted = "python -m pip install '.[onyx]'"
    assert [*unknown_commands(f"`{planted}`")] == [planted]
    assert [*unknown_commands("`pip install .`")] == ["pip install ."]
    assert not [*unknown_commands("`python -m pip install '.[onnx]'`")]


@pytest.mark.parametrize(
    ("system", "machine", "python", "versions"),
    [
        ("darwin", "x86_64", "3.13", {"0.45.1"}),
        ("darwin", "x86_64", "3.14", None),
        ("darwin", "arm64", "3.14", {"0.45.1", "0.50.0"}),
        ("linux", "x86_64", "3.11", {"0.45.1", "0.50.0"}),
        ("win32", "AMD64", "3.12", {"0.45.1", "0.50.0"}),
    ],
)
def test_llvmlite_is_wanted_where_it_has_wheels(
    system: str, machine: str, python: str, versions: set[str] | None
) -> None:
    there = {"sys_platform": system, "platform_machine": machine, "python_version": python}
    wanted = [
        needed.specifier
        for needed in map(Requirement, PROJECT["dependencies"])
        if needed.name == "llvmlite" and (not needed.marker or needed.marker.evaluate(there))
    ]
    if versions is None:
        assert not wanted
    else:
        (specifier,) = wanted
        assert {*specifier.filter(["0.45.1", "0.50.0"])} == versions


def test_what_the_tests_read_is_in_the_archive_of_sources() -> None:
    """No list says what belongs to the archive: it has all that git has."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    assert set(build["targets"]) == {"wheel"}
