"""Shows how a training goes on: a bar in a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from handgrad.training.report import Report
from handgrad.training.streamed import StreamedTraining

if TYPE_CHECKING:
    from rich.console import Console


Item = TypeVar("Item")


def progress(
    reports: Iterable[Report],
    *,
    epochs: int,
    console: "Console | None" = None,
    training: object = None,
) -> Iterator[Report]:
    """Pass `reports` on and show a bar with loss, metrics, rows a second and the time left.

    Quiet when standard error, or the given Rich `console`, is not a terminal. `training` is what
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
def counter(what: str, total: int, *, shown: bool) -> Iterator[Callable[[int], object]]:
    """What to call with how much more of `total` is done; it moves a bar, if that is asked for.

    Quiet when standard error is not a terminal.
    """
    if not shown:
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


@contextmanager
def progress_bar(
    total: int, unit: str, console: "Console | None" = None
) -> Iterator[Callable[..., None]]:
    """A bar of so many units with the time left; yields what takes it on by one, and says `now`.

    What it yields may be told how far that is in all, as `done=`.

    Quiet when standard error, or the given console, is not a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lambda now=None, done=None: None
        return
    columns = (
        TextColumn(unit),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, TimeLeft(compact=True), console=console) as bar:
        task = bar.add_task("training", total=total, now="")

        def advance(now: str | None = None, done: float | None = None) -> None:
            said: dict[str, Any] = {} if now is None else {"now": now}
            bar.update(task, advance=1 if done is None else None, completed=done, **said)

        yield advance


def _shown(
    items: Iterable[Item],
    total: int,
    unit: str,
    now: Callable[[Item], str],
    console: "Console | None",
    streamed: StreamedTraining | None = None,
) -> Iterator[Item]:
    with progress_bar(total, unit, console) as advance:
        done = 0
        if streamed is not None:
            streamed.when_rows_are_done = lambda share: advance(done=done + share)
        for done, item in enumerate(items, 1):
            advance(now(item), done=done)
            yield item


def how_it_stands(report: Report) -> str:
    """A report in a few words: losses, metrics, rows a second."""
    parts = [f"loss {report.train_loss:.4f}"]
    if report.validation_loss is not None:
        parts.append(f"validation {report.validation_loss:.4f}")
    parts += [f"{name} {value:.3f}" for name, value in report.metrics.items()]
    if report.seconds > 0:
        parts.append(f"{_rounded(report.rows / report.seconds)} rows/s")
    return " · ".join(parts)


def _rounded(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"
