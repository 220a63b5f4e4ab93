"""Shows how a training goes on: a bar in a terminal or a notebook, nothing elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from handgrad.progress_bar import progress_bar
from handgrad.training.history import EpochReport
from handgrad.training.train import Training

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")


def progress(
    reports: Iterable[EpochReport],
    *,
    epochs: int,
    console: "Console | None" = None,
    training: object = None,
) -> Iterator[EpochReport]:
    """Pass `reports` on and show a bar with loss, metrics, rows a second and the time left.

    Quiet when standard error, or the given Rich `console`, is not a terminal, and this is no
    notebook, where the bar is an output of the cell and stays as it ends. `training` is what
    `hg.train` gave, where adapters stand between it and here: the bar moves within a long
    epoch too.
    """
    source = training or reports
    within = source.loop.within_epoch if isinstance(source, Training) else []
    return _shown(reports, epochs, "epoch", format_progress, console, within)


def progress_of(
    finished: Iterable[Item], runs: int, *, console: "Console | None" = None
) -> Iterator[Item]:
    """Pass on what has `finished` and show a bar with the number of runs and the time left."""
    return _shown(finished, runs, "run", lambda _: "", console)


def _shown(
    items: Iterable[Item],
    total: int,
    unit: str,
    now: Callable[[Item], str],
    console: "Console | None",
    within_epoch: list[Callable[[float], object]] | None = None,
) -> Iterator[Item]:
    with progress_bar(total, unit, console) as advance:
        within = 0.0

        def moved(share: float) -> None:
            nonlocal within
            advance(more=share - within)
            within = share

        if within_epoch is not None:
            within_epoch.append(moved)
        for item in items:
            advance(now(item), 1 - within)
            within = 0.0
            yield item


def format_progress(report: EpochReport) -> str:
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
