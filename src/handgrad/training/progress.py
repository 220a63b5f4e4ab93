"""Shows how a training goes on: a bar in a terminal or a notebook, nothing elsewhere."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from handgrad.training.history import EpochReport
from handgrad.training.progress_bar import progress_bar
from handgrad.training.train import Training

if TYPE_CHECKING:
    from rich.console import Console


def progress(
    reports: Iterable[EpochReport],
    *,
    epochs: int,
    console: "Console | None" = None,
    training: object = None,
) -> Iterator[EpochReport]:
    """Pass `reports` on and show a bar with loss, metrics, rows a second and the time left.

    Quiet when standard error, or the given Rich `console`, is not a terminal, and this is no
    notebook, where the bar is an output of the cell and stays as it ends. Without Rich, which the
    extra [cli] installs, it prints a line a second instead. `training` is what
    `hg.train` gave, where adapters stand between it and here: the bar moves within a long
    epoch too.
    """
    source = training or reports
    with progress_bar(epochs, "epoch", console) as advance:
        done = 0.0  # epochs, those before a resumed training too

        def moved(share: float) -> None:
            nonlocal done
            advance(more=int(done) + share - done)
            done = int(done) + share

        if isinstance(source, Training):
            source.loop.within_epoch.append(moved)
        for report in reports:
            advance(format_progress(report), report.epoch - done)
            done = float(report.epoch)
            yield report


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
