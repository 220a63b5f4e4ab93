"""L-BFGS minimizer with a Moré-Thuente line search, on the loss and gradient of all rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from handgrad.textbook.module import Array

LOWER, FLATTER = 1e-3, 0.9  # the strong Wolfe conditions
NARROW = 0.1  # smallest width of the interval, relative to the step
FURTHEST = 1e10
MOST = 20  # evaluations


class LinePoint(NamedTuple):
    """Step length, the loss there, and its slope along the direction."""

    step: float
    loss: float
    slope: float


def line_search(
    at: Callable[[float], LinePoint], start: LinePoint, step: float
) -> LinePoint | None:
    """Find a step that satisfies the strong Wolfe conditions; None if there is none.

    conditions  l ≤ l₀ + 10⁻³ · step · l′₀  and  |l′| ≤ 0.9 · |l′₀|
    source      Moré, Thuente, "Line search algorithms with guaranteed sufficient decrease", 1994

    Parameters
    ----------
    at : function
        Evaluates a step length; the last call is that of the returned step.
    start : LinePoint
        Loss and slope at step 0.
    step : float
        First step length to try.

    Examples
    --------
    >>> start = LinePoint(0.0, 9.0, -6.0)
    >>> line_search(lambda s: LinePoint(s, (s - 3) ** 2, 2 * (s - 3)), start, 1.0)
    LinePoint(step=1.0, loss=4.0, slope=-4.0)
    """
    best = other = start
    bracketed, far = False, True  # far: no sufficiently low loss with a positive slope so far
    least, most = 0.0, 5 * step
    width, wider = FURTHEST, 2 * FURTHEST
    for _ in range(MOST):
        new = at(step)
        if not np.isfinite(new.loss) or not np.isfinite(new.slope):
            return None
        wanted = start.loss + step * LOWER * start.slope
        far = far and not (new.loss <= wanted and new.slope >= 0)
        stuck = bracketed and (not least < step < most or most - least <= NARROW * most)
        if stuck or (new.loss <= wanted and abs(new.slope) <= -FLATTER * start.slope):
            return new
        if step == FURTHEST and new.loss <= wanted and new.slope <= LOWER * start.slope:
            return new
        tilt = LOWER * start.slope if far and wanted < new.loss <= best.loss else 0.0
        best, other, new = (_tilted(place, -tilt) for place in (best, other, new))
        best, other, step, bracketed = _next(best, other, new, bracketed, least, most)
        best, other = _tilted(best, tilt), _tilted(other, tilt)
        if bracketed:
            if abs(other.step - best.step) >= 0.66 * wider:
                step = best.step + 0.5 * (other.step - best.step)
            wider, width = width, abs(other.step - best.step)
            least, most = sorted((best.step, other.step))
        else:
            least, most = (step + times * (step - best.step) for times in (1.1, 4.0))
        step = min(max(step, 0.0), FURTHEST)
        if bracketed and (not least < step < most or most - least <= NARROW * most):
            step = best.step
    return None


def _tilted(place: LinePoint, tilt: float) -> LinePoint:
    """Loss and slope with a line through 0 added."""
    return LinePoint(place.step, place.loss + place.step * tilt, place.slope + tilt)


def _next(
    best: LinePoint, other: LinePoint, new: LinePoint, bracketed: bool, least: float, most: float
) -> tuple[LinePoint, LinePoint, float, bool]:
    """Update the interval with a new point, and choose the next step.

    The step is the minimum of the cubic through two points, of the parabola, or the secant step.
    """
    turned, onward = new.slope * np.sign(best.slope) < 0, new.step > best.step
    if new.loss > best.loss:  # a minimum between them
        bracketed = True
        cubic, parabola = _cubic(best, new), _parabola(best, new)
        nearer = abs(cubic - best.step) < abs(parabola - best.step)
        step = cubic if nearer else cubic + (parabola - cubic) / 2
    elif turned:  # again
        bracketed = True
        step = max(_cubic(new, best), _secant(new, best), key=lambda s: abs(s - new.step))
    elif abs(new.slope) < abs(best.slope):  # a minimum further on
        choices = (_secant(new, best), _cubic(new, best, beyond=most if onward else least))
        if bracketed:
            step = min(choices, key=lambda s: abs(s - new.step))
            limit = new.step + 0.66 * (other.step - new.step)
            step = min(limit, step) if onward else max(limit, step)
        else:
            step = min(max(*choices, key=lambda s: abs(s - new.step)), most)
            step = max(step, least)
    elif bracketed:
        step = _cubic(new, other)
    else:
        step = most if onward else least
    if new.loss > best.loss:
        return best, new, step, bracketed
    return new, best if turned else other, step, bracketed


def _cubic(a: LinePoint, b: LinePoint, beyond: float | None = None) -> float:
    """Minimum of the cubic through two points; `beyond` if it is not beyond `a`."""
    theta = 3 * (b.loss - a.loss) / (a.step - b.step) + a.slope + b.slope
    size = max(abs(theta), abs(a.slope), abs(b.slope))
    square = (theta / size) ** 2 - (a.slope / size) * (b.slope / size)
    gamma = size * np.sqrt(max(0.0, square))
    if a.step > b.step:
        gamma = -gamma
    p, q = (gamma - a.slope) + theta, ((gamma - a.slope) + gamma) + b.slope
    r = p / q
    if beyond is not None and not (r < 0 and gamma != 0):
        return beyond
    return a.step + r * (b.step - a.step)


def _parabola(a: LinePoint, b: LinePoint) -> float:
    """Minimum of the parabola through two points with the slope of the first."""
    slope = (a.loss - b.loss) / (b.step - a.step) + a.slope
    return a.step + (a.slope / slope) / 2 * (b.step - a.step)


def _secant(a: LinePoint, b: LinePoint) -> float:
    """Secant step: zero of the line through the slopes of two points."""
    return a.step + (a.slope / (a.slope - b.slope)) * (b.step - a.step)


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
) -> tuple[LinePoint | None, list[Array]]:
    """Search along a direction; return the end point, if any, and all gradients evaluated."""
    gradients: list[Array] = []

    def at(step: float) -> LinePoint:
        loss, gradient = evaluate(now.weights + step * direction)
        gradients.append(gradient)
        return LinePoint(step, loss, _dot(gradient, direction))

    slope = _dot(now.gradient, direction)
    if not slope < 0:
        return None, gradients
    first = 1.0 if now.iterations else min(1.0 / np.sqrt(_dot(direction, direction)), 1e10)
    with np.errstate(all="ignore"):
        return line_search(at, LinePoint(0.0, now.loss, slope), first), gradients


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
