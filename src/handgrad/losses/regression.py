"""How far the predicted numbers are from the true ones."""

from typing import Any

import numpy as np

from handgrad.layers.layer import Array
from handgrad.losses.loss import Loss


class MSELoss(Loss):
    """The mean squared error: large errors count much more than small ones.

    forward     l = mean(e²), where e = p − y
    backward    dp = 2 e / size, size being how many numbers p holds
    shapes      p, dp (n, k)    y as many numbers
    source      Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805

    >>> loss = MSELoss()
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # (1 + 9)/2
    5.0
    >>> loss.backward()                                            # 2·(−1)/2, 2·3/2
    array([[-1.],
           [ 3.]])
    """

    usual_metrics = ("r2",)

    def forward(self, p: Array, y: Array) -> Any:
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return (self.e**2).mean()

    def backward(self, loss: Any = None) -> Array:
        return 2 * self.e / self.e.size


class MAELoss(Loss):
    """The mean absolute error: every unit of error counts the same, so outliers pull less.

    forward     l = mean |e|, where e = p − y
    backward    dp = sign(e) / size, size being how many numbers p holds
    shapes      p, dp (n, k)    y as many numbers
    source      Laplace, "Sur quelques points du système du monde", 1793

    >>> loss = MAELoss()
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # (1 + 3)/2
    2.0
    >>> loss.backward()
    array([[-0.5],
           [ 0.5]])
    """

    usual_metrics = ("r2",)

    def forward(self, p: Array, y: Array) -> Any:
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return np.abs(self.e).mean()

    def backward(self, loss: Any = None) -> Array:
        return np.sign(self.e) / self.e.size
