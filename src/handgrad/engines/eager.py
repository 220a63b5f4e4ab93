"""The eager engine: the pages run as they stand, batch by batch, in NumPy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import isfinite
from typing import Literal

import numpy as np

from handgrad.config import TrainingConfig
from handgrad.engines.environment import blas_of
from handgrad.engines.epoch import EngineRows, Epoch, SoFar
from handgrad.engines.threads import threads_for, threads_of_a_batch
from handgrad.layers import Array
from handgrad.net.minibatches import Inputs, batches, take
from handgrad.optimizers.steps import parameter_groups, take_step

PART = 256  # batches, between which a pass can be interrupted


class EagerEngine:
    """Trains the net of `config` in place on `rows`; keeps the optimizer's state.

    `held_out`: inputs of sets of rows to predict after each epoch.
    """

    name: Literal["eager"] = "eager"

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = ()
    ) -> None:
        net, loss, optimizer = config.net, config.loss, config.optimizer
        self.net, self.loss, self.optimizer, self.penalty = net, loss, optimizer, config.penalty
        self.x, self.y, self.w = rows.x, rows.y, rows.w
        self.batch_size, self.held_out = config.batch_size, held_out
        self.by_weights = rows.w is not None and loss.batches_weighted_by == "weights"
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = np.zeros(1, np.int64)
        self.groups = parameter_groups(net, optimizer)
        self.before = (net.parameters.copy(), net.running_state.copy())

    def epochs_at_once(self, epochs: int) -> int:
        """How many epochs are worth running before the first is looked at: one."""
        return 1

    def gradients(self, rows: Array) -> tuple[float, Array]:
        """The loss of a batch, its rows at these places, and their predictions."""
        with self._training():
            return self._gradients(rows)

    def apply(self, learning_rate: float) -> None:
        """The optimizer's step by the gradients in `net.gradients`."""
        self.step += 1
        step, state = int(self.step[0]), self.optimizer_state
        take_step(self.net, self.optimizer, self.groups, state, step, learning_rate)

    def predict_held_out(self) -> tuple[Array, ...]:
        """The predictions for each set of rows held out, by the weights as they are."""
        with np.errstate(all="ignore"):
            return tuple(self.net.predict(x, engine="eager") for x in self.held_out)

    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: SoFar | None = None
    ) -> Iterator[Epoch | SoFar]:
        """A pass over the rows in training mode, for each of the orders to visit them in.

        `learning_rates` (epochs, batches) has one for each step.
        """
        for order, rates in zip(orders, learning_rates, strict=True):
            if so_far is None:
                self.before = (self.net.parameters.copy(), self.net.running_state.copy())
            yield from self._run_epoch(order, rates.tolist(), so_far or SoFar())
            so_far = None

    def run_rows(self, order: Array, learning_rates: Array, so_far: SoFar) -> Epoch | SoFar:
        """More batches of a pass over more rows than the engine's arrays hold at a time.

        `order` are the places of these rows in the arrays, `learning_rates` has one for each step.
        It says how far the pass has come now, with the predictions of these rows alone.
        """
        rates, here = learning_rates.tolist(), SoFar(total=so_far.total)
        while here.rows < len(order):
            if (diverged := self._run_part(order, rates, here)) is not None:
                return diverged
        p = np.concatenate(here.predictions)
        if not np.isfinite(self.net.parameters).all():
            return Epoch(here.total / len(order), p, diverged_at=len(rates))
        return SoFar(so_far.rows + len(order), here.total, [p])

    def put_back(self) -> None:
        """Give the net the weights it had before the epoch that was handed out last."""
        self.net.parameters[...], self.net.running_state[...] = self.before

    def environment(self) -> dict[str, str]:
        """What its last digits depend on, beside NumPy and the processor."""
        threads = threads_of_a_batch(self.batch_size * self.net.parameters.size)
        return {"BLAS of NumPy": f"{blas_of('numpy')}, {threads} thread{'s' * (threads > 1)}"}

    def _run_epoch(
        self, order: Array, learning_rates: list[float], so_far: SoFar
    ) -> Iterator[Epoch | SoFar]:
        n, part = len(order), self._run_part
        while (diverged := part(order, learning_rates, so_far)) is None and so_far.rows < n:
            yield so_far
        if diverged is not None:
            yield diverged
            return
        counted = self._weight_of(order) if self.by_weights else n
        loss, p = so_far.total / counted, np.concatenate(so_far.predictions)
        if not np.isfinite(self.net.parameters).all():
            yield Epoch(loss, p, diverged_at=-(-n // self.batch_size))
            return
        yield Epoch(loss, p, self.predict_held_out())

    def _run_part(self, order: Array, learning_rates: list[float], so_far: SoFar) -> Epoch | None:
        """Some batches more; how the epoch ended, if one of them diverged."""
        with self._training():
            for batch in islice(batches(len(order), self.batch_size, so_far.rows), PART):
                rows = order[batch]
                loss, p = self._gradients(rows)
                number = batch.start // self.batch_size
                if not isfinite(loss):
                    return Epoch(loss, p, diverged_at=number + 1)
                self.apply(learning_rates[number])
                so_far.total += loss * (self._weight_of(rows) if self.by_weights else len(rows))
                so_far.predictions.append(p)
                so_far.rows = batch.stop
        return None

    @contextmanager
    def _training(self) -> Iterator[None]:
        """Training mode, no warnings, and as many threads as the products of a batch are worth."""
        limit = threads_for(self.batch_size * self.net.parameters.size)
        with limit, self.net.mode(training=True), np.errstate(all="ignore"):
            yield

    def _gradients(self, rows: Array) -> tuple[float, Array]:
        net, loss, y = self.net, self.loss, self.y[rows]
        p = net.forward(take(self.x, rows))
        weights = () if self.w is None else (self.w[rows],)
        value = float(loss.forward(p, y, *weights))
        if isfinite(value):
            net.backward(loss.backward())
            if self.penalty is not None:
                value += float(self.penalty.add_to(net, self._weight_of(rows)))
            net.gather_gradients()
        return value, p

    def _weight_of(self, rows: Array) -> float:
        return len(rows) if self.w is None else float(self.w[rows].sum(dtype=float))
