"""The compiled engine: a whole epoch in one call of machine code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from handgrad.engines.compiled.build import index_bounds, prediction_of, training_step, update_rule
from handgrad.engines.compiled.program import FINISHED, training_program
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.epoch import Epoch
from handgrad.engines.minibatches import number_of_rows
from handgrad.errors import CannotLowerError, DataError, HandgradError, ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer

ROWS_PREDICTED = 256  # at a time, so that scratch memory stays small


@contextmanager
def refused_as_cannot_lower() -> Iterator[None]:
    """Whatever fails while a program is made is a page that has no loops yet."""
    try:
        yield
    except (CannotLowerError, HandgradError):
        raise
    except Exception as error:
        raise CannotLowerError(f"{type(error).__name__}: {error}") from error


class CompiledEngine:
    """Trains `net` in place, one epoch a call; keeps the optimizer's state between calls.

    Compiled for the shapes and types of the rows of `x` and `y`, and for one batch size.
    """

    def __init__(
        self, net: Any, loss: Loss, optimizer: Optimizer, x: Array, y: Array, batch_size: int
    ) -> None:
        self.net, self.optimizer = net, optimizer
        self.batch_size = min(batch_size, number_of_rows(x))
        self.rows = [(part.shape[1:], part.dtype) for part in (x, y)]
        self._check_types(x, y)
        with refused_as_cannot_lower():
            step = training_step(net, loss, x, y)
            self.bounds = index_bounds(step)
            self.program = training_program(
                step,
                update_rule(optimizer),
                list(net.named_parameters()),
                list(net.named_states()),
                net.trainable_slices(),
                self.batch_size,
                net.dtype,
            )
            self.run = Runner(self.program, self.batch_size)
            self.prediction = prediction_of(net, x, ROWS_PREDICTED)
        self.optimizer_state = [np.zeros_like(net.parameters) for _ in optimizer.state_names]
        self.step = 0
        self.total = np.zeros(1)
        self.predictor: Runner | None = None
        self._seen: tuple[Any, Any] = (None, None)

    def run_epoch(self, x: Array, y: Array, order: Array, batch_size: int) -> Epoch:
        """One pass over the rows of `x` and `y` in the given `order`, in training mode."""
        net, n = self.net, len(y)
        if self._seen[0] is not x or self._seen[1] is not y:
            self._take(x, y)
        stopped = self.run(
            n,
            n,
            self.x,
            self.y,
            order,
            net.parameters,
            net.gradients,
            net.running_state,
            *self.optimizer_state,
            self.optimizer.learning_rate,
            self.step,
            self.predictions,
            self.total,
        )
        total = float(self.total[0])
        if stopped != FINISHED:
            return Epoch(total, self.predictions[:stopped], stopped // self.batch_size + 1)
        steps = -(-n // self.batch_size)
        self.step += steps
        finite = bool(np.isfinite(net.parameters).all())
        return Epoch(total / n, self.predictions, None if finite else steps)

    def predict(self, x: Array) -> Array:
        """The predictions for all rows of `x`, in prediction mode, with the weights as they are."""
        net, x = self.net, np.ascontiguousarray(x)
        if self.predictor is None:
            self.predictor = Runner(self.prediction, ROWS_PREDICTED)
        self._check_rows(x, self.rows[0], "x")
        n = len(x)
        predictions = np.empty((n, *self.predictor.output_shape), net.dtype)
        self.predictor(n, n, x, net.parameters, net.running_state, predictions)
        return predictions

    def _take(self, x: Array, y: Array) -> None:
        """Check the rows before machine code reads them, and make room for their predictions."""
        for part, row, name in zip((x, y), self.rows, "xy", strict=True):
            self._check_rows(part, row, name)
        self.x, self.y = np.ascontiguousarray(x), np.ascontiguousarray(y)
        self.predictions = np.empty((len(y), *self.run.output_shape), self.net.dtype)
        self._seen = (x, y)

    def _check_types(self, x: Array, y: Array) -> None:
        for name, part in (("x", x), ("y", y)):
            if part.dtype not in (self.net.dtype, np.int64):
                raise ShapeError(
                    f"{name} of type {part.dtype}",
                    f"{self.net.dtype}, or int64 for whole numbers",
                    f"{name}.astype({str(self.net.dtype)!r})",
                )

    def _check_rows(self, part: Array, row: tuple[Any, Any], name: str) -> None:
        shape, dtype = row
        if part.shape[1:] != shape or part.dtype != dtype:
            raise ShapeError(
                f"rows of shape {part.shape[1:]} and type {part.dtype}",
                f"shape {shape} and type {dtype}, for which the engine was compiled",
                "a new engine for the new rows",
            )
        bound = self.bounds.get(name)
        if bound is not None and (part.min() < 0 or part.max() >= bound):
            raise DataError(
                f"indices from {part.min()} to {part.max()} in {name}",
                f"whole numbers from 0 to {bound - 1}",
                "number the categories from 0, or a larger table",
            )
