"""Early stopping, and smaller learning rates: what is done when nothing gets better."""

import math
from collections.abc import Iterable, Iterator, Sequence

from handgrad.textbook.errors import SettingError, not_negative, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics.registry import smaller_is_better
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.history import EpochReport
from handgrad.training.loop import refuse_full_batch


class BestWeights:
    """The weights a net had in its best epoch so far; of an ensemble, each member in its own.

    `epochs` and `badness` have an entry for each member, one without members: the epoch, counted
    from 1, 0 before the first, and a number of which less is better; NaN is never better. The
    first of equal ones counts, or the `last`.
    """

    def __init__(self, net: Net, members: int = 1) -> None:
        self.net, self.weights = net, net.state()
        self.badness, self.epochs, self.latest = [math.inf] * members, [0] * members, 0

    def note(self, epoch: int, badness: Sequence[float], *, last: bool = False) -> None:
        """Look at an epoch, whose weights the net has now."""
        self.latest = epoch
        now: dict[str, Array] = {}
        for m, (value, best) in enumerate(zip(badness, self.badness, strict=True)):
            if value < best or (value == best and (last or self.epochs[m] == 0)):
                now = now or self.net.state()
                self.badness[m], self.epochs[m] = value, epoch
                for path, array in now.items() if len(badness) > 1 else ():
                    kept = self.weights[path].reshape(len(badness), -1)
                    kept[m] = array.reshape(len(badness), -1)[m]
        if now and len(badness) == 1:
            self.weights = now

    @property
    def waited(self) -> int:
        """For how many epochs nothing has been better."""
        return self.latest - max(self.epochs)


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
    positive("patience", patience, whole=True)
    return until_patience_ends(iter(reports), BestWeights(net), monitor, patience)


def until_patience_ends(
    reports: Iterator[EpochReport], best: BestWeights, monitor: str, patience: int
) -> Iterator[EpochReport]:
    """Pass `reports` on until nothing has been better for `patience` epochs."""
    try:
        while best.waited < patience and (report := next(reports, None)):
            best.note(report.epoch, [report.badness(monitor)])
            yield report
    finally:
        best.net.load_state(best.weights)


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
    Around `hg.training.checkpoints(…)` a resumed training counts anew; `fit` counts on.

    >>> import handgrad as hg
    >>> optimizer = hg.SGD(0.1)
    >>> reports = [hg.training.EpochReport(epoch, 1.0) for epoch in range(1, 5)]
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
