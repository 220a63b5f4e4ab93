"""Solvers: scikit-learn's own steps, and at which learning rate each step is taken."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.tables.estimators.base import POLICIES, SOLVERS, Base
from handgrad.textbook import schedules
from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.loop import LearningRates

LOWEST_RATE = 1e-6  # an adaptive learning rate that is lower ends the fit


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


@dataclass
class Steps:
    """The steps of a solver so far: what it remembers, its rate, and how many there were."""

    optimizer: Optimizer
    initial_rate: float
    learning_rate: float
    state: list[Array] | None = None
    step: int = 0


def first_steps(m: Base) -> Steps:
    """Those of the estimator's solver; an optimizer's own are of the length 1 for each rate."""
    rate = float(m.learning_rate_init)
    optimizer: Optimizer
    if isinstance(m.solver, Optimizer):
        optimizer = copy.deepcopy(m.solver)
        rate, optimizer.learning_rate = optimizer.learning_rate, 1.0
    elif m.solver == "sgd":
        optimizer = SGDSolver(momentum=m.momentum, nesterov=m.nesterovs_momentum)
    elif m.solver == "adam":
        optimizer = AdamSolver(beta_1=m.beta_1, beta_2=m.beta_2, epsilon=m.epsilon)
    else:
        optimizer = SOLVERS[m.solver](1.0)
    return Steps(optimizer, rate, rate)


class Rates:
    """The learning rates of a fit of `n` rows, by the policy or the schedule of the estimator."""

    def __init__(self, m: Base, steps: Steps, n: int, batches: int) -> None:
        self.m, self.steps, self.n, self.batches = m, steps, n, batches
        given, schedule, self.policy = m.learning_rate, None, "schedule"
        if given in POLICIES:  # scikit-learn's adam knows none
            self.policy = "constant" if m.solver == "adam" else str(given)
        else:
            schedule = getattr(schedules, given)() if isinstance(given, str) else given
        # the learning rate is that of the steps
        self.scheduled = LearningRates(Optimizer(1.0), schedule, m.max_iter, batches)

    def of(self, epoch: int, at_once: int) -> Array:
        """(at_once, batches): those of an epoch, counted from 0, and of the ones after it.

        The same array comes wherever they are the same.
        """
        m, steps = self.m, self.steps
        if self.policy != "invscaling":
            self.scheduled.optimizer.learning_rate = steps.learning_rate
            return self.scheduled.of(epoch, at_once)
        rows = m.t_ + self.n * np.arange(1, at_once + 1)
        of_epochs = steps.initial_rate / (rows + 1.0) ** m.power_t
        rates = np.repeat([steps.learning_rate, *of_epochs[:-1]], self.batches)
        steps.learning_rate = float(of_epochs[-1])
        return rates.reshape(at_once, self.batches)

    def lower(self) -> bool:
        """Lower an adaptive rate; whether there was one to be lowered."""
        if self.policy != "adaptive" or self.steps.learning_rate <= LOWEST_RATE:
            return False
        self.steps.learning_rate /= 5.0
        return True
