"""The textbook's optimizers: each one an update rule."""

from handgrad.optimizers.adam import Adam, AdamW, NAdam
from handgrad.optimizers.adaptive import Adagrad, RMSprop
from handgrad.optimizers.lbfgs import LBFGS
from handgrad.optimizers.lion import Lion
from handgrad.optimizers.optimizer import Optimizer
from handgrad.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adam",
    "AdamW",
    "NAdam",
    "Lion",
    "LBFGS",
    "Optimizer",
]
