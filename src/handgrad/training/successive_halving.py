"""Successive halving: many trainings, of which the best get more epochs."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from handgrad.textbook.errors import DivergenceError, SettingError, described, positive
from handgrad.training.history import EpochReport, History
from handgrad.training.progress_bar import progress_bar


@dataclass(frozen=True, repr=False)
class HalvingRound:
    """Result of a round of successive halving.

    Parameters
    ----------
    epochs : int
        Epochs that each training of the round has run in all, unless it ended.
    ranking : tuple of str
        All trainings, the best first; those that left in an earlier round come last.
    kept : tuple of str
        Trainings that continue; after the last round the best one.
    histories : dict of str to History
        Reports of each training so far.
    """

    epochs: int
    ranking: tuple[str, ...]
    kept: tuple[str, ...]
    histories: Mapping[str, History]

    def __repr__(self) -> str:
        n = len(self.ranking)
        return f"<HalvingRound: {self.epochs} epochs, kept {', '.join(self.kept)} of {n} trainings>"


def successive_halving(
    trainings: Mapping[str, Iterable[EpochReport]],
    *,
    monitor: str = "validation_loss",
    epochs: int = 1,
    factor: int = 3,
    progress: bool = False,
) -> Iterator[HalvingRound]:
    """Run trainings side by side, and continue the best of them, round after round.

    All run `epochs` epochs. The best 1 / `factor` of them continue until they have run `factor`
    times as many, and so on, until one is left or all have ended. A training counts by its best
    epoch so far; one that diverges leaves. The best training is not finished: its iterator
    continues where the last round ended.

    Parameters
    ----------
    trainings : dict of str to iterable of EpochReport
        Results of `hg.train`, or adapters of them, by name; each has a net of its own.
    monitor : str, default "validation_loss"
        A loss or metric; smaller is better if it ends in _loss, _error or _deviance.
    epochs : int, default 1
        Epochs of the first round.
    factor : int, default 3
        One of so many trainings continues, for so many times the epochs.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    iterator of HalvingRound
        Ends with the ranking of all trainings.

    Raises
    ------
    DivergenceError
        All trainings diverged.

    Notes
    -----
    Each round takes about the same time. What is good only after many epochs may leave early: more
    `epochs`, or a smaller `factor`, are the remedy. Sources: Jamieson, Talwalkar, "Non-stochastic
    Best Arm Identification and Hyperparameter Optimization", 2016; Li, Jamieson, DeSalvo,
    Rostamizadeh, Talwalkar, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter
    Optimization", 2018, of which this is one bracket.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> def training(rate):
    ...     net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    ...     return hg.train(net, (x[::2], y[::2]), loss=hg.CrossEntropyLoss(), epochs=9,
    ...         optimizer=hg.SGD(rate), validation=(x[1::2], y[1::2]), rng=0)
    >>> trainings = {f"rate {rate:g}": training(rate) for rate in (0.001, 0.01, 0.1, 1.0)}
    >>> for result in successive_halving(trainings, epochs=3, factor=2):
    ...     print(result)
    <HalvingRound: 3 epochs, kept rate 1, rate 0.1 of 4 trainings>
    <HalvingRound: 6 epochs, kept rate 1 of 4 trainings>
    >>> [report.epoch for report in trainings[result.ranking[0]]]
    [7, 8, 9]
    """
    if not isinstance(trainings, Mapping) or len(trainings) < 2:
        few = isinstance(trainings, Mapping)
        raise SettingError(
            f"{len(trainings)} trainings" if few else described(trainings),
            "at least two trainings by their names",
            '{"small": hg.train(…), "large": hg.train(…)}',
        )
    positive("epochs", epochs, whole=True)
    positive("factor", factor, whole=True)
    if factor < 2:
        raise SettingError(f"factor = {factor}", "an integer from 2", "factor=3")
    streams = {name: iter(reports) for name, reports in trainings.items()}
    return _rounds(streams, monitor, epochs, factor, progress=progress)


def _rounds(
    streams: Mapping[str, Iterator[EpochReport]],
    monitor: str,
    epochs: int,
    factor: int,
    *,
    progress: bool,
) -> Iterator[HalvingRound]:
    histories = {name: History() for name in streams}
    badness = dict.fromkeys(streams, math.inf)
    ranking, kept, ran = [*streams], [*streams], 0
    total = _epochs_in_all(len(kept), epochs, factor)
    with progress_bar(total, "epoch", shown=progress) as show:
        while len(kept) > 1:
            before = sum(map(len, histories.values()))
            for name in kept:
                history = histories[name]
                try:
                    for report in islice(streams[name], epochs - ran):
                        history.reports.append(report)
                        badness[name] = min(badness[name], report.badness(monitor))
                        show(f"{name}: {monitor} {report.value(monitor):.4f}")
                except DivergenceError as error:
                    history.stopped_because = f"diverged: {error.came}"
                    badness[name] = math.inf
            diverged = {name for name in kept if histories[name].stopped_because}
            if len(diverged) == len(kept):
                raise _no_training_left(histories[kept[0]], len(kept))
            if sum(map(len, histories.values())) == before and not diverged:
                return  # all have ended
            # an honest infinite loss is better than a training that diverged
            ordered = sorted(
                (name in diverged, badness[name], place, name) for place, name in enumerate(kept)
            )
            ranking[: len(kept)] = names = [name for *_, name in ordered]
            kept = [name for name in names[: max(1, len(kept) // factor)] if name not in diverged]
            ran, epochs = epochs, epochs * factor
            yield HalvingRound(ran, (*ranking,), (*kept,), histories)


def _epochs_in_all(n: int, epochs: int, factor: int) -> int:
    """Epochs that all rounds of `n` trainings take, if none ends early."""
    total = n * epochs
    while (n := max(1, n // factor)) > 1:
        total, epochs = total + n * epochs * (factor - 1), epochs * factor
    return total


def _no_training_left(history: History, n: int) -> DivergenceError:
    return DivergenceError(
        f"all {n} trainings that were left {history.stopped_because}",
        "a training that ends with finite numbers",
        "smaller learning rates; inputs on one scale, hg.Standardize.of(x) as the first layer",
    )
