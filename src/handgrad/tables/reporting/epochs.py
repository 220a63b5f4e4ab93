"""Check for a training that ended while it was still improving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.training import History

STILL_LEARNING = "still improving"
MORE = 3  # suggested factor of the number of epochs


def still_learning(history: History | None, best_epochs: Sequence[int]) -> Iterator[Finding]:
    """Finding if the last epoch was the best one, for most nets of an ensemble.

    There is none without validation, or if early stopping ended the training.
    """
    losses = [report.validation_loss for report in history or ()]
    judged = [loss for loss in losses if loss is not None and np.isfinite(loss)]
    n, last = len(losses), sum(epoch >= len(losses) for epoch in best_epochs)
    if len(judged) < 2 or judged[-1] != losses[-1] or 2 * last <= len(best_epochs):
        return
    if judged[-1] >= min(judged[:-1]):  # earlier epochs were as good
        return
    nets = f" of {last} of {len(best_epochs)} nets" if len(best_epochs) > 1 else ""
    yield Finding(
        STILL_LEARNING,
        "the training",
        f"the best epoch{nets} is the last, {n} of {n}",
        f"more epochs, for example --epochs {rounded(MORE * n)} on the command line",
    )


def rounded(n: int) -> int:
    """Round a number to one significant digit.

    >>> rounded(21), rounded(96), rounded(3)
    (20, 100, 3)
    """
    return int(float(f"{n:.0e}"))
