"""Record of a fit: its counts, losses and scores, and the solver's state."""

from dataclasses import dataclass, field
from typing import get_type_hints

import numpy as np

from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers import Optimizer

CHECKPOINT_SECONDS = 5.0  # between two checkpoints of a fit


@dataclass
class Steps:
    """Optimizer state of a solver, its learning rate, and the number of steps."""

    optimizer: Optimizer
    initial_rate: float
    learning_rate: float
    state: list[Array] | None = None
    step: int = 0


@dataclass(repr=False, eq=False)
class FitState:
    """Record of a fit, from which a warm start or `partial_fit` continues.

    What a fit does not have is not set: lbfgs has no epochs. Files have all but the random state
    and the steps.
    """

    n_iter: int = 0  # epochs or iterations of the last call
    t: int = 0  # rows seen
    loss: float = field(init=False)
    best_loss: float | None = field(init=False)
    loss_curve: list[float] = field(init=False)
    validation_scores: list[float] | None = field(init=False)
    validation_loss_curve: list[float] | None = field(init=False)
    validated_at: list[int] = field(init=False)  # epochs
    scored_by: str = field(init=False)
    best_validation_score: float | None = field(init=False)
    no_improvement_count: int = field(init=False)
    interrupted: bool = field(init=False)
    random_state: np.random.RandomState = field(init=False)
    steps: Steps | None = None


# What a file or a checkpoint has of the record.
RECORDED = tuple(n for n in get_type_hints(FitState) if n not in ("random_state", "steps"))
