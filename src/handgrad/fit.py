"""`fit`: training with the usual adapters, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from handgrad import training
from handgrad.data.split import train_test_split
from handgrad.engines.choice import EngineName
from handgrad.errors import positive
from handgrad.initializers import spawning_generator
from handgrad.losses import Loss
from handgrad.metrics import Metric, metrics_of
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.training import History


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
    early_stopping: int | None = None,
    monitor: str | None = None,
    progress: bool = False,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    engine: EngineName = "auto",
) -> History:
    """Train `net` in place and return the History.

    As `train`, and: `validation` may be a share of the rows to hold out, 0.2 say, stratified
    where the targets are classes. `early_stopping=10` ends the training when `monitor` (the
    validation loss, without validation the training loss) has not improved for 10 epochs, and
    gives the net the weights of its best epoch. `progress=True` shows a bar in a terminal.

    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> net = hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=0), hg.Softmax())
    >>> history = fit(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40,
    ...     validation=0.2, rng=0)
    >>> len(history), history[-1].metrics["accuracy"] > 0.9
    (40, True)
    """
    training.check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
    chosen = metrics_of(loss.usual_metrics if metrics is None else metrics)
    generator = spawning_generator(rng)
    if early_stopping is not None:
        positive("early_stopping", early_stopping, whole=True)
    if isinstance(validation, Real) and not isinstance(validation, bool):
        data, validation = _held_out(net, loss, data, validation, generator)
    reports = training.train(
        net,
        data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        metrics=chosen.values(),
        rng=generator,
        shuffle=shuffle,
        engine=engine,
    )
    monitor = monitor or ("train_loss" if validation is None else "validation_loss")
    training.check_monitor(monitor, chosen, validation=validation is not None)
    if early_stopping is not None:
        reports = training.early_stopping(reports, net, patience=early_stopping, monitor=monitor)
    if progress:
        reports = training.progress(reports, epochs=epochs)
    history = History(list(reports))
    stopped = len(history) < epochs
    history.stopped_because = (
        f"{monitor} had not improved for {early_stopping} epoch{'s' * (early_stopping != 1)}"
        if stopped
        else f"all {epochs} epochs were run"
        if epochs > 1
        else "the one epoch was run"
    )
    return history


def _held_out(net: Net, loss: Loss, data: Any, share: Any, generator: np.random.Generator) -> Any:
    """The rows to train on and the rows to validate with, out of rows that were checked."""
    training.checked_rows(net, loss, data, "data", learn=True, metrics=())
    x, y = data
    x, x_validation, y, y_validation = train_test_split(
        x, y, test_size=float(share), stratify=loss.targets != "numbers", rng=generator
    )
    return (x, y), (x_validation, y_validation)
