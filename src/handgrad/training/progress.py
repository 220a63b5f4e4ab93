"""Progress of a training: a bar in a terminal or a notebook."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from handgrad.training.history import EpochReport
from handgrad.training.progress_bar import progress_bar
from handgrad.training.resumable import Resumable

if TYPE_CHECKING:
    from rich.console import Console


def progress(
    reports: Iterable[EpochReport],
    *,
    epochs: int,
    console: "Console | None" = None,
    training: object = None,
) -> Iterator[EpochReport]:
    """Pass `reports` on and show a bar with loss, metrics, rows per second and the time left.

    In a notebook the bar is an output of the cell; without a terminal or notebook nothing is shown.
    Without Rich, which the extra [cli] installs, a line per second is printed instead.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, or an adapter of it.
    epochs : int
        Epochs of the training.
    console : rich.console.Console, optional
        By default standard error.
    training : Training, optional
        The result of `hg.train` below other adapters, so that the bar also moves within an epoch.

    Returns
    -------
    iterator of EpochReport
    """
    source = training or reports
    with progress_bar(epochs, "epoch", console) as advance:
        done = 0.0  # epochs, including those before a resumed training

        def moved(share: float) -> None:
            nonlocal done
            advance(more=int(done) + share - done)
            done = int(done) + share

        if isinstance(source, Resumable):
            source.loop.within_epoch.append(moved)
        for report in reports:
            advance(format_progress(report), report.epoch - done)
            done = float(report.epoch)
            yield report


def format_progress(report: EpochReport) -> str:
    """Format a report on one line: losses, metrics, rows per second."""
    parts = [f"loss {report.train_loss:.4f}"]
    parts += [f"{name} {evaluation.loss:.4f}" for name, evaluation in report.evaluations.items()]
    parts += [f"{name} {value:.3f}" for name, value in report.metrics.items()]
    if report.seconds > 0:
        parts.append(f"{_rounded(report.rows / report.seconds)} rows/s")
    return " · ".join(parts)


def _rounded(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f}"
