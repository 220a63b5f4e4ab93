"""Optimizers of the textbook: SGD, adaptive rules and L-BFGS."""

from handgrad.textbook.optimizers.adam import Adam, AdamW, NAdam
from handgrad.textbook.optimizers.adaptive import Adagrad, RMSprop
from handgrad.textbook.optimizers.lbfgs import LBFGS
from handgrad.textbook.optimizers.lion import Lion
from handgrad.textbook.optimizers.muon import Muon
from handgrad.textbook.optimizers.optimizer import Optimizer
from handgrad.textbook.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adam",
    "AdamW",
    "NAdam",
    "Lion",
    "Muon",
    "LBFGS",
    "Optimizer",
]
