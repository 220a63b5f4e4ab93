"""The house stands: arrows point down, the textbook needs NumPy alone, pages stay short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad
from tests.house.imports import imports_in

ROOT = Path(handgrad.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

LEVELS = [
    {"textbook"},
    {"graph", "files"},
    {"engines"},
    {"training"},
    {"check", "exchange", "plots", "cluster"},
    {"tables"},
    {"learn"},
    {"cli"},
]
CORE = {"textbook", "graph", "files", "engines", "training", "check", "exchange"}
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
STANDARD = {
    "__future__",
    "collections",
    "contextlib",
    "contextvars",
    "copy",
    "dataclasses",
    "difflib",
    "fnmatch",
    "functools",
    "importlib",
    "inspect",
    "itertools",
    "locale",
    "math",
    "os",
    "re",
    "sys",
    "time",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
    "weakref",
}
ALLOWED_IN_THE_TEXTBOOK = {"numpy", "handgrad", *STANDARD}
APPLICATION = {  # what `import handgrad` leaves to first use
    "check.doctor",
    "cli",
    "cluster",
    "exchange",
    "learn",
    "plots",
    "tables",
}
LONGEST_PAGE, LONGEST_FILE, LONGEST_FUNCTION = 300, 600, 45


def part(path: Path) -> str:
    """Which package a file belongs to: `textbook`, `graph`, `cli`."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    """The dotted name of a file: `handgrad.textbook.layers.linear`."""
    name = ".".join(("handgrad", *path.relative_to(ROOT).with_suffix("").parts))
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file and by whatever statement."""
    own = module_of(path)
    package = own if path.stem == "__init__" else own.rpartition(".")[0]
    for module, name in imports_in(ast.parse(path.read_text("utf-8")), package):
        assert module is not None, f"{path} imports what it is told"
        inner = f"{module}.{name}"
        yield inner if inner in MODULES else module


INSIDE = [path for path in FILES if part(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down(path: Path) -> None:
    here = part(path)
    for module in imports(path):
        if module.split(".")[0] != "handgrad":
            continue
        assert module != "handgrad", f"{here} imports the public face"
        there = module.split(".")[1]
        if there != here:
            assert LEVEL_OF[there] < LEVEL_OF[here], f"{here} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for path in INSIDE if part(path) in CORE],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_core_imports_nothing_around_it(path: Path) -> None:
    inner = [module.split(".") for module in imports(path) if module.startswith("handgrad.")]
    assert {part for _, part, *_ in inner} <= CORE


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_stands_on_public_faces(path: Path) -> None:
    for module in imports(path):
        outside = module.startswith("handgrad.") and not module.startswith("handgrad.cli.")
        is_face = module not in MODULES or MODULES[module].parent.name in LEVEL_OF
        if outside and MODULES.get(module, path).stem != "__init__":
            assert is_face or module == "handgrad.engines.compiled.cache", module


def test_every_way_to_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "textbook" / "layers"
    package.mkdir(parents=True)
    path = package / "linear.py"
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    monkeypatch.setitem(MODULES, "handgrad.textbook.layers.layer", package / "layer.py")
    path.write_text(
        "import handgrad\n"
        "from . import layer\n"
        "from .layer import Layer\n"
        "from ..net import Net\n"
        "def f():\n"
        "    from handgrad.textbook.layers import layer\n"
        "    importlib.import_module('handgrad.cli')\n"
        "    __import__('handgrad.learn.story')\n"
    )
    layer = "handgrad.textbook.layers.layer"
    others = ["handgrad", "handgrad.textbook.net", "handgrad.cli", "handgrad.learn.story"]
    assert sorted(imports(path)) == sorted([layer, layer, layer, *others])
    path.write_text("import_module(name)")
    with pytest.raises(AssertionError, match="imports what it is told"):
        [*imports(path)]


def circles(arrows: dict[str, set[str]]) -> set[frozenset[str]]:
    """The sets of modules each of which leads to all others of its set."""
    reached = {}
    for start in arrows:
        seen, left = set[str](), [start]
        while left:
            new = arrows[left.pop()] - seen
            seen |= new
            left += new
        reached[start] = seen
    return {
        frozenset(there for there in seen if start in reached[there])
        for start, seen in reached.items()
        if start in seen
    }


def test_there_are_no_circles() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}
    found = circles({module_of(path): {*imports(path)} & MODULES.keys() for path in INSIDE})
    assert not found, f"circles: {sorted(map(sorted, found))}"


@pytest.mark.parametrize(
    "path",
    [path for path in INSIDE if part(path) == "textbook"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_textbook_imports_numpy_alone(path: Path) -> None:
    assert {module.split(".")[0] for module in imports(path)} <= ALLOWED_IN_THE_TEXTBOOK


def test_every_part_has_its_level() -> None:
    assert {part(path) for path in INSIDE} == set(LEVEL_OF)


Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def lines_of_code(text: str, tree: ast.Module) -> set[int]:
    """The lines of a file that hold code: no docstrings, no comments, no empty lines."""
    written = {
        i
        for i, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.strip().startswith("#")
    }
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node) is not None:
            written -= {*range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)}
    return written


def test_docstrings_and_comments_are_no_code() -> None:
    text = '"""A module."""\n\n\ndef f():\n    """One\n\n    more."""\n    # why\n    return 1\n'
    assert lines_of_code(text, ast.parse(text)) == {4, 9}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_a_sentence_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    opening = (ast.get_docstring(tree) or "").split("\n")[0]
    assert opening.endswith((".", ":", "…", "`."))
    code = lines_of_code(text, tree)
    assert len(code) <= (LONGEST_PAGE if part(path) == "textbook" else LONGEST_FILE)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = code & {*range(node.body[0].lineno, (node.end_lineno or 0) + 1)}
            assert len(body) <= LONGEST_FUNCTION, f"{node.name} has {len(body)} lines"


def test_importing_handgrad_loads_nothing_heavy() -> None:
    heavy = (
        "sklearn",
        "scipy",
        "narwhals",
        "pandas",
        "pyarrow",
        "matplotlib",
        "safetensors",
        "rich",
        "typer",
        "jinja2",
        "markdown_it",
        "pygments",
        "ray",
        "xgboost",
    )
    assert loaded_with_handgrad(*heavy) == []


def test_importing_handgrad_loads_nothing_of_the_application() -> None:
    assert loaded_with_handgrad(*(f"handgrad.{name}" for name in APPLICATION)) == []


def loaded_with_handgrad(*modules: str) -> list[str]:
    """Which of these modules `import handgrad` loads in a new process."""
    code = f"import sys, handgrad; print(*[m for m in {modules} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()
