"""`fit`: training with the usual adapters, in one call; and `fit_many`, of many nets at once."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from inspect import Parameter, signature
from numbers import Real
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from handgrad import plots, saving, training
from handgrad.data.split import train_test_split
from handgrad.engines.choice import EngineName
from handgrad.engines.sharing_recordings import sharing_recordings
from handgrad.engines.threads import available_cores, blas_threads, quick_handover
from handgrad.errors import (
    DivergenceError,
    HandgradError,
    SettingError,
    described,
    did_you_mean,
    positive,
)
from handgrad.initializers import spawning_generator
from handgrad.losses import Loss
from handgrad.metrics import Metric, metrics_of
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.schedules import Schedule
from handgrad.training import History, Report


def fit(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    metrics: Iterable[str | Metric] | None = None,
    schedule: Schedule | None = None,
    early_stopping: int | None = None,
    reduce_on_plateau: int | None = None,
    monitor: str | None = None,
    progress: bool = False,
    live_plot: bool | str | Path = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    engine: EngineName = "auto",
) -> History:
    """Train `net` in place and return the History.

    As `train`, and: `validation` may be a share of the rows to hold out, 0.2 say, stratified
    where the targets are classes. `early_stopping=10` ends the training when `monitor` (the
    validation loss, without validation the training loss) has not improved for 10 epochs, and
    gives the net the weights of its best epoch. `reduce_on_plateau=5` divides the learning rate
    by 10 whenever it has not for more than 5; the optimizer itself is left as it was.
    `progress=True` shows a bar in a terminal.
    `live_plot=True` draws the training in the notebook or in a window, with the curves of
    `monitor`; `live_plot="training.gif"` into that file, `live_plot="frames"` into that folder.
    `checkpoint="runs/a"` keeps the state of the training in that folder, as `hg.checkpoints`
    does; with `resume=True` it goes on from there, if it had begun. Ctrl-C ends the training: a
    warning tells in which epoch, and the history of the epochs before is returned.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    fitting = _Fitting(
        net=net,
        data=data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        metrics=metrics,
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
    if live_plot is not False:
        reports = plots.live_plot(
            reports,
            net,
            fitting.data,
            validation=fitting.validation,
            what=fitting.monitor.removeprefix("train_").removeprefix("validation_"),
            to=None if live_plot is True else live_plot,
        )
    with quick_handover():
        return fitting.history(training.progress(reports, epochs=epochs) if progress else reports)


def fit_many(
    runs: Iterable[Mapping[str, Any]],
    *,
    threads: int | None = None,
    progress: bool = False,
    **shared: Any,
) -> list[History]:
    """Train many nets at once: seeds, folds, settings; a History for each, in their order.

    A run is a dictionary of those arguments of `fit` that are its own, its `net` at least; what
    all have in common is given once. Nothing is trained before all runs are checked and
    compiled. The runs go on side by side on `threads` threads, by default one for each core,
    while BLAS uses the cores that are left; what comes out does not depend on how many. A run
    that diverges ends alone: its `stopped_because` says so, and its net has the weights of the
    last whole epoch. A Generator as `rng` gives each run a stream of its own.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> nets = [hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=s), hg.Softmax()) for s in (0, 1)]
    >>> histories = fit_many([{"net": net, "rng": s} for s, net in enumerate(nets)],
    ...     data=(x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40)
    >>> [history[-1].metrics["accuracy"] > 0.9 for history in histories]
    [True, True]
    """
    threads = available_cores() if threads is None else threads
    positive("threads", threads, whole=True)
    fittings = _fittings([*runs], shared)
    at_once, stop = min(threads, len(fittings)), Event()
    each = max(1, available_cores() // at_once)
    with blas_threads(each), quick_handover(), ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(fitting.to_its_end, stop) for fitting in fittings]
        finished = as_completed(futures)
        try:
            for future in training.counted(finished, len(futures)) if progress else finished:
                future.result()
        except BaseException:
            stop.set()
            raise
    return [future.result() for future in futures]


@sharing_recordings()
def _fittings(runs: list[Mapping[str, Any]], shared: Mapping[str, Any]) -> list[_Fitting]:
    """A fitting for each run; what is wrong with one is told with its number."""
    parameters = signature(_Fitting).parameters
    required = [name for name, p in parameters.items() if p.default is Parameter.empty]
    if not runs:
        raise SettingError("no runs", "one or more", "[{'net': net}], for a single one")
    nets: list[Any] = []
    fittings = []
    for i, run in enumerate(runs, 1):
        try:
            if not isinstance(run, Mapping):
                raise SettingError(
                    described(run), "a dictionary of arguments of fit", "{'net': net, 'rng': 0}"
                )
            arguments = {**shared, **run}
            for name in arguments:
                if name not in parameters:
                    raise SettingError(
                        f"the argument {name!r}",
                        f"arguments of fit: {', '.join(parameters)}",
                        did_you_mean(name, [*parameters], "help(hg.fit)"),
                    )
            if missing := [name for name in required if name not in arguments]:
                raise SettingError(
                    f"no {' and no '.join(missing)}",
                    "what fit needs, in the run or for all",
                    f"fit_many(runs, {missing[0]}=…), or {missing[0]!r} in each run",
                )
            if any(arguments["net"] is net for net in nets):
                raise SettingError(
                    "the net of an earlier run",
                    "a net of its own for each run",
                    "copy.deepcopy(net), for one that starts alike",
                )
            nets.append(arguments["net"])
            # a loss keeps its batch, and a Generator its place: neither can be shared
            arguments["loss"] = copy.deepcopy(arguments["loss"])
            if isinstance(arguments.get("rng"), np.random.Generator):
                arguments["rng"] = arguments["rng"].spawn(1)[0]
            fittings.append(_Fitting(**arguments))
        except HandgradError as error:
            error.where = f"run {i} of {len(runs)}" + (f": {error.where}" if error.where else "")
            raise
    return fittings


class _Fitting:
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
        metrics: Iterable[str | Metric] | None = None,
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
        chosen = metrics_of(loss.usual_metrics if metrics is None else metrics)
        generator = spawning_generator(rng)
        if early_stopping is not None:
            positive("early_stopping", early_stopping, whole=True)
        if reduce_on_plateau is not None:
            positive("reduce_on_plateau", reduce_on_plateau, whole=True)
            optimizer = copy.copy(optimizer)
        if isinstance(validation, Real) and not isinstance(validation, bool):
            data, validation = _held_out(net, loss, data, validation, generator)
        self.net, self.epochs, self.patience = net, epochs, early_stopping
        self.optimizer, self.plateau = optimizer, reduce_on_plateau
        self.data, self.validation = data, validation
        self.training = training.Training(
            net,
            data,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            metrics=chosen.values(),
            schedule=schedule,
            rng=generator,
            shuffle=shuffle,
            engine=engine,
            ahead=reduce_on_plateau is None,
        )
        self.monitor = monitor or self.training.usual_monitor
        training.check_monitor(self.monitor, chosen, validation=validation is not None)
        self.best = training.Best(net, self.monitor)
        self.stream: Iterator[Report] = self.training
        self.earlier: list[Report] = []
        if checkpoint is not None:
            rate = optimizer.learning_rate
            kept = saving.Checkpoints(self.training, Path(checkpoint), self.best, resume=resume)
            self.stream, self.earlier = kept, [*kept.history]
            if reduce_on_plateau is not None:
                optimizer.learning_rate = rate

    def reports(self) -> Iterator[Report]:
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
        return training.until_patience_ends(reports, self.best, self.patience)

    def history(self, reports: Iterable[Report]) -> History:
        """All of the reports, and why there were no more."""
        history = History([*self.earlier])
        try:
            for report in reports:
                history.reports.append(report)
        except KeyboardInterrupt:
            history.stopped_because = f"interrupted in epoch {len(history) + 1}"
            warnings.warn(f"training was {history.stopped_because}", stacklevel=3)
            return history
        history.stopped_because = (
            f"{self.monitor} had not improved for {self.patience} epoch{'s' * (self.patience != 1)}"
            if len(history) < self.epochs
            else f"all {self.epochs} epochs were run"
            if self.epochs > 1
            else "the one epoch was run"
        )
        return history

    def to_its_end(self, stop: Event) -> History:
        """The history up to its end, up to where it diverged, or up to where all are to stop."""
        reports, seen = self.reports(), list[Report]()
        try:
            for report in reports:
                seen.append(report)
                if stop.is_set():
                    break
        except DivergenceError as error:
            return History([*self.earlier, *seen], f"diverged: {error.came}")
        return self.history(seen)


def _held_out(net: Net, loss: Loss, data: Any, share: Any, generator: np.random.Generator) -> Any:
    """The rows to train on and the rows to validate with, out of rows that were checked."""
    training.checked_rows(net, loss, data, "data", learn=True, metrics=())
    x, y = data
    x, x_validation, y, y_validation = train_test_split(
        x, y, test_size=float(share), stratify=loss.targets != "numbers", rng=generator
    )
    return (x, y), (x_validation, y_validation)
