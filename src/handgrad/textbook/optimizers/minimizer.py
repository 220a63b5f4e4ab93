"""L-BFGS minimizer: iterations on the loss and gradient of all rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.line_search import Place, line_search

EPSILON = np.finfo(np.float64).eps
LossAndGradient = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Iterate:
    """State of a minimizer after an iteration.

    Parameters
    ----------
    weights : array, (n,)
        The weights.
    loss : float
        Their loss.
    gradient : array, (n,)
        Its gradient.
    loss_before : float
        Loss of the previous iteration.
    steps, changes : array, (k, n)
        Changes of the weights and of the gradient in the last k steps.
    iterations, evaluations : int
        Number of iterations and of evaluations of the loss.
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
    """L-BFGS with a Moré-Thuente line search.

    Its steps are those of Algorithm 778, L-BFGS-B, without bounds, up to rounding. The arguments
    are those of `LBFGS`.
    """

    history_size: int
    tolerance_grad: float
    tolerance_change: float
    max_eval: int | None

    def begin(self, evaluate: LossAndGradient, weights: Array) -> Iterate:
        """Return the first iterate: loss and gradient of the initial weights."""
        loss, gradient = evaluate(weights)
        none = np.empty((0, weights.size))
        return Iterate(weights, loss, gradient, np.inf, none, none)

    def converged(self, now: Iterate) -> bool:
        """Return whether the gradient or the last change of the loss is within tolerance."""
        if not np.abs(now.gradient).max(initial=0.0) > self.tolerance_grad:
            return True
        size = max(abs(now.loss), abs(now.loss_before), 1.0)
        gain = now.loss_before - now.loss
        return now.iterations > 0 and bool(gain <= self.tolerance_change * size)

    def exhausted(self, now: Iterate) -> bool:
        """Return whether the loss was evaluated more than `max_eval` times."""
        return self.max_eval is not None and now.evaluations > self.max_eval

    def next(self, evaluate: LossAndGradient, now: Iterate) -> Iterate | None:
        """Return the next iterate, the last one evaluated; None if no lower loss is found.

        If the line search along the L-BFGS direction fails, it is repeated along the gradient.
        """
        evaluations, steps, changes = now.evaluations, now.steps, now.changes
        while True:
            direction = -_times_inverse(now.gradient, steps, changes)
            end, gradients = _searched(evaluate, now, direction)
            evaluations += len(gradients)
            if end is not None:
                break
            if not len(steps):
                return None
            steps = changes = steps[:0]
        step, change = end.step * direction, gradients[-1] - now.gradient
        slope = _dot(now.gradient, direction)
        if end.slope - slope > -EPSILON * slope:
            steps = np.vstack([steps, step])[-self.history_size :]
            changes = np.vstack([changes, change])[-self.history_size :]
        weights, count = now.weights + step, now.iterations + 1
        return Iterate(
            weights, end.loss, gradients[-1], now.loss, steps, changes, count, evaluations
        )


def _searched(
    evaluate: LossAndGradient, now: Iterate, direction: Array
) -> tuple[Place | None, list[Array]]:
    """Search along a direction; return the end point, if any, and all gradients evaluated."""
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
    """Two-loop recursion: the gradient times the approximate inverse Hessian, H g.

    source  Nocedal, Wright, "Numerical Optimization", 2006, algorithm 7.4
    """
    g, factors = gradient.copy(), list[float]()
    products = [_dot(s, d) for s, d in zip(steps, changes, strict=True)]
    for s, d, product in zip(steps[::-1], changes[::-1], products[::-1], strict=True):
        factors.append(_dot(s, g) / product)
        g -= factors[-1] * d
    if products:
        g *= products[-1] / _dot(changes[-1], changes[-1])
    for s, d, product, factor in zip(steps, changes, products, factors[::-1], strict=True):
        g += (factor - _dot(d, g) / product) * s
    return g


def _dot(a: Array, b: Array) -> float:
    """Dot product by NumPy's own loops: the last digits of BLAS depend on the processor."""
    return float(np.einsum("i,i->", a, b))
