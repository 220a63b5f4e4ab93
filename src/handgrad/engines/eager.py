"""The eager engine: the pages run as they stand, batch by batch, in NumPy."""

from typing import Any

import numpy as np

from handgrad.engines.epoch import Epoch
from handgrad.engines.minibatches import batches, number_of_rows, take
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer


class EagerEngine:
    """Trains `net` in place, one epoch a call; keeps the optimizer's state between calls."""

    def __init__(self, net: Any, loss: Loss, optimizer: Optimizer) -> None:
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = 0
        self.trainable = net.trainable_slices()

    def run_epoch(self, x: Any, y: Array, order: Array, batch_size: int) -> Epoch:
        """One pass over the rows of `x` and `y` in the given `order`, in training mode."""
        n, total = number_of_rows(x), 0.0
        predictions: list[Array] = []
        with self.net.mode(training=True), np.errstate(all="ignore"):
            for i, batch in enumerate(batches(n, batch_size)):
                rows = order[batch]
                p = self.net.forward(take(x, rows))
                loss = float(self.loss.forward(p, y[rows]))
                if not np.isfinite(loss):
                    return Epoch(loss, p, diverged_at=i + 1)
                self.net.backward(self.loss.backward())
                self._update()
                total += loss * len(rows)
                predictions.append(p)
        finite = np.isfinite(self.net.parameters).all()
        return Epoch(total / n, np.concatenate(predictions), None if finite else i + 1)

    def predict(self, x: Any) -> Array:
        """The predictions for all rows of `x`, in prediction mode, with the weights as they are."""
        predictions: Array = self.net.predict(x)
        return predictions

    def _update(self) -> None:
        self.step += 1
        self.net.gather_gradients()
        w, dw = self.net.parameters, self.net.gradients
        for part in self.trainable:
            arrays = [a[part] for a in (w, dw, *self.optimizer_state)]
            new = self.optimizer.rule(
                *arrays, learning_rate=self.optimizer.learning_rate, step=self.step
            )
            targets = [arrays[0], *arrays[2:]]
            values = new if isinstance(new, tuple) else (new,)
            # a rule may hand on what it was given; that must not change while it is stored
            values = tuple(value.copy() if value.base is not None else value for value in values)
            for target, value in zip(targets, values, strict=True):
                target[...] = value
