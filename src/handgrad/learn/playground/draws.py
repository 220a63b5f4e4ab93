"""Random draws that a page repeats to the bit: NumPy's PCG64, √, and handgrad's own log and cos."""

from __future__ import annotations

import numpy as np

from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.textbook.layers import Array

TWO_PI = 2 * 3.141592653589793


class Draws:
    """Draws from `np.random.default_rng(entropy)`: what initializers ask of a random source.

    NumPy's own normal numbers come from tables and the C library's functions.

    >>> Draws(0, 1).normal(0, 1, (2,)).round(3).tolist() == Draws(0, 1).normal(0, 1, (2,)).round(
    ...     3).tolist()
    True
    """

    def __init__(self, *entropy: int) -> None:
        self.rng = np.random.default_rng(entropy)

    def random(self, shape: tuple[int, ...]) -> Array:
        """Numbers from [0, 1)."""
        return self.rng.random(shape)

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> Array:
        """Numbers from [low, high)."""
        return np.asarray(low + (high - low) * self.rng.random(size))

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> Array:
        """Normal numbers, by Box's and Muller's way, each from two numbers of its own."""
        u = self.rng.random((*size, 2))
        return np.asarray(loc + scale * normal_of(u[..., 0], u[..., 1]))

    def permutation(self, n: int) -> Array:
        """The whole numbers below n, in an order that is drawn."""
        order = np.arange(n)
        self.rng.shuffle(order)
        return order


def normal_of(u: Array, v: Array) -> Array:
    """Normal numbers of numbers from [0, 1), two each (Box, Muller, 1958)."""
    return np.asarray(np.sqrt(-2.0 * value_of("log", 1.0 - u)) * value_of("cos", TWO_PI * v))
