"""The steps of a solver: by which optimizer, and at which learning rate each of them is taken."""

import copy

import numpy as np

from handgrad import schedules
from handgrad.estimators.base import Base
from handgrad.estimators.solvers import POLICIES, SOLVERS, AdamSolver, SGDSolver, Steps
from handgrad.layers import Array
from handgrad.optimizers import Optimizer
from handgrad.training.learning_rates import LearningRates

LOWEST_RATE = 1e-6  # an adaptive learning rate that is lower ends the fit


def first_steps(m: Base) -> Steps:
    """Those of the estimator's solver, before the first of them."""
    optimizer, rate = _optimizer(m), float(m.learning_rate_init)
    if isinstance(m.solver, Optimizer):
        rate, optimizer.learning_rate = optimizer.learning_rate, 1.0
    return Steps(optimizer, rate, rate)


def _optimizer(m: Base) -> Optimizer:
    """The estimator's solver, for steps of the length 1: the learning rate comes with the step."""
    if isinstance(m.solver, Optimizer):
        return copy.deepcopy(m.solver)
    if m.solver == "sgd":
        return SGDSolver(momentum=m.momentum, nesterov=m.nesterovs_momentum)
    if m.solver == "adam":
        return AdamSolver(beta_1=m.beta_1, beta_2=m.beta_2, epsilon=m.epsilon)
    return SOLVERS[m.solver](1.0)


class Rates:
    """The learning rates of a fit of `n` rows, by the policy or the schedule of the estimator."""

    def __init__(self, m: Base, steps: Steps, n: int, batches: int) -> None:
        self.m, self.steps, self.n, self.batches = m, steps, n, batches
        self.kept: dict[tuple[int, float], Array] = {}
        # scikit-learn's adam knows no policy
        given = m.learning_rate
        self.policy = "constant" if m.solver == "adam" or given not in POLICIES else given
        self.scheduled = None
        if given not in POLICIES:
            schedule = getattr(schedules, given)() if isinstance(given, str) else given
            self.scheduled = LearningRates(Optimizer(1.0), schedule, m.max_iter, batches)

    def of(self, epoch: int, at_once: int) -> Array:
        """(at_once, batches): those of an epoch, counted from 0, and of the ones after it.

        The same array comes wherever they are the same.
        """
        m, steps = self.m, self.steps
        if self.scheduled is not None:
            return steps.learning_rate * self.scheduled.of(epoch, at_once)
        shape = (at_once, self.batches)
        if self.policy == "invscaling":
            rows = m.t_ + self.n * np.arange(1, at_once + 1)
            of_epochs = steps.initial_rate / (rows + 1.0) ** m.power_t
            rates = np.repeat([steps.learning_rate, *of_epochs[:-1]], shape[1]).reshape(shape)
            steps.learning_rate = float(of_epochs[-1])
            return rates
        key = (at_once, steps.learning_rate)
        if key not in self.kept:
            self.kept = {key: np.full(shape, steps.learning_rate)}
        return self.kept[key]

    @property
    def adaptive(self) -> bool:
        """Whether the rate is lowered where nothing improves."""
        return self.policy == "adaptive"

    def lower(self) -> bool:
        """Lower an adaptive rate; whether there was one to be lowered."""
        if not self.adaptive or self.steps.learning_rate <= LOWEST_RATE:
            return False
        self.steps.learning_rate /= 5.0
        return True
