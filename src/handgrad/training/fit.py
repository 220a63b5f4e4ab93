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
from handgrad.training.batches import with_rows
from handgrad.training.checkpoints import Checkpoints
from handgrad.training.datasets import train_test_split
from handgrad.training.early_stopping import BestWeights, reduce_on_plateau, until_patience_ends
from handgrad.training.evaluate import first_set
from handgrad.training.history import EpochReport, History, check_monitor
from handgrad.training.loop import refuse_full_batch
from handgrad.training.progress import progress as shown
from handgrad.training.sample_weights import checked_weights
from handgrad.training.train import Training
from handgrad.training.validate_data import checked_data, pair_and_weights

# Importers of adapters from packages above training, registered by handgrad/__init__.py.
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

    Ctrl-C ends the training with a warning; the history of the complete epochs is returned.

    Parameters
    ----------
    net : Net
        Trained in place.
    data : pair of arrays, StreamedRows, or batches, as in `train`
        Inputs x and targets y; x is a tuple of arrays for a net that takes several inputs.
    loss : Loss
        Minimized; its mean over the rows is reported.
    optimizer : Optimizer
        Takes the steps; its own learning rate is not changed.
    epochs : int
        Passes over all rows; iterations, for `LBFGS`.
    batch_size : int, default 32
        Rows of each step.
    validation : float, pair or triple of arrays, StreamedRows, or dict of these, optional
        Fraction of the rows to hold out (stratified for classes), or held-out rows as in `train`.
    evaluate_training : bool, optional
        Also evaluate the training rows after each epoch; by default only with `live_plot`.
    metrics : iterable of str or function, optional
        Metrics to report; by default the loss's usual ones.
    sample_weight : array (n,) or (n, t), optional
        Weight of each row, or of each step of a sequence, in loss and metrics; 0 for masked steps.
    class_weight : dict or "balanced", optional
        Weight of each class in the loss, validation included.
    penalty : Penalty, optional
        Added to the loss of each batch, and to `train_loss`.
    schedule : function, optional
        Factor of the learning rate at a fraction of the training, 0 … 1; see `hg.schedules`.
    rng : int or Generator, optional
        Splits and shuffles the rows, and seeds each random layer.
    shuffle : bool, default True
        Shuffle the rows before each epoch.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        "auto" compiles where that is estimated to save time; "portable" has the same bits anywhere.
    early_stopping : int, optional
        Stop after so many epochs without a better `monitor`, and restore the best weights.
    reduce_on_plateau : int, optional
        Divide the learning rate by 10 after more than so many epochs without a better `monitor`.
    monitor : str, optional
        A loss or metric; by default the validation loss, else the training loss.
    checkpoint : path, optional
        Folder for checkpoints of the training state, as `hg.training.checkpoints` writes them.
    checkpoint_seconds : float, default 30
        Seconds between two checkpoints.
    resume : bool, default False
        Continue from the newest checkpoint in that folder, if there is one.
    progress : bool, default False
        Show a progress bar in a terminal or notebook.
    live_plot : bool or path, default False
        Plot the training in the notebook or a window, into a GIF, or as PNG files into a folder.
    diagnose : bool, default False
        Warn of each problem that `hg.diagnose` finds during the training, once.

    Returns
    -------
    History
        One EpochReport per epoch, and why the training stopped.

    Raises
    ------
    DivergenceError
        The loss is no longer finite.
    SettingError, ShapeError, DataError
        An argument does not fit the others; streamed rows have no live plot and no diagnosis.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    config = FitConfig(net=net, data=data, **settings)
    return fit_configured(config, progress=progress, live_plot=live_plot, diagnose=diagnose)


def fit_configured(
    config: FitConfig, *, progress: bool, live_plot: bool | str | Path, diagnose: bool
) -> History:
    """Train as `fit` does, by a configuration."""
    if config.evaluate_training is None:
        config = replace(config, evaluate_training=live_plot is not False)
    fitting = Fitting(config)
    reports = fitting.reports()
    refuse_beside_a_stream(fitting.config.data, diagnose=diagnose, live_plot=live_plot)
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
    """Pass the reports on through `diagnose` and `live_plot`, where they are requested."""
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
    """A training with the adapters of `fit`, ready to start."""

    def __init__(self, config: FitConfig) -> None:
        config = with_rows_held_out(config)
        if config.reduce_on_plateau is not None:
            refuse_full_batch(config.optimizer, "reduce_on_plateau")
            config = replace(config, optimizer=copy.deepcopy(config.optimizer))
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
        """Reports of the remaining epochs, up to early stopping."""
        config, reports = self.config, self.stream
        if config.reduce_on_plateau is not None:
            # the reports before the stop are replayed, so that the count of bad epochs continues
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
        """Collect the reports, and the reason why the training stopped."""
        history = History([*self.earlier])
        try:
            for report in reports:
                history.reports.append(report)
        except KeyboardInterrupt:
            history.stopped_because = f"interrupted in epoch {len(history) + 1}"
            warnings.warn(f"training was {history.stopped_because}", stacklevel=5)
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
        """Run until the end, divergence, or until `stop()` is true; returns the history."""
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
    """Resolve `rng` to a Generator and a validation fraction to held-out rows."""
    generator = spawning_generator(config.rng)
    config, share = replace(with_rows(config), rng=generator), config.validation
    if isinstance(share, bool) or not isinstance(share, Real):
        return config
    return _held_out(config, float(share), generator)


def _held_out(config: FitConfig, share: float, generator: np.random.Generator) -> FitConfig:
    """Move a fraction of the rows from the training data to the validation."""
    data: Any = config.data
    between_0_and_1("validation", share)
    if isinstance(data, RowSource):
        rows, held_out = data.split(share, generator)
        return replace(config, data=rows, validation=held_out)
    checked, (_, y) = checked_data(config.net, config.loss, data, "data", learn=True), data
    kind = config.loss.target_kind
    one_class_a_row = checked.y.size == len(checked.y) and kind.n_classes(1) is not None
    rows, held_out, _, _ = train_test_split(
        np.arange(len(y)), y, test_size=share, stratify=one_class_a_row, rng=generator
    )
    w = config.sample_weight
    w = None if w is None else checked_weights(w, np.shape(y), "data")
    learned, others = (checked.part(part, w) for part in (rows, held_out))
    return replace(config, data=learned, sample_weight=learned.sample_weight, validation=others)
