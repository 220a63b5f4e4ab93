"""Early stopping, and smaller learning rates on a plateau."""

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
    """Weights of the best epoch so far; of an ensemble, of each member's best epoch.

    `epochs` and `badness` have an entry per member (a single one without members): the epoch,
    counted from 1, 0 before the first, and a number to minimize; NaN is never better.

    Parameters
    ----------
    net : Net
        Its weights are copied.
    members : int, default 1
        Members of the ensemble.
    """

    def __init__(self, net: Net, members: int = 1) -> None:
        self.net, self.weights = net, net.state()
        self.badness, self.epochs, self.latest = [math.inf] * members, [0] * members, 0

    def note(self, epoch: int, badness: Sequence[float], *, last: bool = False) -> None:
        """Compare an epoch, whose weights the net has now, with the best ones.

        Parameters
        ----------
        epoch : int
            Counted from 1.
        badness : sequence of float
            A number to minimize for each member.
        last : bool, default False
            Of equal epochs take the last, not the first.
        """
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
        """Number of epochs since the best one."""
        return self.latest - max(self.epochs)


def early_stopping(
    reports: Iterable[EpochReport],
    net: Net,
    *,
    patience: int = 10,
    monitor: str = "validation_loss",
) -> Iterator[EpochReport]:
    """Pass `reports` on until `monitor` has not improved for `patience` epochs.

    However the training ends, `net` then has the weights of its best epoch.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, or an adapter of it.
    net : Net
        The net in training.
    patience : int, default 10
        Epochs without improvement before the training stops.
    monitor : str, default "validation_loss"
        A loss or metric; smaller is better if it ends in _loss, _error or _deviance.

    Returns
    -------
    iterator of EpochReport
    """
    positive("patience", patience, whole=True)
    return until_patience_ends(iter(reports), BestWeights(net), monitor, patience)


def until_patience_ends(
    reports: Iterator[EpochReport], best: BestWeights, monitor: str, patience: int
) -> Iterator[EpochReport]:
    """Pass `reports` on until `best` has not improved for `patience` epochs.

    Parameters
    ----------
    reports : iterator of EpochReport
        From `hg.train`, or an adapter of it.
    best : BestWeights
        Updated by each report; its weights are restored at the end.
    monitor : str
        A loss or metric by name.
    patience : int
        Epochs without improvement before the training stops.
    """
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
    """Pass `reports` on; lower `optimizer.learning_rate` when `monitor` stops improving.

    After more than `patience` epochs without improvement the learning rate is multiplied by
    `factor`, and the count starts again. NaN is never an improvement. A resumed training starts
    counting from 0; `fit` continues the count.

    Parameters
    ----------
    reports : iterable of EpochReport
        From `hg.train`, or an adapter of it.
    optimizer : Optimizer
        The training's own; its learning rate is changed.
    patience : int, default 10
        Epochs without improvement that are tolerated.
    factor : float, default 0.1
        Multiplies the learning rate; below 1.
    monitor : str, default "validation_loss"
        A loss or metric; smaller is better if it ends in _loss, _error or _deviance.
    threshold : float, default 1e-4
        Relative improvement that counts.
    smallest : float, default 0.0
        Lower bound of the learning rate.

    Returns
    -------
    iterator of EpochReport

    Examples
    --------
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
