"""Optimizers of the textbook: SGD, adaptive rules, L-BFGS, and adapters of these."""

from handgrad.textbook.optimizers.adam import Adam, AdamW, NAdam
from handgrad.textbook.optimizers.adapters import EMA, SWA, GradientAccumulation
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
    "EMA",
    "SWA",
    "GradientAccumulation",
    "Optimizer",
]
