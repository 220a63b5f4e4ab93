"""Training is an iterator: one report an epoch."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite, isnan
from typing import Any

import numpy as np

from handgrad.engines.choice import EngineName, engine_for
from handgrad.engines.epoch import Epoch
from handgrad.engines.minibatches import number_of_rows
from handgrad.errors import DivergenceError, positive
from handgrad.initializers import spawning_generator
from handgrad.layers import Standardize
from handgrad.losses import Loss
from handgrad.metrics import Metric
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.training.checks import check_kinds, checked_rows
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
    engine: EngineName = "auto",
) -> Iterator[Report]:
    """Train `net` in place and yield a Report after every epoch; to stop is `break`.

    `data` and `validation` are pairs (x, y). Rows are shuffled anew each epoch by `rng`, a seed
    or a Generator, from which every random layer gets a stream of its own. Everything is
    checked before the first step. `engine` is eager, compiled, or auto: compiled where the
    shapes, rows and epochs promise more work than the compiling costs. Where the loss stops
    being finite, a DivergenceError is raised. After any error the net has the weights of the
    last whole epoch.

    >>> import handgrad as hg
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> for report in train(net, (x, 2 * x), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=50):
    ...     pass
    >>> report.epoch, bool(report.train_loss < 0.01), net.predict([[10.0]]).round().tolist()
    (50, True, [[20.0]])
    """
    check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
    positive("epochs", epochs, whole=True)
    positive("batch_size", batch_size, whole=True)
    x, y, chosen = checked_rows(net, loss, data, "training data", learn=True, metrics=metrics)
    held_out = None
    if validation is not None:
        *held_out, _ = checked_rows(
            net, loss, validation, "validation data", learn=False, metrics=chosen.values()
        )
    generator = spawning_generator(rng)
    net.seed(generator)
    trainer = engine_for(engine, net, loss, optimizer, x, y, batch_size, epochs)

    def reports() -> Iterator[Report]:
        order = np.arange(number_of_rows(x))
        for epoch in range(1, epochs + 1):
            if shuffle:
                generator.shuffle(order)
            with _whole_or_not_at_all(net):
                started = time.perf_counter()
                result = trainer.run_epoch(x, y, order, batch_size)
                seconds = time.perf_counter() - started
                if result.diverged_at is not None:
                    went = "a step overflowed" if isfinite(result.loss) else f"loss {result.loss}"
                    where = f"epoch {epoch}, batch {result.diverged_at}"
                    raise _diverged(net, loss, optimizer, f"{went} in {where}")
                report = _report(
                    net, loss, chosen, epoch, result, y[order], held_out, optimizer, seconds
                )
                if not _may_be(report.validation_loss, loss):
                    went = f"validation loss {report.validation_loss}"
                    where = f"after the last batch of epoch {epoch}"
                    raise _diverged(net, loss, optimizer, f"{went} {where}")
            yield report

    return reports()


@contextmanager
def _whole_or_not_at_all(net: Net) -> Iterator[None]:
    """Give `net` back the weights it has now, if what follows is broken off."""
    before = net.state()
    try:
        yield
    except BaseException:
        net.load_state(before)
        raise


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
    with np.errstate(all="ignore"):
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


def _may_be(validation_loss: float | None, loss: Loss) -> bool:
    """Whether the value is sound: a probability of 0 for what is true makes an honest infinity."""
    if validation_loss is None or isfinite(validation_loss):
        return True
    return loss.takes == "probabilities" and not isnan(validation_loss)


def _diverged(net: Net, loss: Loss, optimizer: Optimizer, what: str) -> DivergenceError:
    rate = optimizer.learning_rate
    hints = [f"a smaller learning rate, {rate / 10:g}"]
    if not any(isinstance(layer, Standardize) for _, layer in net.walk()):
        hints.append("inputs on one scale, hg.Standardize.of(x) as the first layer")
    if loss.takes == "probabilities" and loss.targets == "classes":
        hints.append("SoftmaxCrossEntropyLoss() instead of Softmax() and CrossEntropyLoss()")
    return DivergenceError(
        f"{what}, at learning rate {rate:g}",
        "finite numbers; the net keeps the weights it had before this epoch",
        "; ".join(hints),
    )
