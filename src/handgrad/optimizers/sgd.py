"""Stochastic gradient descent."""

from typing import Any

from handgrad.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """A small step against the gradient of each minibatch.

    rule        w ← w − learning_rate · dw
    source      Robbins, Monro, "A Stochastic Approximation Method", 1951

    >>> import numpy as np
    >>> SGD(0.1).rule(np.array([1.0]), np.array([5.0]), learning_rate=0.1, step=1)
    array([0.5])
    """

    def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
        return w - learning_rate * dw
