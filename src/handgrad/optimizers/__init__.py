"""The textbook's optimizers: each one an update rule."""

from handgrad.optimizers.optimizer import Optimizer
from handgrad.optimizers.sgd import SGD

__all__ = ["SGD", "Optimizer"]
