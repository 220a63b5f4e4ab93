"""Predictions by machine code, for as long as the pages of the net are as they were."""

import math
from contextlib import nullcontext
from threading import Thread
from typing import Any, ClassVar, TypeGuard

import numpy as np

from handgrad.engines.compiled.plan import PREDICTED_AT_ONCE, prediction_of
from handgrad.engines.compiled.runner import Calls, Runner
from handgrad.engines.cost_model import work_of
from handgrad.engines.fingerprint import NetFingerprint
from handgrad.engines.loops.program import FINISHED, buffer_of
from handgrad.graph.threads import blas_threads, worker_threads
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, named_parts, number_of_rows

A_THREADS_WORK = 2e7  # multiplications: fewer are done before a thread has begun


class CompiledPredictor:
    """Predicts with a net as it was made for, with the weights as they are.

    Returns None for what it was not made for: other rows, numbers that are not finite, predictions
    that are not either, or a net whose pages have changed since; who asks then takes the long way.
    """

    runner_of: ClassVar[type[Runner]] = Runner
    only_finite: ClassVar[bool] = True

    def __init__(self, net: Net, x: Inputs) -> None:
        self.rows = {name: (p.shape[1:], p.dtype) for name, p in named_parts("x", x).items()}
        one: Any = self.rows.get("x", (None, None))  # there is none of several arrays
        self.row, self.dtype = one
        self.net, self.pages = net, NetFingerprint(net)
        target = self.runner_of.target()
        program = prediction_of(
            net, x, PREDICTED_AT_ONCE, target=target, only_finite=self.only_finite
        )
        self.bounds = program.bounds
        self.runner = self.runner_of(program)
        self.by_blas = self.runner.large and self.runner.by_blas
        self.weights = {"parameters": net.parameters, "state": net.running_state}
        self.multiplications = work_of(net, x).multiplications
        self.few = [SmallBatch(self)]

    def __call__(self, x: object) -> Array | None:
        if not self.accepts(x) or not self.is_current():
            return None
        for name, bounds in self.bounds.items():
            part = named_parts("x", x)[name]
            if not all(bound.holds(part) for bound in bounds):
                return None
        if (n := number_of_rows(x)) > PREDICTED_AT_ONCE:
            return self._many(x, n)
        # a list hands its elements out to one thread at a time
        few = self.few.pop() if self.few else SmallBatch(self)
        with blas_threads(None) if self.by_blas else nullcontext():
            p = few(x, n)
        self.few.append(few)
        return p

    def accepts(self, x: object) -> TypeGuard[Inputs]:
        """Whether the rows are of the kind that it knows."""
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
        """Whether the net still has the pages, with the settings, that this was made from."""
        return self.pages.matches()

    def _many(self, x: Inputs, n: int) -> Array | None:
        """Many rows, in parts of whole batches, a thread each."""
        named = named_parts("x", x)
        given = {buffer_of(name): np.ascontiguousarray(part) for name, part in named.items()}
        p = np.empty((n, *self.runner.output_shape), self.runner.program.dtype)
        returned: list[int] = []

        def predict(start: int) -> None:
            rows = slice(start, start + part)
            here = {name: array[rows] for name, array in given.items()} | {"predictions": p[rows]}
            runner = self.runner.with_scratch_of_its_own()
            returned.append(runner(n_rows=len(p[rows]), **here, **self.weights))

        with worker_threads(by_blas=self.by_blas) as cores:
            work = n * self.multiplications
            threads = max(1, min(cores, int(work / A_THREADS_WORK)))
            part = math.ceil(n / (threads * PREDICTED_AT_ONCE)) * PREDICTED_AT_ONCE
            others = [Thread(target=predict, args=(start,)) for start in range(part, n, part)]
            for thread in others:
                thread.start()
            predict(0)
            for thread in others:
                thread.join()
        return p if returned.count(FINISHED) == len(others) + 1 else None


class SmallBatch:
    """Up to a batch of rows, in memory whose addresses stay the same."""

    def __init__(self, predictor: CompiledPredictor) -> None:
        self.runner, self.weights = predictor.runner.with_scratch_of_its_own(), predictor.weights
        self.x = {
            buffer_of(name): np.zeros((PREDICTED_AT_ONCE, *row), dtype)
            for name, (row, dtype) in predictor.rows.items()
        }
        self.p = np.zeros((PREDICTED_AT_ONCE, *self.runner.output_shape), self.runner.program.dtype)
        self.calls: dict[int, Calls] = {}

    def __call__(self, x: Inputs, n: int) -> Array | None:
        calls = self.calls.get(n)
        if calls is None:
            planned = self.runner.planned(n_rows=n, **self.x, **self.weights, predictions=self.p)
            calls = self.calls[n] = self.runner.in_turn([planned])
        if isinstance(x, tuple):
            for room, part in zip(self.x.values(), x, strict=True):
                room[:n] = part
        else:
            self.x["x"][:n] = x
        return self.p[:n].copy() if calls.run()[1] == FINISHED else None
