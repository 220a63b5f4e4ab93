"""Base of the trainings whose state is saved in checkpoints."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import Engine
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.evaluate import RowsToEvaluate
from handgrad.training.history import EpochReport
from handgrad.training.loaders import Loader
from handgrad.training.loop import EpochLoop, Minimization


class Resumable(Iterator[EpochReport]):
    """Iterator of EpochReport whose state can be saved between two engine calls, and restored.

    `generator` draws the orders of the rows; `learning_rates` is compared as text; `held_out` has
    the sets that are evaluated after each epoch, `metrics` the names of their scores.
    """

    config: TrainingConfig
    net: Net
    loss: Loss
    optimizer: Optimizer
    epochs: int
    rows: Loader
    engine: Engine
    loop: EpochLoop | Minimization
    minimization: Minimization | None = None
    learning_rates: object
    generator: np.random.Generator
    metrics: Collection[str]
    held_out: dict[str, RowsToEvaluate]

    def record(self) -> dict[str, object]:
        """Values, as JSON, that net, rows, optimizer and random streams do not have."""
        return {}

    def put_back_record(self, values: Mapping[str, object]) -> None:
        """Restore what `record` returned, from the values of a checkpoint.

        ValueError if it is damaged.
        """
