"""Stops when nothing gets better, and goes back to the best weights."""

import math
from collections.abc import Iterable, Iterator

from handgrad.errors import positive
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.training.report import EpochReport


class Best:
    """The best epoch so far by `monitor`, 0 before the first, and the weights `net` had then.

    `monitor` is `validation_loss`, `train_loss` or a metric by name; of a metric of your own,
    more is better; NaN is never better.
    """

    def __init__(self, net: Net, monitor: str) -> None:
        self.net, self.monitor = net, monitor
        self.badness, self.epoch, self.last = math.inf, 0, 0
        self.weights: dict[str, Array] = net.state()

    def note(self, report: EpochReport) -> None:
        """Look at the report of an epoch whose weights the net has now."""
        badness = report.badness(self.monitor)
        if badness < self.badness or self.epoch == 0:
            self.badness, self.epoch, self.weights = badness, report.epoch, self.net.state()
        self.last = report.epoch

    @property
    def waited(self) -> int:
        """For how many epochs nothing has been better."""
        return self.last - self.epoch


def early_stopping(
    reports: Iterable[EpochReport],
    net: Net,
    *,
    patience: int = 10,
    monitor: str = "validation_loss",
) -> Iterator[EpochReport]:
    """Pass `reports` on until `monitor` has not improved for `patience` epochs.

    `monitor` is `validation_loss`, `train_loss` or a metric by name. Less is better of what ends in
    _loss, _error or _deviance, as in scikit-learn, more of all else; NaN is never better. However
    the training ends, by patience, `break`, error or by itself, `net` has the weights of its best
    epoch.
    """
    return until_patience_ends(reports, Best(net, monitor), patience)


def until_patience_ends(
    reports: Iterable[EpochReport], best: Best, patience: int
) -> Iterator[EpochReport]:
    """Pass `reports` on until nothing has been better for `patience` epochs."""
    positive("patience", patience, whole=True)
    return _until_patience_ends(iter(reports), best, patience)


def _until_patience_ends(
    reports: Iterator[EpochReport], best: Best, patience: int
) -> Iterator[EpochReport]:
    try:
        while best.waited < patience and (report := next(reports, None)):
            best.note(report)
            yield report
    finally:
        best.net.load_state(best.weights)
