"""Training in one call: `fit`, with the usual adapters."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from handgrad.engines.config import FitConfig, FitSettings, keywords_of
from handgrad.engines.streams import RowSource, refuse_beside_a_stream
from handgrad.files.paths import as_path
from handgrad.graph.threads import quick_handover
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import DivergenceError, between_0_and_1
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import take
from handgrad.training.checkpoints import Checkpoints
from handgrad.training.datasets import train_test_split
from handgrad.training.early_stopping import BestWeights, reduce_on_plateau, until_patience_ends
from handgrad.training.evaluate import first_set
from handgrad.training.history import EpochReport, History, check_monitor
from handgrad.training.loop import refuse_full_batch
from handgrad.training.progress import progress as shown
from handgrad.training.sample_weights import checked_weights
from handgrad.training.train import Training
from handgrad.training.validate_data import checked_rows, pair_and_weights

# What adapts the reports and stands above training: how it is imported, entered from above.
ADAPTERS: dict[str, Callable[[], Callable[..., Iterator[EpochReport]]]] = {}


@refusing_unknown
@keywords_of(FitConfig)
def fit(
    net: Net,
    data: object,
    *,
    progress: bool = False,
    live_plot: bool | str | Path = False,
    diagnose: bool = False,
    **settings: Unpack[FitSettings],
) -> History:
    """Train `net` in place and return the History.

    As `train`, and: `validation` may be a share of the rows to hold out, 0.2 say, stratified
    where a row has one class; rows keep their weights. Of rows that are streamed, chance alone
    decides which are held out: `rows.split`. `early_stopping=10` ends the training when
    `monitor` (the validation loss, without validation the training loss) has not improved for 10
    epochs, and gives the net the weights of its best epoch. `reduce_on_plateau=5` divides the
    learning rate by 10 whenever it has not for more than 5; the optimizer itself is left as it
    was. `progress=True` shows a bar in a terminal or a notebook.
    `live_plot=True` draws the training in the notebook or in a window, with the curves of
    `monitor`; `live_plot="training.gif"` into that file, `live_plot="frames"` into that folder.
    Where it is drawn the training rows are looked at after each epoch, as `evaluate_training=True`
    does without a picture.
    `diagnose=True` warns of what `hg.diagnose` finds on the way, of each sickness once.
    `checkpoint="runs/a"` keeps the state of the training in that folder, as
    `hg.training.checkpoints` does, whenever `checkpoint_seconds` have passed; with `resume=True` it
    goes on from there, if it had begun. Ctrl-C ends the training: a warning tells in which epoch,
    and the history of the epochs before is returned. Rows that are streamed have no live plot and
    no diagnosis.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    config = FitConfig(net=net, data=data, **settings)
    if config.evaluate_training is None:
        config = replace(config, evaluate_training=live_plot is not False)
    fitting = Fitting(config)
    reports = fitting.reports()
    refuse_beside_a_stream(data, diagnose=diagnose, live_plot=live_plot)
    reports = watched(
        reports, fitting.config, fitting.monitor, live_plot=live_plot, diagnose=diagnose
    )
    with quick_handover():
        if progress:
            reports = shown(reports, epochs=config.epochs, training=fitting.training)
        return fitting.history(reports)


def watched(
    reports: Iterator[EpochReport],
    config: FitConfig,
    monitor: str,
    *,
    live_plot: bool | str | Path,
    diagnose: bool,
) -> Iterator[EpochReport]:
    """The reports, diagnosed and drawn where that is asked for, beside the net that they are of."""
    if diagnose:
        reports = ADAPTERS["diagnose"]()(reports, config)
    if live_plot is not False:
        reports = ADAPTERS["live_plot"]()(
            reports,
            config.net,
            config.data,
            validation=pair_and_weights(first_set(config.validation))[0],
            what=monitor.removeprefix("train_").removeprefix("validation_"),
            to=None if live_plot is True else live_plot,
        )
    return reports


class Fitting:
    """A training with the usual adapters, ready to begin."""

    def __init__(self, config: FitConfig) -> None:
        config = with_rows_held_out(config)
        if config.reduce_on_plateau is not None:
            refuse_full_batch(config.optimizer, "reduce_on_plateau")
            config = replace(config, optimizer=copy.copy(config.optimizer))
        self.config, optimizer = config, config.optimizer
        self.training = Training(config, ahead=config.reduce_on_plateau is None)
        usual = self.training.usual_monitor
        self.monitor = config.monitor or usual
        sets = self.training.held_out
        check_monitor(self.monitor, usual, config.chosen_metrics, sets)
        self.best = BestWeights(config.net)
        self.stream: Iterator[EpochReport] = self.training
        self.earlier: list[EpochReport] = []
        if (folder := config.checkpoint) is not None:
            rate, resume = optimizer.learning_rate, config.resume
            to_keep = self.training, as_path(folder), self.best, self.monitor
            seconds = config.checkpoint_seconds
            kept = Checkpoints(*to_keep, seconds=seconds, resume=resume)
            self.stream, self.earlier = kept, [*kept.history]
            if config.reduce_on_plateau is not None:
                optimizer.learning_rate = rate

    def reports(self) -> Iterator[EpochReport]:
        """The reports that are still to come, until early stopping ends them."""
        config, reports = self.config, self.stream
        if config.reduce_on_plateau is not None:
            # what was decided in the epochs before a stop is decided again, by their reports
            lowered = reduce_on_plateau(
                itertools.chain(self.earlier, self.stream),
                config.optimizer,
                patience=config.reduce_on_plateau,
                monitor=self.monitor,
            )
            reports = itertools.islice(lowered, len(self.earlier), None)
        if config.early_stopping is None:
            return reports
        best, patience = self.best, config.early_stopping
        return until_patience_ends(reports, best, self.monitor, patience)

    def history(self, reports: Iterable[EpochReport]) -> History:
        """All of the reports, and why there were no more."""
        history = History([*self.earlier])
        try:
            for report in reports:
                history.reports.append(report)
        except KeyboardInterrupt:
            history.stopped_because = f"interrupted in epoch {len(history) + 1}"
            warnings.warn(f"training was {history.stopped_because}", stacklevel=4)
            return history
        epochs, patience = self.config.epochs, self.config.early_stopping
        stopped = len(history) < epochs
        history.stopped_because = self.training.loop.ended or (
            f"{self.monitor} had not improved for {patience} epoch{'s' * (patience != 1)}"
            if stopped
            else f"all {epochs} epochs were run"
            if epochs > 1
            else "the one epoch was run"
        )
        return history

    def to_its_end(self, stop: Callable[[], bool] = lambda: False) -> History:
        """The history up to its end, up to where it diverged, or up to where it is to stop."""
        reports, seen = self.reports(), list[EpochReport]()
        try:
            for report in reports:
                seen.append(report)
                if stop():
                    break
        except DivergenceError as error:
            return History([*self.earlier, *seen], f"diverged: {error.came}")
        return self.history(seen)


def with_rows_held_out(config: FitConfig) -> FitConfig:
    """The configuration with a Generator, and the rows to validate with apart from the others."""
    generator = spawning_generator(config.rng)
    config, share = replace(config, rng=generator), config.validation
    if isinstance(share, bool) or not isinstance(share, Real):
        return config
    return _held_out(config, float(share), generator)


def _held_out(config: FitConfig, share: float, generator: np.random.Generator) -> FitConfig:
    """The training without a share of its rows, which are the validation, out of checked rows."""
    data: Any = config.data
    between_0_and_1("validation", share)
    if isinstance(data, RowSource):
        rows, held_out = data.split(share, generator)
        return replace(config, data=rows, validation=held_out)
    _, y = checked_rows(config.net, config.loss, data, "data", learn=True)
    one_class_a_row = y.size == len(y) and config.loss.target_kind.n_classes(1) is not None
    x, y = data
    rows, held_out, _, _ = train_test_split(
        np.arange(len(y)), y, test_size=share, stratify=one_class_a_row, rng=generator
    )
    w = config.sample_weight
    w = None if w is None else checked_weights(w, np.shape(y), "data")
    x = tuple(map(np.asarray, x)) if isinstance(x, tuple) else np.asarray(x)
    learned, others = ((take(x, part), np.asarray(y)[part]) for part in (rows, held_out))
    if w is None:
        return replace(config, data=learned, validation=others)
    validation = (*others, w[held_out])
    return replace(config, data=learned, sample_weight=w[rows], validation=validation)
