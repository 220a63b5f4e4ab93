"""Training is an iterator: one report an epoch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
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
from handgrad.training.evaluate import Evaluation, evaluation, measured
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
                held = None
                if held_out is not None and result.diverged_at is None:
                    held = evaluation(trainer.predict(held_out[0]), held_out[1], loss, chosen)
                if what := _divergence(epoch, result, held, loss):
                    raise _diverged(net, loss, optimizer, what)
                trained = measured(result.predictions, y[order], chosen) if chosen else {}
            yield Report(
                epoch,
                result.loss,
                trained,
                held.loss if held else None,
                held.metrics if held else {},
                optimizer.learning_rate,
                len(y),
                seconds,
            )

    return reports()


@contextmanager
def _whole_or_not_at_all(net: Net) -> Iterator[None]:
    """Give `net` back the weights it has now, if what follows is broken off."""
    parameters, running_state = net.parameters.copy(), net.running_state.copy()
    try:
        yield
    except BaseException:
        net.parameters[...], net.running_state[...] = parameters, running_state
        raise


def _divergence(epoch: int, result: Epoch, held: Evaluation | None, loss: Loss) -> str:
    """What stopped being a finite number in this epoch, if anything did."""
    if result.diverged_at is not None:
        went = "a step overflowed" if isfinite(result.loss) else f"loss {result.loss}"
        return f"{went} in epoch {epoch}, batch {result.diverged_at}"
    if held is None or isfinite(held.loss):
        return ""
    if loss.takes == "probabilities" and not isnan(held.loss):
        return ""  # a probability of 0 for what is true makes an honest infinity
    return f"validation loss {held.loss} after the last batch of epoch {epoch}"


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
