"""A training that ended while it was still getting better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.training import History

STILL_LEARNING = "still getting better"
MORE = 3  # times as many epochs are worth a try


def still_learning(history: History | None, best_epochs: Sequence[int]) -> Iterator[Finding]:
    """That the last epoch of a training was the best, of most of the nets where there are several.

    Nothing is found where no epoch was judged, or where the training ended by itself.
    """
    losses = [report.validation_loss for report in history or ()]
    judged = [loss for loss in losses if loss is not None and np.isfinite(loss)]
    n, last = len(losses), sum(epoch >= len(losses) for epoch in best_epochs)
    if len(judged) < 2 or judged[-1] != losses[-1] or 2 * last <= len(best_epochs):
        return
    if judged[-1] >= min(judged[:-1]):  # it is the last of several that are as good
        return
    nets = f" of {last} of {len(best_epochs)} nets" if len(best_epochs) > 1 else ""
    yield Finding(
        STILL_LEARNING,
        "the training",
        f"the best epoch{nets} is the last, {n} of {n}",
        f"more epochs, {rounded(MORE * n)} say: --epochs {rounded(MORE * n)}, on the command line",
    )


def rounded(n: int) -> int:
    """A number with one digit that is not 0.

    >>> rounded(21), rounded(96), rounded(3)
    (20, 100, 3)
    """
    return int(float(f"{n:.0e}"))
