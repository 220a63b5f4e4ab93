"""`fit`: training with the usual adapters, in one call."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterable, Iterator
from numbers import Real
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from handgrad import training
from handgrad.engines.choice import EngineName
from handgrad.engines.threads import quick_handover
from handgrad.errors import DivergenceError, positive
from handgrad.initializers import spawning_generator
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric, metrics_of
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.other_names import refusing_unknown
from handgrad.penalties import Penalty
from handgrad.row_source import RowSource, refuse_beside_a_stream
from handgrad.schedules import Schedule
from handgrad.training import EpochReport, History


@refusing_unknown
def fit(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    evaluate_training: bool | None = None,
    metrics: Iterable[str | Metric] | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    penalty: Penalty | None = None,
    schedule: Schedule | None = None,
    early_stopping: int | None = None,
    reduce_on_plateau: int | None = None,
    monitor: str | None = None,
    progress: bool = False,
    live_plot: bool | str | Path = False,
    diagnose: bool = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    engine: EngineName = "auto",
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
    `checkpoint="runs/a"` keeps the state of the training in that folder, as `hg.checkpoints`
    does; with `resume=True` it goes on from there, if it had begun. Ctrl-C ends the training: a
    warning tells in which epoch, and the history of the epochs before is returned. Rows that are
    streamed have no live plot and no diagnosis.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    if evaluate_training is None:
        evaluate_training = live_plot is not False
    fitting = Fitting(
        net=net,
        data=data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        evaluate_training=evaluate_training,
        metrics=metrics,
        sample_weight=sample_weight,
        class_weight=class_weight,
        penalty=penalty,
        schedule=schedule,
        early_stopping=early_stopping,
        reduce_on_plateau=reduce_on_plateau,
        monitor=monitor,
        checkpoint=checkpoint,
        resume=resume,
        rng=rng,
        shuffle=shuffle,
        engine=engine,
    )
    reports = fitting.reports()
    refuse_beside_a_stream(data, diagnose=diagnose, live_plot=live_plot)
    if diagnose:
        reports = fitting.diagnosed(reports)
    if live_plot is not False:
        from handgrad import plots

        reports = plots.live_plot(
            reports,
            net,
            fitting.data,
            validation=training.pair_and_weights(training.first_set(fitting.validation))[0],
            what=fitting.monitor.removeprefix("train_").removeprefix("validation_"),
            to=None if live_plot is True else live_plot,
        )
    with quick_handover():
        if progress:
            reports = training.progress(reports, epochs=epochs, training=fitting.training)
        return fitting.history(reports)


class Fitting:
    """A training with the usual adapters, ready to begin; its arguments are those of `fit`."""

    def __init__(
        self,
        *,
        net: Net,
        data: Any,
        loss: Loss,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int = 32,
        validation: Any = None,
        evaluate_training: bool = False,
        metrics: Iterable[str | Metric] | None = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        penalty: Penalty | None = None,
        schedule: Schedule | None = None,
        early_stopping: int | None = None,
        reduce_on_plateau: int | None = None,
        monitor: str | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        rng: int | np.random.Generator | None = None,
        shuffle: bool = True,
        engine: EngineName = "auto",
    ) -> None:
        training.check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
        chosen = metrics_of(loss.default_metrics if metrics is None else metrics)
        generator = spawning_generator(rng)
        if early_stopping is not None:
            positive("early_stopping", early_stopping, whole=True)
        if reduce_on_plateau is not None:
            positive("reduce_on_plateau", reduce_on_plateau, whole=True)
            training.refuse_full_batch(optimizer, "reduce_on_plateau")
            optimizer = copy.copy(optimizer)
        if isinstance(validation, Real) and not isinstance(validation, bool):
            given = net, loss, data, sample_weight, validation, generator
            data, sample_weight, validation = _held_out(*given)
        self.net, self.optimizer, self.data, self.validation = net, optimizer, data, validation
        self.epochs, self.patience, self.plateau = epochs, early_stopping, reduce_on_plateau
        self.weights = {"sample_weight": sample_weight, "class_weight": class_weight}
        self.training = training.Training(
            net,
            data,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            evaluate_training=evaluate_training,
            metrics=chosen.values(),
            **self.weights,
            penalty=penalty,
            schedule=schedule,
            rng=generator,
            shuffle=shuffle,
            engine=engine,
            ahead=reduce_on_plateau is None,
        )
        self.monitor = monitor or self.training.usual_monitor
        training.check_monitor(self.monitor, chosen, self.training)
        self.best = training.BestWeights(net)
        self.stream: Iterator[EpochReport] = self.training
        self.earlier: list[EpochReport] = []
        if checkpoint is not None:
            rate = optimizer.learning_rate
            to_keep = self.training, Path(checkpoint), self.best, self.monitor
            kept = training.Checkpoints(*to_keep, resume=resume)
            self.stream, self.earlier = kept, [*kept.history]
            if reduce_on_plateau is not None:
                optimizer.learning_rate = rate

    def reports(self) -> Iterator[EpochReport]:
        """The reports that are still to come, until early stopping ends them."""
        reports = self.stream
        if self.plateau is not None:
            # what was decided in the epochs before a stop is decided again, by their reports
            lowered = training.reduce_on_plateau(
                itertools.chain(self.earlier, self.stream),
                self.optimizer,
                patience=self.plateau,
                monitor=self.monitor,
            )
            reports = itertools.islice(lowered, len(self.earlier), None)
        if self.patience is None:
            return reports
        return training.until_patience_ends(reports, self.best, self.monitor, self.patience)

    def diagnosed(self, reports: Iterable[EpochReport]) -> Iterator[EpochReport]:
        """The reports, with a warning of each sickness on the way."""
        from handgrad.doctor import diagnosing

        return diagnosing(
            reports,
            self.net,
            self.data,
            loss=self.training.loss,
            optimizer=self.optimizer,
            validation=self.validation,
            **self.weights,
            penalty=self.training.penalty,
        )

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
        stopped = len(history) < self.epochs
        history.stopped_because = self.training.ended or (
            f"{self.monitor} had not improved for {self.patience} epoch{'s' * (self.patience != 1)}"
            if stopped
            else f"all {self.epochs} epochs were run"
            if self.epochs > 1
            else "the one epoch was run"
        )
        return history

    def to_its_end(self, stop: Event) -> History:
        """The history up to its end, up to where it diverged, or up to where all are to stop."""
        reports, seen = self.reports(), list[EpochReport]()
        try:
            for report in reports:
                seen.append(report)
                if stop.is_set():
                    break
        except DivergenceError as error:
            return History([*self.earlier, *seen], f"diverged: {error.came}")
        return self.history(seen)


def _held_out(
    net: Net, loss: Loss, data: Any, sample_weight: Any, share: Any, generator: np.random.Generator
) -> tuple[Any, Any, Any]:
    """The rows to train on, their weights, and the rows to validate with, out of checked rows."""
    if isinstance(data, RowSource):
        rows, held_out = data.split(float(share), generator)
        return rows, sample_weight, held_out
    _, y, _ = training.checked_rows(net, loss, data, "data", learn=True, metrics=())
    one_class_a_row = y.size == len(y) and loss.target_kind.n_classes(1) is not None

    def split(x: Any, y: Any) -> Any:
        from handgrad.data.split import train_test_split

        return train_test_split(
            x, y, test_size=float(share), stratify=one_class_a_row, rng=generator
        )

    x, y = data
    if sample_weight is None:
        x, x_validation, y, y_validation = split(x, y)
        return (x, y), None, (x_validation, y_validation)
    w = training.checked_weights(sample_weight, np.shape(y), "data")
    several = isinstance(x, tuple)
    (*x, w), (*x_validation, w_validation), y, y_validation = split(
        (*x, w) if several else (x, w), y
    )
    x, x_validation = (tuple(x), tuple(x_validation)) if several else (x[0], x_validation[0])
    return (x, y), w, (x_validation, y_validation, w_validation)
