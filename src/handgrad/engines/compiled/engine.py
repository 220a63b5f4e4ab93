"""The compiled engine: whole epochs in one call of machine code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.engines.compiled.build import (
    epoch_of,
    index_bounds,
    prediction_graph,
    prediction_of,
    refused_as_cannot_lower,
    training_step,
)
from handgrad.engines.compiled.calls import Each
from handgrad.engines.compiled.crew import Crew
from handgrad.engines.compiled.predictor import BATCH
from handgrad.engines.compiled.program import FINISHED
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.epoch import Epoch
from handgrad.errors import DataError, ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer

# What one call should take at least, in seconds, and may keep of its epochs, in bytes.
CALL, MOST_KEPT = 0.06, 2**26
# No step is faster than this, in seconds, nor its multiplications, a second.
FASTEST_STEP, FASTEST_RATE = 3e-7, 1.5e11


@dataclass
class Kept:
    """What each of the epochs of a call leaves, a part an epoch."""

    predictions: Array
    totals: Array
    parameters: Array
    running_state: Array
    held_out: Array


class CompiledEngine:
    """Trains `net` in place on the rows of `x` and `y`; keeps the optimizer's state."""

    def __init__(
        self,
        net: Any,
        loss: Loss,
        optimizer: Optimizer,
        x: Array,
        y: Array,
        batch_size: int,
        held_out: Array | None = None,
    ) -> None:
        self.net, self.optimizer, self.batch_size = net, optimizer, min(batch_size, len(y))
        with refused_as_cannot_lower():
            step = training_step(net, loss, x, y)
            bounds = index_bounds(step)
            self.crew = Crew()
            epoch = epoch_of(net, optimizer, step, self.batch_size)
            self.run = Runner(epoch, self.batch_size, self.crew)
            self.x, self.y = _readable(net, x, "x", bounds), _readable(net, y, "y", bounds)
            self.held_out: Array | None = None
            self.large = self.run.large
            if held_out is not None:
                self.held_out = _readable(net, held_out, "x", bounds)
                prediction = prediction_of(net, prediction_graph(net, x), BATCH)
                self.predict = Runner(prediction, BATCH, self.crew)
                self.large |= self.predict.large
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = np.zeros(1, np.int64)
        self.start = self.before = (net.parameters.copy(), net.running_state.copy())
        self.orders: Array | None = None

    def epochs_at_once(self, epochs: int) -> int:
        """How many epochs are worth running before the first is looked at.

        So many that a call takes its time: beside a busy thread of Python each call waits for
        its turn. It follows from the sizes alone.
        """
        steps = -(-len(self.y) // self.batch_size)
        multiplications = 3 * self.batch_size * self.net.parameters.size
        seconds = steps * (FASTEST_STEP + multiplications / FASTEST_RATE)
        rows = len(self.y) + (0 if self.held_out is None else len(self.held_out))
        row = 8 + 8 * int(np.prod(self.run.output_shape))
        kept = rows * row + self.net.parameters.nbytes + self.net.running_state.nbytes
        return max(1, min(epochs, int(CALL / seconds) + 1, MOST_KEPT // kept))

    def run_epochs(self, orders: Array, learning_rates: Array) -> Iterator[Epoch]:
        """A pass over the rows in training mode, for each of the orders to visit them in.

        `learning_rates` (epochs, batches) has one for each step.
        All of them have run before the first is handed out, but each finds the net as it was.
        """
        net, n, rounds = self.net, len(self.y), len(orders)
        if orders is not self.orders:
            self._make_room(orders)
        kept = self.kept
        self.learning_rates[...] = learning_rates
        self.before, weights = self.start, (net.parameters, net.running_state)
        _copy(weights, self.before)
        if self.large:
            with self.crew.at_work():
                done, returned = self.calls.run(rounds)
        else:
            done, returned = self.calls.run(rounds)
        for i in range(done):
            if rounds > 1:
                self.before = self._after(i - 1) if i else self.start
                _copy(self._after(i), weights)
            held_out = None if self.held_out is None else kept.held_out[i]
            yield Epoch(kept.totals[i, 0].item() / n, kept.predictions[i], held_out)
        if returned != FINISHED:
            self.before = self._after(done - 1) if done else self.start
            yield self._diverged(done, returned)

    def _after(self, i: int) -> tuple[Array, Array]:
        """The weights after an epoch of the last call."""
        return self.kept.parameters[i], self.kept.running_state[i]

    def _diverged(self, i: int, row: int) -> Epoch:
        """The epoch that came to a number that is not finite, `row` rows after its beginning."""
        total, n = self.kept.totals[i, 0].item(), len(self.y)
        batch = min(row // self.batch_size + 1, -(-n // self.batch_size))
        loss = total / n if row == n else total
        return Epoch(loss, self.kept.predictions[i, :row], diverged_at=batch)

    def put_back(self) -> None:
        """Give the net the weights it had before the epoch that was handed out last."""
        _copy(self.before, (self.net.parameters, self.net.running_state))

    def _make_room(self, orders: Array) -> None:
        """Memory for the epochs that follow these orders, and the calls that run them there.

        Where the same array comes again, with other orders in it, all of that is kept.
        """
        net, n, dtype, rounds = self.net, len(self.y), self.net.dtype, len(orders)
        n_held_out = 0 if self.held_out is None else len(self.held_out)
        kept = self.kept = Kept(
            np.empty((rounds, n, *self.run.output_shape), dtype),
            np.empty((rounds, 1)),
            np.empty((rounds, net.parameters.size), dtype),
            np.empty((rounds, net.running_state.size), dtype),
            np.empty((rounds, n_held_out, *self.run.output_shape), dtype),
        )
        self.learning_rates = np.empty((rounds, -(-n // self.batch_size)))
        epoch = self.run.planned(
            n,
            self.x,
            self.y,
            Each(orders),
            net.parameters,
            net.gradients,
            net.running_state,
            *self.optimizer_state,
            Each(self.learning_rates),
            self.step,
            Each(kept.predictions),
            Each(kept.totals),
            Each(kept.parameters),
            Each(kept.running_state),
        )
        calls = [epoch]
        if self.held_out is not None:
            weights = (net.parameters, net.running_state)
            calls.append(
                self.predict.planned(n_held_out, self.held_out, *weights, Each(kept.held_out))
            )
        self.calls, self.orders = self.run.in_turn(calls, rounds), orders


def _copy(weights: tuple[Array, Array], to: tuple[Array, Array]) -> None:
    to[0][...], to[1][...] = weights


def _readable(net: Any, part: Array, name: str, bounds: dict[str, int]) -> Array:
    """The rows as machine code reads them: of a type it knows, in order, no index out of range."""
    if part.dtype not in (net.dtype, np.int64):
        raise ShapeError(
            f"{name} of type {part.dtype}",
            f"{net.dtype}, or int64 for whole numbers",
            f"{name}.astype({str(net.dtype)!r})",
        )
    bound = bounds.get(name)
    if bound is not None and (part.min() < 0 or part.max() >= bound):
        raise DataError(
            f"indices from {part.min()} to {part.max()} in {name}",
            f"whole numbers from 0 to {bound - 1}",
            "number the categories from 0, or a larger table",
        )
    return np.ascontiguousarray(part)
