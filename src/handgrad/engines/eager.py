"""The eager engine: the pages run as they stand, batch by batch, in NumPy."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from handgrad.engines.epoch import Epoch
from handgrad.engines.groups import length, parameter_groups
from handgrad.engines.minibatches import batches, take
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer


class EagerEngine:
    """Trains `net` in place on the rows of `x` and `y`; keeps the optimizer's state."""

    def __init__(
        self,
        net: Any,
        loss: Loss,
        optimizer: Optimizer,
        x: Any,
        y: Array,
        batch_size: int,
        held_out: Any = None,
    ) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.x, self.y, self.batch_size, self.held_out = x, y, batch_size, held_out
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = 0
        self.groups = parameter_groups(net, optimizer)
        self.before = (net.parameters.copy(), net.running_state.copy())

    def epochs_at_once(self, epochs: int) -> int:
        """How many epochs are worth running before the first is looked at: one."""
        return 1

    def run_epochs(self, orders: Array, learning_rates: Array) -> Iterator[Epoch]:
        """A pass over the rows in training mode, for each of the orders to visit them in.

        `learning_rates` (epochs, batches) has one for each step.
        """
        for order, rates in zip(orders, learning_rates, strict=True):
            self.before = (self.net.parameters.copy(), self.net.running_state.copy())
            yield self._run_epoch(order, rates.tolist())

    def put_back(self) -> None:
        """Give the net the weights it had before the epoch that was handed out last."""
        self.net.parameters[...], self.net.running_state[...] = self.before

    def _run_epoch(self, order: Array, learning_rates: list[float]) -> Epoch:
        n, total = len(order), 0.0
        predictions: list[Array] = []
        with self.net.mode(training=True), np.errstate(all="ignore"):
            for i, batch in enumerate(batches(n, self.batch_size)):
                rows = order[batch]
                p = self.net.forward(take(self.x, rows))
                loss = float(self.loss.forward(p, self.y[rows]))
                if not np.isfinite(loss):
                    return Epoch(loss, p, diverged_at=i + 1)
                self.net.backward(self.loss.backward())
                self._update(learning_rates[i])
                total += loss * len(rows)
                predictions.append(p)
        loss, p = total / n, np.concatenate(predictions)
        if not np.isfinite(self.net.parameters).all():
            return Epoch(loss, p, diverged_at=i + 1)
        if self.held_out is None:
            return Epoch(loss, p)
        with np.errstate(all="ignore"):
            return Epoch(loss, p, self.net.predict(self.held_out, engine="eager"))

    def _update(self, learning_rate: float) -> None:
        self.step += 1
        self.net.gather_gradients()
        w, dw = self.net.parameters, self.net.gradients
        given = {"step": self.step}
        if self.optimizer.clip_norm is not None:
            given["dw_norm"] = length(dw, self.groups)
        for group in self.groups:
            rate = group.factor * learning_rate
            for part in group.slices:
                arrays = [a[part] for a in (w, dw, *self.optimizer_state)]
                values = group.optimizer.update(*arrays, learning_rate=rate, **given)
                targets = [arrays[0], *arrays[2:]]
                # a rule may hand on what it was given; that must not change while it is stored
                values = tuple(v.copy() if v.base is not None else v for v in values)
                for target, value in zip(targets, values, strict=True):
                    target[...] = value
