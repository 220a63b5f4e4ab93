"""The words that plots put into pictures, as they stand in the source."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import handgrad.plots

FOLDER = Path(handgrad.plots.__file__).parent
# What is put together of several parts.
BUILT = {
    *(f"{what} {{}}" for what in ("class", "feature")),
    *(f"{which} channel{of}" for which, of in product(("input", "output"), ("", ", {} of {}"))),
    *(f"{which} principal component, {{}} of the variance" for which in ("first", "second")),
    *("1 other feature at its mean", "{} other features at their means"),
    *("1 other feature at the given filler", "{} other features at the given filler"),
    *("input: {}", "layer {} of {}, {}: {}", "after layer {} of {}, {}", "{} numbers"),
    *("1 map of {} × {}", "{} maps of {} × {}", "{} of {} maps of {} × {}", "accuracy", "r2"),
}


def _trees() -> Iterator[ast.AST]:
    for file in FOLDER.glob("*.py"):
        yield ast.parse(file.read_text("utf-8"))


def labelled() -> set[str]:
    """The texts that are written where a label is made."""
    return {
        call.args[0].value
        for tree in _trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "label"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def words_of_plots() -> set[str]:
    """All texts in the source, and those that are put together."""
    constants = {
        node.value
        for tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return constants | BUILT
