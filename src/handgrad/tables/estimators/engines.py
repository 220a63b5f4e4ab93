"""Choice of an estimator's engine: machine code where a fit pays for it."""

from dataclasses import replace

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.cost_model import cost_of_compiling, seconds_saved
from handgrad.engines.dispatch import engine_for, resolve_engine
from handgrad.engines.engine import Engine
from handgrad.tables.estimators.base import Base
from handgrad.tables.estimators.losses import L2PenaltyOfABatch
from handgrad.tables.estimators.rows import Rows, SparseRows, Weighted, rows_of
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.validate_data import Rows as RowsToTrainOn

# How many times as much is gained in float64, by Adam, on batches of 200 as engines.work expects
# of small float32 batches: measured, as its numbers are.
GAIN = 4
UNLIMITED = 10**9  # epochs: that machine code pays was decided before
MOST_EPOCHS_EXPECTED = 100  # many fits stop early, whatever max_iter allows


class Job:
    """A fit of the estimator's net to some rows: what it trains, on what, by which engine."""

    def __init__(
        self,
        m: Base,
        rows: Weighted,
        optimizer: Optimizer,
        batch_size: int,
        held_out: Rows | None = None,
    ) -> None:
        net, w = m.net_, rows.in_loss
        self.config = TrainingConfig(
            net=net,
            data=rows,
            loss=m._loss,
            optimizer=optimizer,
            epochs=m.max_iter,
            batch_size=batch_size,
            penalty=L2PenaltyOfABatch(m.alpha) if m.alpha else None,
            engine=m.engine,
        )
        weights = None if w is None else np.ascontiguousarray(w, net.dtype)
        self.rows = RowsToTrainOn(rows_of(rows.X, net.dtype), m._targets(rows.y), weights)
        self.held_out = None if held_out is None else rows_of(held_out, net.dtype)

    def engine(self) -> Engine:
        """The engine asked for; for `auto`, compiled where this fit alone pays for a compiler.

        What decides is the size of the fit, never what was fit before: fits that are the same come
        to the same bits in any process.
        """
        config, x = self.config, self.rows.x
        choice = "eager" if isinstance(x, SparseRows) else resolve_engine(config.engine)
        if choice == "auto":
            epochs = min(config.epochs, MOST_EPOCHS_EXPECTED)
            gain = GAIN * seconds_saved(config.net, x, config.batch_size, epochs)
            choice = "auto" if gain > cost_of_compiling(config.net) else "eager"
        held_out = [self.held_out] if isinstance(self.held_out, np.ndarray) else []
        return engine_for(replace(config, engine=choice, epochs=UNLIMITED), self.rows, held_out)
