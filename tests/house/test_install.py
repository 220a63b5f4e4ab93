"""Messages and documents tell one way to install handgrad, and it works on every platform."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.installation import PASSAGES, written
from packaging.requirements import Requirement

from handgrad.engines.dispatch import ENGINES
from handgrad.files import html
from handgrad.tables import packages
from handgrad.textbook.install import PUBLISHED, install_command, install_hint
from handgrad.textbook.version import NAME
from tests.docs.documents import DOCUMENTS, ROOT, blocks, name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
PACKAGE = ROOT / "src" / "handgrad"
OWN = PACKAGE / "textbook" / "install.py"
SOURCES = [
    path
    for path in sorted((ROOT / "src").rglob("*"))
    if path.suffix in (".py", ".toml", ".json", ".html", ".js", ".md") and path != OWN
]
BY_NAME = re.compile(r"pip3? install (?:-\S+ )*['\"]?handgrad\b|handgrad\[\w")
BY_FOLDER = re.compile(r"pip3? install (?:--\S+ )*['\"]?\.(?!\w)")
OF_STATE = {False: BY_FOLDER, True: BY_NAME}
COMMAND = re.compile(r"(?:python -m )?pip3? install ['\"]?(?:\.(?!\w)|handgrad\b)[^`\s]*")
STATES = pytest.mark.parametrize("published", [False, True], ids=["unpublished", "published"])


def of_other_state(text: str, published: bool) -> list[str]:
    """Lines of a text that install handgrad as it is not to be installed in a state."""
    return [line for line in text.splitlines() if OF_STATE[not published].search(line)]


def unknown_commands(text: str, published: bool) -> Iterator[str]:
    """The commands that install handgrad in another way than the package itself tells."""
    for command in COMMAND.findall(text):
        extras = re.findall(r"\[(.+)\]", command)
        names = extras[0].split(",") if extras else []
        if command != install_command(*names, published=published) or not set(names) <= EXTRAS:
            yield command


@pytest.mark.parametrize("path", [*DOCUMENTS, *SOURCES], ids=lambda path: str(path.name))
def test_no_line_installs_a_name_that_is_not_registered(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not of_other_state(text, PUBLISHED)
    assert not [*unknown_commands(text, PUBLISHED)]


def test_the_project_and_its_folder_and_command_have_the_one_name() -> None:
    assert PROJECT["name"] == PACKAGE.name == NAME
    assert [*PROJECT["scripts"]] == [NAME]


@STATES
@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_a_document_is_written_for_each_state(path: Path, published: bool) -> None:
    now = path.read_text("utf-8")
    assert written(now, PUBLISHED) == now, "run: python -m docs.installation"
    then = written(now, published)
    assert not of_other_state(then, published)
    assert not [*unknown_commands(then, published)]
    assert written(then, PUBLISHED) == now


@pytest.mark.parametrize("passage", PASSAGES, ids=range(len(PASSAGES)))
def test_each_passage_is_in_a_document_and_is_no_part_of_another(passage: dict[bool, str]) -> None:
    assert any(passage[PUBLISHED] in path.read_text("utf-8") for path in DOCUMENTS)
    for other in PASSAGES:
        assert passage[False] not in other[True]
        assert passage[True] not in other[False]


@STATES
@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=name)
def test_the_first_command_of_the_readme(path: Path, published: bool, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(written(path.read_text("utf-8"), published), "utf-8")
    shell = [block.text for block in blocks(readme) if block.language == "shell"]
    assert shell[-1].startswith("make demo")
    first = shell[0].partition("  ")[0]
    assert first == (install_command(published=True) if published else "make demo")


@STATES
def test_hints_of_errors_name_the_folder_only_before_publication(published: bool) -> None:
    hint = install_hint("onnx", published=published)
    assert install_command("onnx", published=published) in hint
    assert ("folder" in hint) != published
    assert not of_other_state(hint, published)


def test_messages_print_the_command_of_one_place() -> None:
    assert "pip install" in OWN.read_text("utf-8")
    assert not [path for path in SOURCES if "pip install" in path.read_text("utf-8")]


@pytest.mark.parametrize(
    "line",
    ["pip install handgrad", 'python -m pip install "handgrad[onnx]"', "needs `handgrad[jax]`"],
)
def test_a_planted_line_is_found(line: str) -> None:
    assert of_other_state(f"First\n{line}\n", False) == [line]
    assert not of_other_state(line, True)


@pytest.mark.parametrize(
    "line", ["pip install .", "python -m pip install '.[onnx]'", "pip install --no-deps ."]
)
def test_a_planted_line_for_the_folder_is_found(line: str) -> None:
    assert of_other_state(f"First\n{line}\n", True) == [line]
    assert not of_other_state(line, False)


def test_a_planted_command_with_an_extra_that_is_none_is_found() -> None:
    for planted in ('python -m pip install ".[onyx]"', "pip install .", "pip install '.[onnx]'"):
        assert [*unknown_commands(f"`{planted}`", False)] == [planted]
    assert not [*unknown_commands('`python -m pip install ".[onnx]"`', False)]
    assert [*unknown_commands('`python -m pip install ".[onnx]"`', True)]


# Distributions whose modules have other names.
IMPORTED_AS = {
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
    "scikit-learn": "sklearn",
}
CORE = ("textbook", "graph", "files", "engines", "training", "check", "exchange")


# A module for tables and clusters, whose extras bring pyarrow.
OTHERS = {"remote_files.py": {"pyarrow"}}


def modules_of(lines: list[str]) -> set[str]:
    """What the packages of some requirements are imported by."""
    return {
        IMPORTED_AS.get(name, name.replace("-", "_"))
        for name in (Requirement(line).name for line in lines)
    }


def loaded_at_once(tree: ast.AST) -> Iterator[str]:
    """The packages that a module imports when it is imported itself, by no function of it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from loaded_at_once(ast.Module(node.orelse, []))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from loaded_at_once(node)


def test_the_core_loads_its_own_packages_alone() -> None:
    own = {*sys.stdlib_module_names, "handgrad", *modules_of(PROJECT["dependencies"])}
    for path in (path for core in CORE for path in (PACKAGE / core).rglob("*.py")):
        extra = {"jax"} if path.parent.name == "jax" else OTHERS.get(path.name, set())
        assert {*loaded_at_once(ast.parse(path.read_text("utf-8")))} <= own | extra, path


def test_what_is_imported_by_a_function_or_for_types_is_not_loaded_at_once() -> None:
    text = (
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import e\nelse:\n    import f\n"
        "class A:\n    import g\n    def m(self):\n        import h\n"
    )
    assert [*loaded_at_once(ast.parse(text))] == ["a", "c", "f", "g"]


def test_packages_whose_extra_is_named_are_of_that_extra() -> None:
    """Each `require("what", extra=["package"])` of the sources, and those of the engines."""
    constants = {"PACKAGES": packages.PACKAGES, "TEMPLATES": html.TEMPLATES}
    found = {classes.extra for classes in ENGINES.values() if classes.extra}
    for engine in found:
        assert engine in modules_of(PROJECT["optional-dependencies"][engine])
    for path in (path for path in SOURCES if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("require"):
                for extra in (word for word in node.keywords if word.arg in EXTRAS):
                    told = ast.unparse(extra.value)
                    if told != "MODULES":  # what the packages of [cluster] need is among them
                        told = told.partition(" if ")[0]
                        named = constants.get(told) or ast.literal_eval(told)
                        brought = PROJECT["optional-dependencies"][extra.arg or ""]
                        assert {*named} <= modules_of(brought), f"{path}: {extra.arg}"
                    found.add(extra.arg or "")
    assert found >= {"plots", "tables", "learn", "cli", "cluster", "jax", "onnx", "keras", "mnist"}


def test_all_is_what_the_readme_shows() -> None:
    (whole,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
    assert whole.extras == {"plots", "tables", "learn", "cli", "spreadsheets"}
    for document in ("README.md", "README.zh-CN.md", "docs/start.md", "docs/zh/start.md"):
        text = (ROOT / document).read_text("utf-8")
        for published in (False, True):
            assert install_command("all", published=published) in written(text, published)


@pytest.mark.parametrize(
    ("system", "machine", "python", "versions"),
    [
        ("darwin", "x86_64", "3.13", {"0.45.1"}),
        ("darwin", "x86_64", "3.14", None),
        ("darwin", "arm64", "3.14", {"0.45.1", "0.50.0"}),
        ("linux", "x86_64", "3.11", {"0.45.1", "0.50.0"}),
        ("win32", "AMD64", "3.12", {"0.45.1", "0.50.0"}),
        ("emscripten", "wasm32", "3.14", None),
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
