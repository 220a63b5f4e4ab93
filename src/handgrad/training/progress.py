"""Shows how a training goes on: a bar in a terminal, nothing elsewhere."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from handgrad.training.report import Report

if TYPE_CHECKING:
    from rich.console import Console


def progress(
    reports: Iterable[Report], *, epochs: int, console: "Console | None" = None
) -> Iterator[Report]:
    """Pass `reports` on and show a bar with loss, metrics, rows a second and the time left.

    Quiet when standard error, or the given Rich `console`, is not a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield from reports
        return
    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, TimeLeft(compact=True), console=console) as bar:
        task = bar.add_task("training", total=epochs, now="")
        for report in reports:
            bar.update(task, advance=1, now=_now(report))
            yield report


def _now(report: Report) -> str:
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
