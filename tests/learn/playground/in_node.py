"""Runs the playground's modules in node."""

import shutil
from typing import Any

import pytest

from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.web import WEB
from handgrad.learn.playground.state import State

PAGE = WEB / "playground"
HAS_NODE = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")


def module(names: str, path: str) -> str:
    """The line that imports these names from a module of the page."""
    return f'import {{ {names} }} from "{(PAGE / path).as_uri()}";\n'


def in_page(imports: dict[str, str], main: str, given: object) -> Any:
    """What `main`, a function of JavaScript, gives; `imports` are names by module of training/."""
    lines = [module(names, f"training/{path}.js") for path, names in imports.items()]
    return run_in_node("".join(lines) + f"const main = {main};", given)


def fragment_of(state: State) -> str:
    """The fragment of a state's link."""
    fragment: str = in_page({"links": "fragmentOf"}, "fragmentOf", state)
    return fragment
