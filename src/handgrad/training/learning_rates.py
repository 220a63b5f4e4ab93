"""The learning rate of every step, by the optimizer and a schedule."""

import numpy as np

from handgrad.base.errors import SettingError, described
from handgrad.layers import Array
from handgrad.optimizers import Optimizer
from handgrad.schedules import Schedule
from handgrad.training.checks import refuse_full_batch


class LearningRates:
    """What each step of a training of so many epochs and batches takes as learning rate."""

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule | None, epochs: int, batches: int
    ) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        self.epochs, self.batches = epochs, batches
        self.constant = np.empty((0, batches))
        if schedule is None:
            return
        if not callable(schedule) or isinstance(schedule, type):
            raise SettingError(
                f"schedule = {described(schedule)}",
                "a function of the share of the training done, 0 … 1",
                "hg.schedules.cosine(), or lambda progress: 1 - progress",
            )
        refuse_full_batch(optimizer, "a schedule")
        self._factors(np.arange(min(epochs * batches, 4)))

    def __str__(self) -> str:
        """What tells one schedule from another: for how many epochs it is, and some factors."""
        if self.schedule is None:
            return "none"
        factors = factors_of(self.schedule, np.arange(8) / 8)
        return f"for {self.epochs} epochs, factors {', '.join(f'{f:.4g}' for f in factors)}"

    def of(self, epoch: int, rounds: int) -> Array:
        """(rounds, batches): those of an epoch, counted from 0, and of the ones after it.

        The optimizer's learning rate is read as it is now. While all stays as it is, the same
        array comes again: an epoch of a small net takes little longer than to make one.
        """
        rate = self.optimizer.learning_rate
        if self.schedule is None:
            if len(self.constant) != rounds or self.constant[0, 0] != rate:
                self.constant = np.full((rounds, self.batches), rate)
            return self.constant
        steps = np.arange(epoch * self.batches, (epoch + rounds) * self.batches)
        return (rate * self._factors(steps)).reshape(rounds, self.batches)

    def _factors(self, steps: Array) -> Array:
        """The schedule at the share of the training that is done before each of the steps."""
        progress = steps / (self.epochs * self.batches)
        factors = factors_of(self.schedule, progress)
        if not (factors >= 0).all() or not np.isfinite(factors).all():
            bad = np.argmin(np.isfinite(factors) & (factors >= 0))
            raise SettingError(
                f"schedule gave {factors[bad]:g} at progress {progress[bad]:g}",
                "a factor of the learning rate: a finite number, not below 0",
                "[schedule(p) for p in (0, 0.25, 0.5, 0.75)], to look at its factors",
            )
        return factors


def factors_of(schedule: Schedule | None, progress: Array) -> Array:
    """The schedule at each of these shares, 1 without one; all at once, where it takes arrays."""
    if schedule is None:
        return np.ones(progress.shape)
    try:
        factors = np.asarray(schedule(progress), np.float64)
    except (TypeError, ValueError):  # written for single numbers: a branch, or math.cos
        factors = np.array([schedule(share) for share in progress.tolist()], np.float64)
    return np.broadcast_to(factors, progress.shape)
