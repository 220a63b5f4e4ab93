"""The compiled engine: a whole epoch in one call of machine code."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.engines.compiled.build import program_of
from handgrad.engines.compiled.machine_code import compiled_function
from handgrad.engines.compiled.program import FINISHED, Program
from handgrad.engines.epoch import Epoch
from handgrad.engines.minibatches import number_of_rows
from handgrad.graph.rules import at
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer


class CompiledEngine:
    """Trains `net` in place, one epoch a call; keeps the optimizer's state between calls.

    Compiled for the shapes and types of `x` and `y` and for one batch size.
    """

    def __init__(
        self, net: Any, loss: Loss, optimizer: Optimizer, x: Array, y: Array, batch_size: int
    ) -> None:
        self.net, self.optimizer = net, optimizer
        self.batch_size = min(batch_size, number_of_rows(x))
        self.program = program_of(net, loss, optimizer, x, y, self.batch_size)
        self.run = Runner(self.program, self.batch_size)
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = 0

    def run_epoch(self, x: Array, y: Array, order: Array, batch_size: int) -> Epoch:
        """One pass over the rows of `x` and `y` in the given `order`, in training mode."""
        net, n = self.net, len(x)
        x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        total = np.zeros(1)
        predictions = np.empty((n, *self.run.output_shape), net.dtype)
        stopped = self.run(
            n,
            n,
            x,
            y,
            order,
            net.parameters,
            net.gradients,
            net.running_state,
            *self.optimizer_state,
            self.optimizer.learning_rate,
            self.step,
            predictions,
            total,
        )
        if stopped != FINISHED:
            return Epoch(float(total[0]), predictions[:stopped], stopped // self.batch_size + 1)
        steps = -(-n // self.batch_size)
        self.step += steps
        finite = np.isfinite(net.parameters).all()
        return Epoch(total[0] / n, predictions, None if finite else steps)


class Runner:
    """A compiled program with its scratch memory and its constants for each number of rows."""

    def __init__(
        self,
        program: Program,
        batch_size: int,
        make: Callable[[Program], Callable[..., int]] = compiled_function,
    ) -> None:
        self.program, self.batch_size = program, batch_size
        self.function = make(program)
        self.addresses = make is compiled_function
        self.output_shape = program.output_shape
        sizes = program.arena.sizes
        self.scratch = (
            np.zeros(sizes["float"] + 1, program.dtype),
            np.zeros(sizes["int"] + 1, np.int64),
            np.zeros(sizes["bool"] + 1, np.bool_),
        )
        tables = program.constants.tables
        self.tables = np.concatenate([t.ravel() for t in tables]) if tables else np.zeros(1)
        self.rules: dict[int, Array] = {}

    def __call__(self, n_rows: int, *arguments: Any) -> int:
        """Run for that many rows."""
        rest = n_rows % self.batch_size
        if rest not in self.rules:
            sizes = (self.batch_size, rest or self.batch_size)
            rules = self.program.constants.rules
            self.rules[rest] = np.array([float(at(r, n)) for n in sizes for r in rules] or [0.0])
        constants = (self.rules[rest], len(self.program.constants.rules), self.tables)
        given: Sequence[Any] = (*arguments, *constants, *self.scratch)
        if self.addresses:
            given = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in given]
        else:
            given = [a.reshape(-1) if isinstance(a, np.ndarray) else a for a in given]
        return self.function(*given)
