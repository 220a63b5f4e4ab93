"""A progress bar in a terminal or a notebook, by Rich; lines without it; nothing elsewhere."""

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from handgrad.textbook.display import in_a_notebook
from handgrad.textbook.install import installed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDTH = 100  # of a bar in a notebook, in characters
AT_LEAST = 0.1  # seconds between two updates of it
BETWEEN_LINES = 1.0  # seconds between two lines without a bar
# Creator of bars that another process shows, from total and unit.
Bars = Callable[[float, str], AbstractContextManager[Callable[..., None]]]
SHOWN_ELSEWHERE: ContextVar[Bars | None] = ContextVar("bars shown elsewhere", default=None)


@contextmanager
def progress_bar(
    total: float, unit: str, console: "Console | None" = None, *, shown: bool = True
) -> Iterator[Callable[..., None]]:
    """Show a bar of `total` units; yields a function that advances it and shows the text `now`.

    Nothing is shown without a terminal or notebook. Without Rich a line per second is printed.
    """
    if shown and (elsewhere := SHOWN_ELSEWHERE.get()) is not None:
        with elsewhere(total, unit) as advance:
            yield advance
        return
    in_a_cell = shown and console is None and in_a_notebook()
    if shown and console is None and not installed("rich"):
        if in_a_cell or (sys.stderr is not None and sys.stderr.isatty()):
            with lines(total, unit) as advance:
                yield advance
            return
        shown = False
    if shown:
        from rich.console import Console

        console = console or Console(stderr=True)
    if console is None or not shown or not (in_a_cell or console.is_terminal):
        yield lambda now="", more=1.0: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn(unit),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
    )
    bar = Progress(*columns, TimeLeft(compact=True), console=console)
    task = bar.add_task("training", total=total, now="")
    with Cell(bar) if in_a_cell else bar as place:

        def advance(now: str | None = None, more: float = 1.0) -> None:
            bar.advance(task, more)
            if now is not None:
                bar.update(task, now=now)
            if isinstance(place, Cell):
                place.refresh()

        yield advance


@contextmanager
def lines(total: float, unit: str) -> Iterator[Callable[..., None]]:
    """Print lines instead of a bar, at most one per second, and one at the end."""
    done, text, printed_at = 0.0, "", time.monotonic()

    def print_line() -> None:
        nonlocal printed_at
        printed_at = time.monotonic()
        print(f"{unit} {done:.0f}/{total:.0f} {text}".rstrip(), file=sys.stderr)

    def advance(now: str | None = None, more: float = 1.0) -> None:
        nonlocal done, text
        done, text = done + more, text if now is None else now
        if time.monotonic() - printed_at >= BETWEEN_LINES:
            print_line()

    try:
        yield advance
    finally:
        print_line()


class Cell:
    """Bar as an output of a notebook's cell, updated a few times a second and at the end."""

    def __init__(self, bar: "Progress") -> None:
        self.bar, self.shown_at = bar, 0.0
        self.handle: Any = None

    def __enter__(self) -> "Cell":
        from IPython.display import display

        self.handle = display(self._now(), raw=True, display_id=True)
        self.shown_at = time.monotonic()
        return self

    def refresh(self, *, always: bool = False) -> None:
        if always or time.monotonic() - self.shown_at >= AT_LEAST:
            self.handle.update(self._now(), raw=True)
            self.shown_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.refresh(always=True)

    def _now(self) -> dict[str, str]:
        from rich.console import Console

        paper = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_jupyter=False)
        with paper.capture() as written:
            paper.print(self.bar.get_renderable())
        return {"text/plain": written.get().rstrip()}
