"""Predictions by machine code, as long as the net's layers are unchanged."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar, TypeGuard, TypeVar

import numpy as np

from handgrad.engines.compiled.program_cache import (
    PREDICTED_AT_ONCE,
    CompiledPlan,
    load_or_make,
    refused_as_cannot_lower,
)
from handgrad.engines.compiled.runner import CallSequence, Runner
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.fingerprint import NetFingerprint
from handgrad.engines.loops.program import FINISHED, buffer_of
from handgrad.graph.threads import blas_threads, worker_threads
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, form_of, named_parts, number_of_rows

T = TypeVar("T")
A_THREADS_WORK = 2e7  # multiplications; fewer are done before a parked thread runs


class CompiledPredictor:
    """Predicts with a net and its current weights, for rows of one form.

    Returns None if it does not apply: for rows of another form, for inputs or predictions that are
    not finite, or if the net's layers have changed since. The caller then predicts eagerly.

    Parameters
    ----------
    net : Net
        Traced once, here.
    x : array or tuple of arrays
        Rows of the form that is predicted.
    """

    runner_of: ClassVar[type[Runner]] = Runner
    only_finite: ClassVar[bool] = True

    def __init__(self, net: Net, x: Inputs) -> None:
        self.rows = {name: (p.shape[1:], p.dtype) for name, p in named_parts("x", x).items()}
        single: Any = self.rows.get("x", (None, None))  # none if there are several arrays
        self.row, self.dtype = single
        self.net, self.layers = net, NetFingerprint(net)
        of_net, runner = self.layers.last.fingerprint, self.runner_of.__name__
        key = of_net.on_disk("predictions", form_of(x), self.only_finite, runner)
        with refused_as_cannot_lower():
            plan = load_or_make(self.runner_of, key, lambda: self._plan(x))
        self.runner = plan.runners["predictions"]
        self.bounds = self.runner.program.bounds
        self.by_blas = self.runner.large and self.runner.by_blas
        self.weights = {"parameters": net.parameters, "state": net.running_state}
        self.multiplications = plan.multiplications
        self.few = [SmallBatch(self)]
        self.runners: list[Runner] = []  # with scratch memory of their own
        self.pools: list[ThreadPool] = []

    def _plan(self, x: Inputs) -> CompiledPlan:
        """Trace and compile the predictions."""
        from handgrad.engines.compiled.plan import prediction_of
        from handgrad.engines.cost_model import work_of

        target = self.runner_of.target()
        program = prediction_of(
            self.net, x, PREDICTED_AT_ONCE, target=target, only_finite=self.only_finite
        )
        runners = {"predictions": self.runner_of(program.bounded())}
        return CompiledPlan(runners, work_of(self.net, x).multiplications)

    def __call__(self, x: object) -> Array | None:
        if not self.accepts(x) or not self.is_current():
            return None
        for name, bounds in self.bounds.items():
            part = named_parts("x", x)[name]
            if not all(bound.holds(part) for bound in bounds):
                return None
        if (n := number_of_rows(x)) > PREDICTED_AT_ONCE:
            return self._many(x, n)
        few = _free(self.few, lambda: SmallBatch(self))
        with blas_threads(None) if self.by_blas else nullcontext():
            p = few(x, n)
        self.few.append(few)
        return p

    def accepts(self, x: object) -> TypeGuard[Inputs]:
        """True if the rows have the form that this predictor was made for."""
        if isinstance(x, tuple):
            parts = named_parts("x", x)
            return (
                parts.keys() == self.rows.keys()
                and all(type(part) is np.ndarray for part in parts.values())
                and {name: (p.shape[1:], p.dtype) for name, p in parts.items()} == self.rows
                and len({len(part) for part in x}) == 1
            )
        return type(x) is np.ndarray and x.dtype is self.dtype and x.shape[1:] == self.row

    def is_current(self) -> bool:
        """True if the net's layers and their settings are unchanged."""
        return self.layers.matches()

    def _many(self, x: Inputs, n: int) -> Array | None:
        """Predict many rows, in parts of whole batches, one per thread."""
        named = named_parts("x", x)
        buffers = {buffer_of(name): np.ascontiguousarray(part) for name, part in named.items()}
        p = np.empty((n, *self.runner.output_shape), self.runner.program.dtype)
        with worker_threads(by_blas=self.by_blas) as cores:
            work = n * self.multiplications
            threads = max(1, min(cores, int(work / A_THREADS_WORK)))
            part = math.ceil(n / (threads * PREDICTED_AT_ONCE)) * PREDICTED_AT_ONCE
            parts = [slice(start, start + part) for start in range(0, n, part)]
            runners = [_free(self.runners, self.runner.with_own_scratch) for _ in parts]
            calls = [
                runner.bind(
                    n_rows=len(p[rows]),
                    **{name: array[rows] for name, array in buffers.items()},
                    predictions=p[rows],
                    **self.weights,
                )
                for runner, rows in zip(runners, parts, strict=True)
            ]
            pool = _free(self.pools, ThreadPool)
            returned = self.runner.at_once(calls, pool)
        self.runners += runners
        self.pools.append(pool)
        return p if returned.count(FINISHED) == len(parts) else None


def _free(parts: list[T], make: Callable[[], T]) -> T:
    """Take a part that no thread uses, or make one."""
    try:
        return parts.pop()
    except IndexError:
        return make()


class SmallBatch:
    """Predictions of up to a batch of rows, in memory with fixed addresses."""

    def __init__(self, predictor: CompiledPredictor) -> None:
        self.runner, self.weights = predictor.runner.with_own_scratch(), predictor.weights
        self.x = {
            buffer_of(name): np.zeros((PREDICTED_AT_ONCE, *row), dtype)
            for name, (row, dtype) in predictor.rows.items()
        }
        self.p = np.zeros((PREDICTED_AT_ONCE, *self.runner.output_shape), self.runner.program.dtype)
        self.calls: dict[int, CallSequence] = {}

    def __call__(self, x: Inputs, n: int) -> Array | None:
        calls = self.calls.get(n)
        if calls is None:
            planned = self.runner.bind(n_rows=n, **self.x, **self.weights, predictions=self.p)
            calls = self.calls[n] = self.runner.sequence([planned])
        if isinstance(x, tuple):
            for room, part in zip(self.x.values(), x, strict=True):
                room[:n] = part
        else:
            self.x["x"][:n] = x
        return self.p[:n].copy() if calls.run()[1] == FINISHED else None
