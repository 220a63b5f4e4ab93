"""The tests that a change asks for first: those that name what changed, by imports alone.

    python -m tests.affected    # the files of tests, for what git says is changed

A file of tests names a module where it imports it or something of it, or uses it as `hg.Name`, by
itself or through the tests' helpers. Of those that name a module only its package's own are
run, with contracts and worked examples; where none is its own, all. A module that none names is
tested by those that name its importers.
"""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

import handgrad
from tests.house.imports import imports_in

ROOT = Path(__file__).parents[1]
SOURCES, TESTS = ROOT / "src", ROOT / "tests"
ALWAYS = "tests/house"
OF_THE_TEXTBOOK = "contracts", "worked_examples"
OF_THE_WEB = {
    "exercises": "learn/exercises",
    "explain": "learn/explaining",
    "model": "exchange/exporting",
    "playground": "learn/playground",
    "shared": "files/html",
}
SECONDS = ".pytest_cache/v/handgrad/seconds"
BUDGET, UNKNOWN = 60.0, 2.0  # seconds, of one process: in all, and of a file that never ran
FACE = "handgrad.__init__"


def name_of(path: Path) -> str:
    """The dotted name of a module; a package's is that of its `__init__`."""
    base = SOURCES if path.is_relative_to(SOURCES) else ROOT
    return ".".join(path.relative_to(base).with_suffix("").parts)


FILES = {name_of(path): path for base in (SOURCES, TESTS) for path in sorted(base.rglob("*.py"))}


@lru_cache(None)
def tree_of(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text("utf-8"))


def module(name: str) -> str | None:
    """The name of a file, of what is imported by a name."""
    return next((found for found in (name, f"{name}.__init__") if found in FILES), None)


@lru_cache(None)
def origin(package: str, name: str) -> str | None:
    """The module that a package's name comes from."""
    if inner := module(f"{package.removesuffix('.__init__')}.{name}"):
        return inner
    found = module(package)
    if found is None or not found.endswith("__init__"):
        return found
    if found == FACE and name in handgrad._LATER:
        return origin(handgrad._LATER[name], name)
    for node in ast.walk(tree_of(found)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [alias.name for alias in node.names if name in (alias.asname or alias.name)]
            if node.names[0].name == "*" and (there := module(node.module)):
                inside = origin(there, name)
                if inside != there:
                    return inside
            if name in names:
                return origin(node.module, name)
    return found


@lru_cache(None)
def references(name: str) -> frozenset[str]:
    """The files that a module names: those it imports from, and what it uses of `hg`."""
    return frozenset(_references(name))


def _references(name: str) -> Iterator[str]:
    for there, taken in imports_in(tree_of(name), name.rpartition(".")[0]):
        if there and (known := origin(there, taken) if taken else module(there)):
            yield known
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "hg":
            if found := origin("handgrad", node.attr):
                yield found
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for text in re.findall(r"(?:handgrad|tests)(?:\.\w+)+", node.value):
                if found := module(text) or origin(*text.rsplit(".", 1)):
                    yield found


@lru_cache(None)
def named_by(name: str) -> frozenset[str]:
    """The source files that a file of tests names, by itself or through helpers."""
    seen, left = set[str](), [name]
    while left:
        for found in references(left.pop()) - seen:
            seen.add(found)
            if found.startswith("tests."):
                left.append(found)
    return frozenset(found for found in seen if found.startswith("handgrad"))


def runs_here(name: str) -> bool:
    """False for tests that compare with a library that is not installed here."""
    folder, _, file = name.rpartition(".")
    inside = module(f"{folder}.conftest")
    ignored = getattr(importlib.import_module(inside), "collect_ignore_glob", []) if inside else []
    return not any(fnmatch(f"{file}.py", pattern) for pattern in ignored)


TEST_FILES = [name for name in FILES if name.rpartition(".")[2].startswith("test_")]


@lru_cache(None)
def importers(name: str) -> frozenset[str]:
    return frozenset(
        other for other in FILES if other.startswith("handgrad") and name in references(other)
    )


def package(name: str) -> str:
    """The folder that a module lies in, of handgrad or of tests, or what it is called."""
    return name.split(".")[1]


def nearest_tests(name: str) -> set[str]:
    """The files of tests for a module."""
    seen, level = {name}, {name}
    while level:
        found = {test for test in TEST_FILES if level & named_by(test)}
        own = {test for test in found if package(test) in (package(name), *OF_THE_TEXTBOOK)}
        if found:
            return own or found
        level = {other for one in level for other in importers(one) if other != FACE} - seen
        seen |= level
    return set()


def asked_for(changed: Iterable[Path]) -> list[Path]:
    """The files of tests that a change of these files asks for, and the modules with examples."""
    tests, found = set[str](), set[Path]()
    for path in changed:
        if path.suffix != ".py":
            for base, folders in ((SOURCES / "handgrad", {}), (ROOT / "web", OF_THE_WEB)):
                if path.is_relative_to(base):
                    inside = path.relative_to(base).parent.as_posix()
                    first = inside.partition("/")[0]
                    found |= {*(TESTS / folders.get(first, inside)).glob("test_*.py")}
        elif path.is_relative_to(SOURCES):
            found.add(path)
            tests |= nearest_tests(name_of(path))
        elif (name := name_of(path)) in TEST_FILES:
            tests.add(name)
        else:
            tests |= {test for test in TEST_FILES if name in references(test)}
    return sorted(found | {FILES[test] for test in tests if runs_here(test)})


def changed_files() -> list[Path]:
    """Untracked and uncommitted files, and those changed since the upstream branch."""
    base = _git("merge-base", "HEAD", "@{upstream}") or ["HEAD"]
    names = _git("diff", "--name-only", "--diff-filter=d", base[0])
    return [ROOT / name for name in names + _git("ls-files", "--others", "--exclude-standard")]


def _git(*command: str) -> list[str]:
    """The lines that git answers; none where it has no answer."""
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def within(seconds: float, files: Sequence[Path]) -> list[Path]:
    """As many files as take so long, going by their last run; the quickest first."""
    took = last_run()
    kept, left = list[Path](), seconds
    for path in sorted(files, key=lambda path: took.get(str(path.relative_to(ROOT)), UNKNOWN)):
        left -= took.get(str(path.relative_to(ROOT)), UNKNOWN)
        if left >= 0:
            kept.append(path)
    return sorted(kept)


def last_run() -> dict[str, float]:
    """The seconds that each file of tests took when it last ran, kept by tests/conftest.py."""
    try:
        found: dict[str, float] = json.loads((ROOT / SECONDS).read_text("utf-8"))
    except OSError:
        return {}
    return found


def main() -> None:
    """Print what to run."""
    asked = asked_for(changed_files())
    kept = within(BUDGET, asked)
    if len(kept) < len(asked):
        print(f"{len(asked) - len(kept)} of {len(asked)} files of tests that name what changed are "
              "left to `make test`", file=sys.stderr)  # fmt: skip
    print(*[ALWAYS, *(path.relative_to(ROOT) for path in kept)])


if __name__ == "__main__":
    main()
