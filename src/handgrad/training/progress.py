"""Shows how a training goes on: a bar in a terminal or a notebook, nothing elsewhere."""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from handgrad.display import in_a_notebook
from handgrad.training.report import Report
from handgrad.training.streamed import StreamedTraining

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

WIDTH = 100  # of a bar in a notebook, in characters
AT_LEAST = 0.1  # seconds from one picture of it to the next
Item = TypeVar("Item")


def progress(
    reports: Iterable[Report],
    *,
    epochs: int,
    console: "Console | None" = None,
    training: object = None,
) -> Iterator[Report]:
    """Pass `reports` on and show a bar with loss, metrics, rows a second and the time left.

    Quiet when standard error, or the given Rich `console`, is not a terminal, and this is no
    notebook, where the bar is an output of the cell and stays as it ends. `training` is what
    `hg.train` gave, where adapters stand between it and here: on rows that are streamed, the
    bar moves within an epoch too.
    """
    source = training or reports
    streamed = source if isinstance(source, StreamedTraining) else None
    return _shown(reports, epochs, "epoch", how_it_stands, console, streamed)


def counted(
    finished: Iterable[Item], runs: int, *, console: "Console | None" = None
) -> Iterator[Item]:
    """Pass on what has `finished` and show a bar with the number of runs and the time left."""
    return _shown(finished, runs, "run", lambda _: "", console)


@contextmanager
def progress_bar(
    total: float, unit: str, console: "Console | None" = None, *, shown: bool = True
) -> Iterator[Callable[..., None]]:
    """A bar of so many units with the time left; yields what takes it on by one, and says `now`,
    or by `more`.

    Quiet when standard error, or the given console, is not a terminal, and this is no notebook.
    """
    in_a_cell = shown and console is None and in_a_notebook()
    if not shown:
        yield lambda now="", more=1.0: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = console or Console(stderr=True)
    if not (in_a_cell or console.is_terminal):
        yield lambda now="", more=1.0: None
        return
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


class Cell:
    """A bar as an output of a notebook's cell, replaced a few times a second, and at the end."""

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


def _shown(
    items: Iterable[Item],
    total: int,
    unit: str,
    now: Callable[[Item], str],
    console: "Console | None",
    streamed: StreamedTraining | None = None,
) -> Iterator[Item]:
    with progress_bar(total, unit, console) as advance:
        within = 0.0

        def moved(share: float) -> None:
            nonlocal within
            advance(more=share - within)
            within = share

        if streamed is not None:
            streamed.when_rows_are_done = moved
        for item in items:
            advance(now(item), 1 - within)
            within = 0.0
            yield item


def how_it_stands(report: Report) -> str:
    """A report in a few words: losses, metrics, rows a second."""
    parts = [f"loss {report.train_loss:.4f}"]
    parts += [f"{name} {found.loss:.4f}" for name, found in report.evaluations.items()]
    parts += [f"{name} {value:.3f}" for name, value in report.metrics.items()]
    if report.seconds > 0:
        parts.append(f"{_rounded(report.rows / report.seconds)} rows/s")
    return " · ".join(parts)


def _rounded(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"
