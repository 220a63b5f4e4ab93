"""Early stopping: ends a training when nothing gets better, and goes back to the best weights."""

import math
from collections.abc import Iterable, Iterator, Sequence

from handgrad.base.errors import positive
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.training.history import EpochReport


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
