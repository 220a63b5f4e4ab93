"""The eager engine: the pages run as they stand, batch by batch, in NumPy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import isfinite

import numpy as np

from handgrad.config import TrainingConfig
from handgrad.engines.engine import Engine, EngineRows, Epoch, EpochProgress
from handgrad.engines.environment import blas_of
from handgrad.engines.threads import threads_for, threads_of_a_batch
from handgrad.layers import Array
from handgrad.net.minibatches import Inputs, batches, take
from handgrad.optimizers.optimizer import parameter_groups, take_step

PART = 256  # batches, between which a pass can be interrupted


class EagerEngine(Engine):
    """Trains the net of `config` in place on `rows`; keeps the optimizer's state."""

    name = "eager"

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = ()
    ) -> None:
        super().__init__(config, rows, config.batch_size)
        self.loss, self.penalty, self.held_out = config.loss, config.penalty, held_out
        self.groups = parameter_groups(self.net, self.optimizer)

    def epochs_at_once(self, epochs: int) -> int:
        return 1

    def gradients(self, rows: Array) -> tuple[float, Array]:
        with self._training():
            return self._gradients(rows)

    def apply(self, learning_rate: float) -> None:
        self.step += 1
        step, state = int(self.step[0]), self.optimizer_state
        take_step(self.net, self.optimizer, self.groups, state, step, learning_rate)

    def predict_held_out(self) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return tuple(self.net.predict(x, engine="eager") for x in self.held_out)

    def run_epochs(
        self, orders: Array, learning_rates: Array, so_far: EpochProgress | None = None
    ) -> Iterator[Epoch | EpochProgress]:
        for order, rates in zip(orders, learning_rates.tolist(), strict=True):
            if so_far is None:
                self.before = (self.net.parameters.copy(), self.net.running_state.copy())
            here, so_far, n = so_far or EpochProgress(), None, len(order)
            while (found := self._run_part(order, rates, here)) is None and here.rows < n:
                yield here
            loss = here.total / self.counted(order)
            yield found or Epoch(loss, np.concatenate(here.predictions), self.predict_held_out())

    def run_rows(
        self, order: Array, learning_rates: Array, so_far: EpochProgress
    ) -> Epoch | EpochProgress:
        rates, here = learning_rates.tolist(), EpochProgress(total=so_far.total)
        while here.rows < len(order):
            if (diverged := self._run_part(order, rates, here)) is not None:
                return diverged
        rows = so_far.rows + len(order)
        return EpochProgress(rows, here.total, [np.concatenate(here.predictions)])

    def environment(self) -> dict[str, str]:
        threads = threads_of_a_batch(self.batch_size * self.net.parameters.size)
        return {"BLAS of NumPy": f"{blas_of('numpy')}, {threads} thread{'s' * (threads > 1)}"}

    def _run_part(
        self, order: Array, learning_rates: list[float], so_far: EpochProgress
    ) -> Epoch | None:
        """Some batches more; how the epoch ended, if one of them diverged, or the weights did."""
        with self._training():
            for batch in islice(batches(len(order), self.batch_size, so_far.rows), PART):
                rows = order[batch]
                loss, p = self._gradients(rows)
                number = batch.start // self.batch_size
                if not isfinite(loss):
                    return Epoch(loss, p, diverged_at=number + 1)
                self.apply(learning_rates[number])
                so_far.total += loss * self.counted(rows)
                so_far.predictions.append(p)
                so_far.rows = batch.stop
        if so_far.rows == len(order) and not np.isfinite(self.net.parameters).all():
            loss = so_far.total / self.counted(order)
            return Epoch(loss, np.concatenate(so_far.predictions), diverged_at=len(learning_rates))
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
                value += float(self.penalty.add_to(net, self.weight_of(rows)))
            net.gather_gradients()
        return value, p
