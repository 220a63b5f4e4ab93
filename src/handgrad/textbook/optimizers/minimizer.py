"""Minimizers: what L-BFGS makes of the loss and gradient of all rows, iteration by iteration."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.line_search import Place, line_search

EPSILON = np.finfo(np.float64).eps
LossAndGradient = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Iterate:
    """Where a minimizer has come to, and all that it goes on from.

    The weights (n,), their loss and gradient (n,), the loss of the iteration before; of the last
    steps the changes of weights and of gradients, (k, n) each; how many iterations and
    evaluations there were.
    """

    weights: Array
    loss: float
    gradient: Array
    loss_before: float
    steps: Array
    changes: Array
    iterations: int = 0
    evaluations: int = 1


@dataclass(frozen=True)
class Minimizer:
    """L-BFGS, with the line search of Moré and Thuente.

    It takes the steps of Algorithm 778, L-BFGS-B, where weights have no bounds, but for rounding.
    """

    history_size: int
    tolerance_grad: float
    tolerance_change: float
    max_eval: int | None

    def begin(self, evaluate: LossAndGradient, weights: Array) -> Iterate:
        """The start: no step was taken."""
        loss, gradient = evaluate(weights)
        none = np.empty((0, weights.size))
        return Iterate(weights, loss, gradient, np.inf, none, none)

    def converged(self, now: Iterate) -> bool:
        """Whether the gradient is as good as 0, or the last step hardly lowered the loss."""
        if not np.abs(now.gradient).max(initial=0.0) > self.tolerance_grad:
            return True
        size = max(abs(now.loss), abs(now.loss_before), 1.0)
        gain = now.loss_before - now.loss
        return now.iterations > 0 and bool(gain <= self.tolerance_change * size)

    def exhausted(self, now: Iterate) -> bool:
        """Whether the loss was evaluated more often than allowed."""
        return self.max_eval is not None and now.evaluations > self.max_eval

    def next(self, evaluate: LossAndGradient, now: Iterate) -> Iterate | None:
        """The next iterate; None where none is lower. The last place evaluated is its own.

        Where the direction of the curvature leads nowhere, the gradient alone is followed.
        """
        evaluations, steps, changes = now.evaluations, now.steps, now.changes
        while True:
            direction = -_times_inverse(now.gradient, steps, changes)
            found, gradients = _searched(evaluate, now, direction)
            evaluations += len(gradients)
            if found is not None:
                break
            if not len(steps):
                return None
            steps = changes = steps[:0]
        step, change = found.step * direction, gradients[-1] - now.gradient
        slope = _dot(now.gradient, direction)
        if found.slope - slope > -EPSILON * slope:
            steps = np.vstack([steps, step])[-self.history_size :]
            changes = np.vstack([changes, change])[-self.history_size :]
        weights, count = now.weights + step, now.iterations + 1
        return Iterate(
            weights, found.loss, gradients[-1], now.loss, steps, changes, count, evaluations
        )


def _searched(
    evaluate: LossAndGradient, now: Iterate, direction: Array
) -> tuple[Place | None, list[Array]]:
    """The place that a line search ends at, if any, and the gradients it has seen."""
    gradients: list[Array] = []

    def at(step: float) -> Place:
        loss, gradient = evaluate(now.weights + step * direction)
        gradients.append(gradient)
        return Place(step, loss, _dot(gradient, direction))

    slope = _dot(now.gradient, direction)
    if not slope < 0:
        return None, gradients
    first = 1.0 if now.iterations else min(1.0 / np.sqrt(_dot(direction, direction)), 1e10)
    with np.errstate(all="ignore"):
        return line_search(at, Place(0.0, now.loss, slope), first), gradients


def _times_inverse(gradient: Array, steps: Array, changes: Array) -> Array:
    """H g: the gradient times the inverse curvature that steps and changes show.

    source  Nocedal, Wright, "Numerical Optimization", 2006, algorithm 7.4
    """
    g, shares = gradient.copy(), list[float]()
    products = [_dot(s, d) for s, d in zip(steps, changes, strict=True)]
    for s, d, product in zip(steps[::-1], changes[::-1], products[::-1], strict=True):
        shares.append(_dot(s, g) / product)
        g -= shares[-1] * d
    if products:
        g *= products[-1] / _dot(changes[-1], changes[-1])
    for s, d, product, share in zip(steps, changes, products, shares[::-1], strict=True):
        g += (share - _dot(d, g) / product) * s
    return g


def _dot(a: Array, b: Array) -> float:
    """Their product by NumPy's own loops: BLAS has other last digits on each processor."""
    return float(np.einsum("i,i->", a, b))
