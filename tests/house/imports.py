"""Imports of a Python file, read from its syntax tree."""

import ast
from collections.abc import Iterator


def imports_in(tree: ast.AST, package: str) -> Iterator[tuple[str | None, str]]:
    """Each import as a module and the name taken from it, "" for the module itself.

    The module is None where what is imported is decided when the program runs. `package` is that
    of the file, which relative imports start from.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import(node.func):
            named = node.args[0] if node.args else None
            yield str(named.value) if isinstance(named, ast.Constant) else None, ""


def _is_import(function: ast.expr) -> bool:
    name = getattr(function, "id", None) or getattr(function, "attr", None)
    return name in ("import_module", "__import__")
