"""How far the predicted classes are from the true ones."""

from typing import Any

import numpy as np

from handgrad.layers.layer import Array
from handgrad.losses.loss import Loss


class CrossEntropyLoss(Loss):
    """The mean of −log of the probability given to the true class. It takes probabilities.

    forward     l = −1/n Σᵢ log p[i, yᵢ]
    backward    dp[i, yᵢ] = −1 / (n p[i, yᵢ]), and 0 for the other classes
    shapes      p, dp (n, n_classes)    y (n,) of whole numbers, 0 to n_classes − 1
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.108

    >>> loss = CrossEntropyLoss()
    >>> p, y = np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1])
    >>> float(loss.forward(p, y).round(6))                         # −(log 0.5 + log 0.8)/2
    0.458145
    >>> loss.backward()                                            # −1/(2·0.5), −1/(2·0.8)
    array([[-1.   ,  0.   ],
           [ 0.   , -0.625]])
    """

    takes = "probabilities"
    targets = "classes"
    usual_metrics = ("accuracy",)

    def forward(self, p: Array, y: Array) -> Any:
        self.p, self.y = p, y
        self.p_of_y = p[np.arange(len(y)), y]
        return -np.log(self.p_of_y).mean()

    def backward(self, loss: Any = None) -> Array:
        n = len(self.y)
        dp = np.zeros_like(self.p)
        dp[np.arange(n), self.y] = -1 / (n * self.p_of_y)
        return dp


class SoftmaxCrossEntropyLoss(Loss):
    """Softmax and cross-entropy in one: stable, and its gradient is a difference. Takes logits.

    forward     l = −1/n Σᵢ log p[i, yᵢ], where log p = z − max z − log Σⱼ e^(zⱼ − max z)
    backward    dz = (p − one-hot(y)) / n
    shapes      z, dz (n, n_classes)    y (n,) of whole numbers, 0 to n_classes − 1
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.109

    >>> loss = SoftmaxCrossEntropyLoss()
    >>> z, y = np.log(np.array([[1.0, 3.0]])), np.array([0])
    >>> float(loss.forward(z, y).round(6))                         # −log ¼
    1.386294
    >>> loss.backward().round(12)                                  # ¼ − 1, ¾
    array([[-0.75,  0.75]])
    """

    takes = "logits"
    targets = "classes"
    usual_metrics = ("accuracy",)

    def forward(self, z: Array, y: Array) -> Any:
        z = z - z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p, self.y = np.exp(log_p), y
        return -log_p[np.arange(len(y)), y].mean()

    def backward(self, loss: Any = None) -> Array:
        n = len(self.y)
        dz = self.p.copy()
        dz[np.arange(n), self.y] -= 1
        return dz / n


class BinaryCrossEntropyLoss(Loss):
    """The logistic loss: −log p where the answer is yes, −log(1 − p) where it is no.

    forward     l = −mean log q, where q = p if y is 1, and 1 − p if y is 0
    backward    dp = (1 − 2 y) / (q size), size being how many numbers p holds
    shapes      p, dp (n, k)    y as many numbers, each 0 or 1
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.90

    >>> loss = BinaryCrossEntropyLoss()
    >>> p, y = np.array([[0.5], [0.8]]), np.array([1, 1])
    >>> float(loss.forward(p, y).round(6))                         # −(log 0.5 + log 0.8)/2
    0.458145
    >>> loss.backward()                                            # −1/(2·0.5), −1/(2·0.8)
    array([[-1.   ],
           [-0.625]])
    """

    takes = "probabilities"
    targets = "binary"
    usual_metrics = ("accuracy",)

    def forward(self, p: Array, y: Array) -> Any:
        self.y = y.reshape(p.shape).astype(p.dtype)
        self.q = np.where(self.y > 0, p, 1 - p)
        return -np.log(self.q).mean()

    def backward(self, loss: Any = None) -> Array:
        return (1 - 2 * self.y) / (self.q * self.q.size)
