"""The two halves of a step, each a call of its own: gradients, then the optimizer's update."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from handgrad.engines.compiled.calls import Calls
from handgrad.engines.compiled.plan import CompiledPlan
from handgrad.engines.compiled.streams import Streams
from handgrad.engines.compiled.workers import Workers
from handgrad.layers import Array
from handgrad.net import Net


class HalfSteps:
    """Takes steps as the compiled epoch does, to the same bits, and may be stopped between."""

    def __init__(
        self,
        plan: CompiledPlan,
        net: Net,
        rows: tuple[Array, ...],
        state: list[Array],
        step: Array,
        workers: Workers,
        streams: Streams,
        by_weights: bool,
    ) -> None:
        self.plan, self.net, self.rows, self.workers, self.streams = (
            plan,
            net,
            rows,
            workers,
            streams,
        )
        self.state, self.step, self.by_weights = state, step, by_weights
        self.run = plan.gradients.with_scratch_of_its_own(workers)
        self.order = np.zeros(plan.batch_size, np.int64)
        self.p = np.zeros((plan.batch_size, *self.run.output_shape), plan.dtype)
        self.total, self.learning_rate = np.zeros(1), np.zeros(1)
        self.gradient_calls: dict[int, Calls] = {}
        self.update_calls: Calls | None = None

    def gradients(self, rows: Array) -> tuple[float, Array]:
        """The loss of a batch, its rows at these places, and their predictions."""
        n = len(rows)
        if n not in self.gradient_calls:
            self.gradient_calls[n] = self._calls(n)
        self.order[:n] = rows
        self.streams.read()
        with self._at_work(self.run.large):
            self.gradient_calls[n].run()
        self.streams.hand_back(self.streams.words)
        counted = self.rows[2][rows].sum(dtype=float) if self.by_weights else n
        finite = np.isfinite(self.total[0])
        return float(self.total[0] / counted if finite else self.total[0]), self.p[:n].copy()

    def apply(self, learning_rate: float) -> None:
        """The update by the gradients in `net.gradients`."""
        update = self.plan.update
        if self.update_calls is None:
            net = self.net
            update = update.with_scratch_of_its_own(self.workers)
            arrays = (net.parameters, net.gradients, *self.state, self.learning_rate, self.step)
            self.update_calls = update.in_turn([update.planned(1, *arrays)])
        self.learning_rate[0] = learning_rate
        with self._at_work(update.large):
            self.update_calls.run()

    def _at_work(self, large: bool) -> AbstractContextManager[Any]:
        return self.workers.at_work() if large else nullcontext()

    def _calls(self, n: int) -> Calls:
        net, streams = self.net, self.streams
        after = (np.empty_like(net.parameters), np.empty_like(net.running_state))
        planned = self.run.planned(
            n,
            *self.rows,
            self.order,
            net.parameters,
            net.gradients,
            net.running_state,
            self.learning_rate,
            np.zeros(1),
            self.step,
            self.p,
            self.total,
            *after,
            *([streams.words, streams.words.copy()] if streams.layers else []),
        )
        calls: Calls = self.run.in_turn([planned])
        return calls
