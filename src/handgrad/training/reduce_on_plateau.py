"""Lowers the learning rate when nothing gets better."""

import math
from collections.abc import Iterable, Iterator

from handgrad.base.errors import SettingError, not_negative, positive
from handgrad.metrics.choice import smaller_is_better
from handgrad.optimizers import Optimizer
from handgrad.training.checks import refuse_full_batch
from handgrad.training.history import EpochReport


def reduce_on_plateau(
    reports: Iterable[EpochReport],
    optimizer: Optimizer,
    *,
    patience: int = 10,
    factor: float = 0.1,
    monitor: str = "validation_loss",
    threshold: float = 1e-4,
    smallest: float = 0.0,
) -> Iterator[EpochReport]:
    """Pass `reports` on; whenever `monitor` stays no better, lower `optimizer.learning_rate`.

    When more than `patience` epochs in a row were not better than the best so far by a share
    of `threshold`, the learning rate is multiplied by `factor`, but does not fall below
    `smallest`; the epochs are then counted anew. `optimizer` is the one the training was given,
    and stays as it is left. Of a metric of your own, more is better; NaN is never better.
    Around `hg.checkpoints(…)` a resumed training counts anew; `fit` counts on.

    >>> import handgrad as hg
    >>> optimizer = hg.SGD(0.1)
    >>> reports = [hg.EpochReport(epoch, 1.0) for epoch in range(1, 5)]
    >>> for report in reduce_on_plateau(reports, optimizer, patience=2, monitor="train_loss"):
    ...     print(report.epoch, round(optimizer.learning_rate, 4))
    1 0.1
    2 0.1
    3 0.1
    4 0.01
    """
    refuse_full_batch(optimizer, "reduce_on_plateau")
    positive("patience", patience, whole=True)
    positive("factor", factor)
    if factor >= 1:
        raise SettingError(f"factor = {factor!r}", "a number below 1", "factor=0.1, for a tenth")
    not_negative("threshold", threshold, below=1)
    not_negative("smallest", smallest)
    sign = 1 if smaller_is_better(monitor) else -1

    def lowering() -> Iterator[EpochReport]:
        best, worse = math.inf, 0
        for report in reports:
            badness = report.badness(monitor)
            if badness < best * (1 - sign * threshold):
                best, worse = badness, 0
            else:
                worse += 1
            if worse > patience:
                rate = max(optimizer.learning_rate * factor, smallest)
                optimizer.learning_rate, worse = min(optimizer.learning_rate, rate), 0
            yield report

    return lowering()
