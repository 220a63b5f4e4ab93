"""Stops when nothing gets better, and goes back to the best weights."""

import math
from collections.abc import Iterable, Iterator

from handgrad.errors import positive
from handgrad.metrics.choice import smaller_is_better
from handgrad.net import Net
from handgrad.training.report import Report


def early_stopping(
    reports: Iterable[Report], net: Net, *, patience: int = 10, monitor: str = "validation_loss"
) -> Iterator[Report]:
    """Pass `reports` on until `monitor` has not improved for `patience` epochs.

    `monitor` is `validation_loss`, `train_loss` or a metric by name. Less is better of what ends in
    _loss, _error or _deviance, as in scikit-learn, more of all else; NaN is never better. However
    the training ends, by patience, `break`, error or by itself, `net` has the weights of its best
    epoch.
    """
    positive("patience", patience, whole=True)
    return _until_patience_ends(reports, net, patience, monitor)


def _until_patience_ends(
    reports: Iterable[Report], net: Net, patience: int, monitor: str
) -> Iterator[Report]:
    sign = 1 if smaller_is_better(monitor) else -1
    best, best_epoch, best_state = math.inf, 0, net.state()
    try:
        for report in reports:
            value = sign * report.value(monitor)
            if value < best or best_epoch == 0:
                best = math.inf if math.isnan(value) else value
                best_epoch, best_state = report.epoch, net.state()
            yield report
            if report.epoch - best_epoch >= patience:
                return
    finally:
        net.load_state(best_state)
