"""The page of the core's interface, written from the imports of the packages around it.

`python -m docs.core_names` writes docs/core.md. A name that a package around the core newly
imports stands in that page, or the tests fail: the interface does not grow unseen.
"""

import ast
from collections import defaultdict
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

from tests.house.imports import imports_in

import handgrad

HERE = Path(__file__).parent
PAGE = HERE / "core.md"
PACKAGES = Path(handgrad.__file__).parent
HEAD = """\
# The core's interface

The names of the core (`textbook`, `graph`, `files`, `engines`, `training`, `check`, `exchange`)
that the packages around it import (`plots`, `cluster`, `tables`, `learn`, `cli`); they use no
others. A package of your own that builds on the core may do the same, but only [the public
names](api.md) keep their names from release to release.
"""


def used_names(core: Collection[str], packages: Path = PACKAGES) -> dict[str, list[str]]:
    """The names that packages around the core import from it, by their modules."""
    names = defaultdict[str, set[str]](set)
    for path in packages.rglob("*.py"):
        package = path.relative_to(packages).parts[0].removesuffix(".py")
        if package in core or package.startswith("__"):
            continue
        for module, name in imports_in(ast.parse(path.read_text("utf-8")), f"handgrad.{package}"):
            if name and module and _is_core(module, core):
                names[module].add(name)
    return {module: sorted(names[module]) for module in sorted(names)}


def _is_core(module: str, core: Collection[str]) -> bool:
    first, _, rest = module.partition(".")
    return first == "handgrad" and rest.split(".")[0] in core


def value_of(module: str, name: str) -> object:
    """The object of a name: an attribute of the module, or a submodule."""
    inside = import_module(module)
    return getattr(inside, name) if hasattr(inside, name) else import_module(f"{module}.{name}")


def page(core: Collection[str]) -> str:
    """The page: a table of modules and their names for each package."""
    tables = defaultdict[str, list[str]](list)
    for module, names in used_names(core).items():
        package = module.split(".")[1]
        tables[package].append(f"| `{module}` | {', '.join(f'`{name}`' for name in names)} |\n")
    head = "| module | names |\n|---|---|\n"
    parts = (f"## {package}\n\n{head}{''.join(rows)}" for package, rows in tables.items())
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    from tests.house.test_levels import CORE

    PAGE.write_text(page(CORE), encoding="utf-8", newline="\n")
