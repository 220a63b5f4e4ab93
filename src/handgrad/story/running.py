"""Runs a block of the story: what it prints, and the picture it ends with, still or moving."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from handgrad.plots.screens import Recording, live_pictures_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Outcome:
    """The text that a block printed, and the figure whose axes it ended with, if any.

    Where it drew a training live, `moving` is that picture as a GIF, the figure its last frame.
    """

    printed: str
    figure: Figure | None = None
    moving: bytes = b""


class Translated(Recording):
    """A moving picture each frame of which is put into another language."""

    def __init__(self, translate: Callable[[Figure], object]) -> None:
        super().__init__()
        self.translate = translate

    def show(self, epoch: int) -> None:
        self.translate(self.figure)
        super().show(epoch)


def run_block(
    code: str,
    namespace: dict[str, object],
    translate: Callable[[Figure], object] = lambda figure: None,
) -> Outcome:
    """Run `code` in `namespace`; as in a notebook, a last expression is shown.

    A figure is handed to `translate` before it becomes a picture, of a live one every frame.

    >>> run_block("a = 2\\na + 1", {}).printed
    '3\\n'
    """
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    value = figure = None
    printed, recordings = io.StringIO(), list[Translated]()

    def record() -> Translated:
        recordings.append(Translated(translate))
        return recordings[-1]

    with redirect_stdout(printed), live_pictures_on(record):
        exec(compile(ast.Module(body, []), "<story>", "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<story>", "eval"), namespace)
            figure = _figure_of(value)
        if value is not None and figure is None:
            print(repr(value))
    if recordings:
        file = io.BytesIO()
        recordings[-1].write(file)
        return Outcome(printed.getvalue(), recordings[-1].figure, file.getvalue())
    if figure is not None:
        translate(figure)
    return Outcome(printed.getvalue(), figure)


def _figure_of(value: object) -> Figure | None:
    """The figure that axes, or an array of axes, belong to; None for anything else."""
    if isinstance(value, np.ndarray) and value.size:
        value = value.flat[0]
    figure = getattr(value, "figure", None)
    return figure if hasattr(figure, "savefig") else None
