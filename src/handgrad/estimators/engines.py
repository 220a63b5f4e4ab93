"""Choice of an estimator's engine: machine code where fits of a form pay for it."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from handgrad.config import TrainingConfig
from handgrad.engines.choice import (
    EngineName,
    chosen,
    cost_of_compiling,
    engine_for,
    gain_of_training,
)
from handgrad.engines.engine import Engine, EngineRows
from handgrad.engines.trace_cache import MOST as MOST_KEPT
from handgrad.estimators.base import Base
from handgrad.estimators.losses import L2PenaltyOfABatch
from handgrad.estimators.rows import SparseMatrix, SparseRows, Weighted, rows_of
from handgrad.layers import Array
from handgrad.optimizers import Optimizer

# How many times as much is gained in float64, by Adam, on batches of 200 as engines.choice expects
# of small float32 batches: measured, as its numbers are.
GAIN = 4
UNLIMITED = 10**9  # epochs: that machine code pays was decided before
MOST_EPOCHS_EXPECTED = 100  # many fits stop early, whatever max_iter allows


@dataclass(frozen=True)
class Job:
    """A fit: what it trains, and on what."""

    config: TrainingConfig
    rows: EngineRows
    held_out: Array | SparseRows | None

    @property
    def form(self) -> Hashable:
        """The form that fits share which run the same machine code."""
        config, y = self.config, self.rows.y
        pages = (config.net, config.loss, config.optimizer, config.penalty)
        return (
            *map(repr, pages),
            str(config.net.dtype),
            y.shape[1:],
            self.rows.w is None,
            self.held_out is None,
            min(config.batch_size, len(y)),
        )


def job_of(
    m: Base,
    rows: Weighted,
    *,
    optimizer: Optimizer,
    batch_size: int,
    held_out: Array | SparseMatrix | None,
) -> Job:
    """The fit of the estimator's net to these rows."""
    net, w = m.net_, rows.in_loss
    config = TrainingConfig(
        net=net,
        data=rows,
        loss=m._loss,
        optimizer=optimizer,
        epochs=m.max_iter,
        batch_size=batch_size,
        penalty=L2PenaltyOfABatch(m.alpha) if m.alpha else None,
    )
    weights = None if w is None else np.ascontiguousarray(w, net.dtype)
    return Job(
        config,
        EngineRows(rows_of(rows.X, net.dtype), m._targets(rows.y), weights),
        None if held_out is None else rows_of(held_out, net.dtype),
    )


class KeptCode:
    """The machine code that was made for fits, and what it would have gained in fits of a form."""

    def __init__(self) -> None:
        self.gains: dict[Hashable, float] = {}
        self.lock = Lock()  # fits may run in threads

    def engine_for(self, choice: EngineName, job: Job) -> Engine:
        """The engine asked for; for `auto`, compiled once the fits of a form will have paid for it.

        The first fit of a small form is eager, so that it need not wait for a compiler. What
        decides is the work done so far in this process, never a clock.
        """
        choice = "eager" if isinstance(job.rows.x, SparseRows) else chosen(choice)
        if choice == "auto":
            choice = "auto" if self._pays(job) else "eager"
        held_out = [job.held_out] if isinstance(job.held_out, np.ndarray) else []
        config = replace(job.config, engine=choice, epochs=UNLIMITED)
        engine = engine_for(config, job.rows, held_out)
        if engine.name == "compiled":
            self._keep(job.form, math.inf)
        return engine

    def _pays(self, job: Job) -> bool:
        config = job.config
        epochs = min(config.epochs, MOST_EPOCHS_EXPECTED)
        gain = GAIN * gain_of_training(config.net, job.rows.x, config.batch_size, epochs)
        return self._keep(job.form, gain) > cost_of_compiling(config.net)

    def _keep(self, form: Hashable, gain: float) -> float:
        """Add a gain to those of a form; forget what came in first, where there is too much."""
        with self.lock:
            self.gains[form] = total = self.gains.pop(form, 0.0) + gain
            while len(self.gains) > MOST_KEPT:
                self.gains.pop(next(iter(self.gains)))
        return total


KEPT = KeptCode()
