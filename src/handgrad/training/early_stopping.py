"""Early stopping: ends a training when nothing gets better, and goes back to the best weights."""

from collections.abc import Iterable, Iterator

from handgrad.base.errors import positive
from handgrad.net import Net
from handgrad.training.best_weights import BestWeights
from handgrad.training.report import EpochReport


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
    return until_patience_ends(reports, BestWeights(net), monitor, patience)


def until_patience_ends(
    reports: Iterable[EpochReport], best: BestWeights, monitor: str, patience: int
) -> Iterator[EpochReport]:
    """Pass `reports` on until nothing has been better for `patience` epochs."""
    positive("patience", patience, whole=True)
    return _until_patience_ends(iter(reports), best, monitor, patience)


def _until_patience_ends(
    reports: Iterator[EpochReport], best: BestWeights, monitor: str, patience: int
) -> Iterator[EpochReport]:
    try:
        while best.waited < patience and (report := next(reports, None)):
            best.note(report.epoch, [report.badness(monitor)])
            yield report
    finally:
        best.net.load_state(best.weights)
