"""Solvers: scikit-learn's, where they differ from PyTorch's in form or in rounding; and others."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad import schedules
from handgrad.layers import Array
from handgrad.optimizers import Adagrad, AdamW, Lion, NAdam, Optimizer, RMSprop

# Beside "sgd", "adam" and "lbfgs".
SOLVERS: dict[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adamw": AdamW,
    "nadam": NAdam,
    "lion": Lion,
}
POLICIES = ("constant", "invscaling", "adaptive")
SCHEDULES = tuple(name for name in schedules.__all__ if name != "constant")


@dataclass
class Steps:
    """The steps of a solver so far: what it remembers, its rate, and how many there were."""

    optimizer: Optimizer
    initial_rate: float
    learning_rate: float
    state: list[Array] | None = None
    step: int = 0


class SGDSolver(Optimizer):
    """Gradient descent with momentum, whose velocity has the learning rate in it.

    rule        v ← momentum · v − learning_rate · dw        w ← w + v
    nesterov    w ← w + momentum · v − learning_rate · dw, with the new v
    source      Sutskever, Martens, Dahl, Hinton, "On the Importance of Initialization and
                Momentum in Deep Learning", 2013

    While the learning rate, which comes with each step, stays what it is, this is `SGD` with
    momentum; where it changes, the velocity keeps the old one for a while.

    >>> w, v = SGDSolver(momentum=0.5).rule(
    ...     np.array([1.0]), np.array([5.0]), np.array([-0.2]), learning_rate=0.1, step=1)
    >>> v, w                                                       # −½·0.2 − 0.1·5, 1 − 0.6
    (array([-0.6]), array([0.4]))
    """

    state_names = ("v",)

    def __init__(self, *, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(1.0)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def rule(self, w: Array, dw: Array, v: Array, *, learning_rate: float, step: int) -> Any:
        v = self.momentum * v - learning_rate * dw
        return w + (self.momentum * v - learning_rate * dw if self.nesterov else v), v


class AdamSolver(Optimizer):
    """Adam in the short form of its paper: epsilon meets √v before its bias is corrected.

    rule        m ← beta_1 · m + (1 − beta_1) · dw        v ← beta_2 · v + (1 − beta_2) · dw²
                rate = learning_rate · √(1 − beta_2^step) / (1 − beta_1^step)
                w ← w − rate · m / (√v + epsilon)
    source      Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, section 2

    >>> w, m, v = AdamSolver(beta_1=0.5, beta_2=0.75, epsilon=0.0).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([0.0]), np.array([0.0]),
    ...     learning_rate=0.1, step=1)
    >>> m, v, w                                        # ½·4, ¼·16, and 1 − 0.1·(½/½) · 2/2
    (array([2.]), array([4.]), array([0.9]))
    """

    state_names = ("m", "v")

    def __init__(self, *, beta_1: float, beta_2: float, epsilon: float) -> None:
        super().__init__(1.0)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def rule(
        self, w: Array, dw: Array, m: Array, v: Array, *, learning_rate: float, step: int
    ) -> Any:
        m = self.beta_1 * m + (1 - self.beta_1) * dw
        v = self.beta_2 * v + (1 - self.beta_2) * dw**2
        rate = learning_rate * (1 - self.beta_2**step) ** 0.5 / (1 - self.beta_1**step)
        return w - rate * m / (np.sqrt(v) + self.epsilon), m, v
