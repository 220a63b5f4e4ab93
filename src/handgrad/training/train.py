"""Training is an iterator: one report an epoch."""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from handgrad.engines.eager import EagerEngine, Epoch
from handgrad.engines.minibatches import number_of_rows
from handgrad.errors import DivergenceError, SettingError, positive
from handgrad.initializers import spawning_generator
from handgrad.losses import Loss
from handgrad.metrics import Metric, metrics_of
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.training.checks import checked_rows
from handgrad.training.evaluate import evaluate_checked
from handgrad.training.report import Report


def train(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    metrics: Iterable[str | Metric] | None = None,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
) -> Iterator[Report]:
    """Train `net` in place and yield a Report after every epoch; to stop is `break`.

    `data` and `validation` are pairs (x, y). Rows are shuffled anew each epoch by `rng`, a seed
    or a Generator, from which every random layer gets a stream of its own. Everything is
    checked before the first step. Where the loss stops being finite, a DivergenceError is
    raised and the net keeps the weights of the last whole epoch.

    >>> import handgrad as hg
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> for report in train(net, (x, 2 * x), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=50):
    ...     pass
    >>> report.epoch, bool(report.train_loss < 0.01), net.predict([[10.0]]).round().tolist()
    (50, True, [[20.0]])
    """
    _check_settings(net, loss, optimizer, epochs, batch_size)
    chosen = metrics_of(loss.usual_metrics if metrics is None else metrics)
    x, y = checked_rows(net, loss, data, "training data", learn=True)
    held_out = validation and checked_rows(net, loss, validation, "validation data", learn=False)
    generator = spawning_generator(rng)
    net.seed(generator)
    engine = EagerEngine(net, loss, optimizer)

    def reports() -> Iterator[Report]:
        order = np.arange(number_of_rows(x))
        for epoch in range(1, epochs + 1):
            if shuffle:
                generator.shuffle(order)
            started, before = time.perf_counter(), net.state()
            result = engine.run_epoch(x, y, order, batch_size)
            if result.diverged_at is not None:
                net.load_state(before)
                raise _diverged(epoch, result, optimizer.learning_rate)
            seconds = time.perf_counter() - started
            yield _report(net, loss, chosen, epoch, result, y[order], held_out, optimizer, seconds)

    return reports()


def _check_settings(net: Any, loss: Any, optimizer: Any, epochs: Any, batch_size: Any) -> None:
    kinds = (
        ("net", net, Net, "hg.Net(hg.Linear(2, 2), hg.Softmax())"),
        ("loss", loss, Loss, "loss=hg.CrossEntropyLoss()"),
        ("optimizer", optimizer, Optimizer, "optimizer=hg.SGD(0.1)"),
    )
    for name, value, kind, example in kinds:
        if not isinstance(value, kind):
            raise SettingError(
                f"{name} = {value!r}, of type {type(value).__name__}",
                f"a {kind.__name__} object",
                example,
            )
    positive("epochs", epochs, whole=True)
    positive("batch_size", batch_size, whole=True)


def _report(
    net: Net,
    loss: Loss,
    metrics: Mapping[str, Metric],
    epoch: int,
    result: Epoch,
    y: Any,
    held_out: Any,
    optimizer: Optimizer,
    seconds: float,
) -> Report:
    trained = {name: float(metric(result.predictions, y)) for name, metric in metrics.items()}
    held = evaluate_checked(net, held_out[0], held_out[1], loss, metrics) if held_out else None
    return Report(
        epoch,
        result.loss,
        trained,
        held.loss if held else None,
        held.metrics if held else {},
        optimizer.learning_rate,
        len(y),
        seconds,
    )


def _diverged(epoch: int, result: Epoch, learning_rate: float) -> DivergenceError:
    what = f"the loss became {result.loss}" if not np.isfinite(result.loss) else "a step overflowed"
    return DivergenceError(
        f"{what} in epoch {epoch}, batch {result.diverged_at}, at learning rate {learning_rate:g}",
        "finite numbers; the net keeps the weights it had before this epoch",
        f"a smaller learning rate, {learning_rate / 10:g}; inputs on one scale, "
        "hg.Standardize.of(x) as the first layer; SoftmaxCrossEntropyLoss for probabilities of 0",
    )
