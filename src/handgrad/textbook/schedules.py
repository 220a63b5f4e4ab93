"""Learning rate schedules: factors of the learning rate, as functions of the progress.

The progress is the fraction of the training that is done: 0 at the first step, close to 1 at the
last. `train(..., schedule=hg.schedules.cosine())` evaluates the schedule before each step. These
schedules accept arrays; a function of your own may accept single numbers only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import (
    SettingError,
    between_0_and_1,
    described,
    not_negative,
    positive,
)
from handgrad.textbook.special_functions import log2, power

__all__ = [
    "constant",
    "step",
    "exponential",
    "cosine",
    "cyclic_cosine",
    "coslog",
    "one_cycle",
    "warm_up",
]

Progress = float | npt.NDArray[np.floating]
Schedule = Callable[[Any], Any]
ROUNDING = 1e-9  # a quotient such as 0.7/0.1 may be just below a whole number


def constant() -> Schedule:
    """Constant schedule: the factor is 1.

    >>> constant()(0.5)
    1.0
    """
    return lambda progress: 1.0 + 0.0 * progress


def step(every: float = 1 / 3, gamma: float = 0.1) -> Schedule:
    """Step schedule: multiplies the factor by `gamma` at regular intervals.

    factor      gamma ^ ⌊progress / every⌋

    Parameters
    ----------
    every : float, default 1/3
        Length of an interval, as a fraction of the training.
    gamma : float, default 0.1
        Factor at the end of each interval.

    Examples
    --------
    >>> [round(float(step(every=0.25)(p)), 4) for p in (0.0, 0.2, 0.25, 0.5)]
    [1.0, 1.0, 0.1, 0.01]
    """
    between_0_and_1("every", every)
    positive("gamma", gamma)
    return lambda progress: power(gamma, np.floor(progress / every + ROUNDING))


def exponential(end: float = 0.01) -> Schedule:
    """Exponential schedule: the same factor in each step.

    factor      end ^ progress

    Parameters
    ----------
    end : float, default 0.01
        Factor at the end of the training.

    Examples
    --------
    >>> [round(float(exponential(0.01)(p)), 4) for p in (0.0, 0.5, 1.0)]
    [1.0, 0.1, 0.01]
    """
    positive("end", end)
    return lambda progress: power(end, progress)


def cosine(end: float = 0.0) -> Schedule:
    """Cosine schedule: half a cosine wave from 1 to `end`.

    factor      end + (1 − end) · (1 + cos(π · progress)) / 2
    source      Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017

    Parameters
    ----------
    end : float, default 0
        Factor at the end of the training.

    Examples
    --------
    >>> [round(float(cosine()(p)), 4) for p in (0, 0.5, 1)]
    [1.0, 0.5, 0.0]
    """
    not_negative("end", end)
    return lambda progress: _wave(1.0, end, progress)


def cyclic_cosine(cycles: int = 4, growth: float = 1.0, end: float = 0.0) -> Schedule:
    """Cosine schedule with warm restarts: each cycle goes from 1 to `end`.

    source      Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017

    Parameters
    ----------
    cycles : int, default 4
        Number of cycles.
    growth : float, default 1
        Length of each cycle relative to the one before.
    end : float, default 0
        Factor at the end of each cycle.

    Examples
    --------
    >>> [round(float(cyclic_cosine(2)(p)), 4) for p in (0, 0.25, 0.5, 0.75)]
    [1.0, 0.5, 1.0, 0.5]
    """
    positive("cycles", cycles, whole=True)
    positive("growth", growth)
    not_negative("end", end)
    lengths = power(growth, np.arange(cycles))
    lengths = lengths / lengths.sum()
    starts = np.cumsum(lengths) - lengths

    def factor(progress: Progress) -> Any:
        cycle = np.searchsorted(starts, np.asarray(progress) + ROUNDING, side="right") - 1
        return _wave(1.0, end, np.maximum(0, progress - starts[cycle]) / lengths[cycle])

    return factor


def coslog(cycles: int = 4) -> Schedule:
    """Coslog schedule: cycles from 0 to 1 and back to 0, each twice as long as the one before.

    factor      (1 − cos(2π log₂(1 + (2^cycles − 1) · progress))) / 2
    source      Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
                Boosted Trees on Tabular Data", 2024

    With four cycles, 15 · progress is 1, 3, 7 and 15 at their ends, √2 − 1 at the first maximum.

    Parameters
    ----------
    cycles : int, default 4
        Number of cycles.

    Examples
    --------
    >>> [round(float(coslog(4)(p)), 4) for p in (0, (2**0.5 - 1) / 15, 1 / 15, 7 / 15, 1)]
    [0.0, 1.0, 0.0, 0.0, 0.0]
    """
    positive("cycles", cycles, whole=True)

    def factor(progress: Progress) -> Any:
        done = log2(1 + (2**cycles - 1) * np.asarray(progress))
        return (1 - np.cos(2 * np.pi * done)) / 2

    return factor


def one_cycle(rise: float = 0.3, start: float = 0.04, end: float = 4e-6) -> Schedule:
    """One-cycle schedule: half a cosine wave from `start` to 1, then another one to `end`.

    source      Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using
                Large Learning Rates", 2018

    Parameters
    ----------
    rise : float, default 0.3
        Length of the rise, as a fraction of the training.
    start : float, default 0.04
        Factor at the start.
    end : float, default 4e-6
        Factor at the end.

    Examples
    --------
    >>> [round(float(one_cycle(0.5)(p)), 4) for p in (0, 0.25, 0.5, 0.75, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    between_0_and_1("rise", rise)
    not_negative("start", start)
    not_negative("end", end)

    def factor(progress: Progress) -> Any:
        up = _wave(start, 1.0, progress / rise)
        down = _wave(1.0, end, (progress - rise) / (1 - rise))
        return np.where(np.asarray(progress) < rise, up, down)

    return factor


def warm_up(share: float = 0.1, then: Schedule | None = None, start: float = 1 / 3) -> Schedule:
    """Linear warm-up from `start` to 1, then another schedule for the rest of the training.

    source      Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017

    Parameters
    ----------
    share : float, default 0.1
        Length of the warm-up, as a fraction of the training.
    then : schedule, optional
        Schedule of the rest, as a function of its own progress; constant by default.
    start : float, default 1/3
        Factor at the start.

    Examples
    --------
    >>> schedule = warm_up(0.5, then=cosine(), start=0.2)
    >>> [round(float(schedule(p)), 4) for p in (0, 0.25, 0.5, 0.75, 1)]
    [0.2, 0.6, 1.0, 0.5, 0.0]
    """
    between_0_and_1("share", share)
    not_negative("start", start)
    rest = constant() if then is None else then
    if not callable(rest):
        raise SettingError(
            f"then = {described(then)}", "a schedule, or None", "then=hg.schedules.cosine()"
        )

    def factor(progress: Progress) -> Any:
        line = start + (1 - start) * progress / share
        after = rest(np.maximum(0.0, progress - share) / (1 - share))
        return np.where(np.asarray(progress) < share, line, after)

    return factor


def _wave(begin: float, end: float, progress: Progress) -> Any:
    """Half a cosine wave from `begin` to `end`."""
    return end + (begin - end) * (1 + np.cos(np.pi * progress)) / 2
