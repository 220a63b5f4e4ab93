"""Runs a block of the story: what it prints, and the figure it ends with."""

import ast
import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a block printed, and the Matplotlib figure it ended with, if any."""

    printed: str
    figure: Any = None


def run_block(code: str, namespace: dict[str, Any], name: str = "story") -> Outcome:
    """Run `code` in `namespace`, as a notebook would: a last expression is shown.

    >>> run_block("a = 2\\na + 1", {})
    Outcome(printed='3\\n', figure=None)
    """
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    file = f"<{name}>"
    value = None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(ast.Module(body, []), file, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
        if value is not None and not hasattr(value, "savefig"):
            print(repr(value))
    return Outcome(printed.getvalue(), value if hasattr(value, "savefig") else None)
