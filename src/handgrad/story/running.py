"""Runs a block of the story: what it prints, and the picture it ends with."""

import ast
import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What a block printed, and the Matplotlib figure whose axes it ended with, if any."""

    printed: str
    figure: Any = None


def run_block(code: str, namespace: dict[str, Any]) -> Outcome:
    """Run `code` in `namespace`; as in a notebook, a last expression is shown.

    >>> run_block("a = 2\\na + 1", {})
    Outcome(printed='3\\n', figure=None)
    """
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    value = figure = None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<story>", "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<story>", "eval"), namespace)
            figure = _figure_of(value)
        if value is not None and figure is None:
            print(repr(value))
    return Outcome(printed.getvalue(), figure)


def _figure_of(value: Any) -> Any:
    """The figure that axes, or an array of axes, belong to; None for anything else."""
    if isinstance(value, np.ndarray) and value.size:
        value = value.flat[0]
    figure = getattr(value, "figure", None)
    return figure if hasattr(figure, "savefig") else None
