"""The eager engine: runs the layers in NumPy, batch by batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import EngineRows
from handgrad.engines.environment import blas_of
from handgrad.engines.minibatch_loop import MinibatchEngine
from handgrad.graph.threads import threads_for, threads_of_a_batch
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import Inputs, take
from handgrad.textbook.optimizers.optimizer import parameter_groups, take_step


class EagerEngine(MinibatchEngine):
    """Trains a net in place by its layers' own forward and backward methods."""

    name = "eager"

    def __init__(
        self, config: TrainingConfig, rows: EngineRows, held_out: Sequence[Inputs] = ()
    ) -> None:
        super().__init__(config, rows, config.batch_size)
        self.loss, self.penalty, self.held_out = config.loss, config.penalty, held_out
        self.groups = parameter_groups(self.net, self.optimizer)

    def apply(self, learning_rate: float) -> None:
        self.step += 1
        step, state = int(self.step[0]), self.optimizer_state
        take_step(self.net, self.optimizer, self.groups, state, step, learning_rate)

    def predict_held_out(self) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return tuple(self.net.predict(x, engine="eager") for x in self.held_out)

    def environment(self) -> dict[str, str]:
        threads = threads_of_a_batch(self.batch_size * self.net.parameters.size)
        return {"BLAS of NumPy": f"{blas_of('numpy')}, {threads} thread{'s' * (threads > 1)}"}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Training mode, without warnings, with as many BLAS threads as a batch can use."""
        limit = threads_for(self.batch_size * self.net.parameters.size)
        with limit, self.net.mode(training=True), np.errstate(all="ignore"):
            yield

    def batch_gradients(self, rows: Array) -> tuple[float, Array]:
        net, loss, y = self.net, self.loss, self.y[rows]
        p = net.forward(take(self.x, rows))
        weights = () if self.w is None else (self.w[rows],)
        value = float(loss.forward(p, y, *weights))
        if isfinite(value):
            self.dx = net.backward(loss.backward(value))
            if self.penalty is not None:
                value += float(self.penalty.add_to(net, self.weight_of(rows)))
            net.gather_gradients()
        return value, p
