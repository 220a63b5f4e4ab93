"""The house stands: arrows point down, the textbook needs NumPy alone, pages stay short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad

ROOT = Path(handgrad.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

LEVELS = [
    {"errors"},
    {"other_names", "display"},
    {"page", "initializers", "files", "html", "progress_bar"},
    {"layers"},
    {"losses", "optimizers", "penalties", "metrics", "schedules", "row_source", "results"},
    {"net"},
    {"graph"},
    {"engines"},
    {"data", "saving"},
    {"training"},
    {"proof", "doctor", "plots"},
    {"fitting"},
    {"experiments"},
    {"estimators", "tabular"},
    {"inspection"},
    {"reporting"},
    {"story"},
    {"cli"},
]
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
TEXTBOOK = {
    "errors",
    "other_names",
    "page",
    "initializers",
    "layers",
    "losses",
    "optimizers",
    "metrics",
    "schedules",
    "penalties",
    "net",
}
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
    "inspect",
    "itertools",
    "math",
    "typing",
    "weakref",
}
ALLOWED_IN_THE_TEXTBOOK = {"numpy", "handgrad", *STANDARD}
LONGEST_FILE, LONGEST_FUNCTION = 300, 45


def part(path: Path) -> str:
    """Which part of the house a file belongs to: `layers`, `net`, `cli`."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "handgrad":
                yield from (f"handgrad.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


INSIDE = [path for path in FILES if part(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_point_down(path: Path) -> None:
    here = part(path)
    for module in imports(path):
        if not module.startswith("handgrad.") or module == "handgrad.__version__":
            continue
        there = module.split(".")[1]
        if there != here:
            assert LEVEL_OF[there] < LEVEL_OF[here], f"{here} imports {module}"


@pytest.mark.parametrize(
    "path",
    [path for path in INSIDE if part(path) in TEXTBOOK],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_textbook_imports_numpy_alone(path: Path) -> None:
    allowed = ALLOWED_IN_THE_TEXTBOOK | (
        {"sklearn", "functools"} if part(path) == "metrics" else set()
    )
    assert {module.split(".")[0] for module in imports(path)} <= allowed


def test_every_part_has_its_level() -> None:
    assert {part(path) for path in INSIDE} == set(LEVEL_OF)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_with_a_sentence_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    opening = (ast.get_docstring(tree) or "").split("\n")[0]
    assert opening.endswith((".", ":", "…", "`."))
    code = [line for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


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
        "markdown_it",
        "pygments",
    )
    code = f"import sys, handgrad; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
