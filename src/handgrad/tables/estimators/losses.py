"""scikit-learn's losses and its penalty, with its factors, as its multi-layer perceptrons use them.

They differ from the textbook's: probabilities are clipped, columns are summed, squares and
deviances are halved, and the loss of an epoch weights batches by their number of rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.textbook.kinds import BinaryLabels, Counts, Logits, LogRates
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss, SoftmaxCrossEntropyLoss, mean_weights, weighted_mean
from handgrad.textbook.penalties import L2Penalty


class LogLoss(SoftmaxCrossEntropyLoss):
    """Softmax and cross-entropy in one, of probabilities clipped to [ε, 1 − ε]. Takes logits.

    forward     l = −1/n Σᵢ log clip(p[i, yᵢ]), where p = softmax(z)
    backward    dz = (p − one-hot(y)) / n, also where the probability is clipped
    shapes      z, dz (n, n_classes)    y (n,) of whole numbers, 0 to n_classes − 1
    weights     w (n,): row i counts wᵢ / Σ w in place of 1/n

    >>> loss = LogLoss()
    >>> z, y = np.log(np.array([[1.0, 3.0]])), np.array([0])
    >>> float(loss.forward(z, y).round(6))                         # −log ¼
    1.386294
    >>> loss.backward().round(12)                                  # ¼ − 1, ¾
    array([[-0.75,  0.75]])
    """

    batches_weighted_by = "rows"

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.p = self.input_kind.inverse_link(z)
        self.y, self.w = y, sample_weight
        return weighted_mean(-np.log(clipped(self.p[np.arange(len(y)), y])), self.w)


@dataclass(frozen=True)
class ClippedLogits(Logits):
    """Logits whose probabilities are clipped away from 0 and 1: their logarithms are finite."""

    def inverse_link(self, p: Array) -> Array:
        p = super().inverse_link(p)
        return np.clip(p, np.finfo(p.dtype).tiny, np.nextafter(p.dtype.type(1), p.dtype.type(0)))


class BinaryLogLoss(Loss):
    """Sigmoid and binary cross-entropy in one, its columns added up. Takes logits.

    forward     l = −1/n Σᵢ Σⱼ log clip(q[i, j]), where q = p if y is 1, 1 − p if y is 0, p = σ(z)
    backward    dz = (p − y) / n, also where the probability is clipped
    shapes      z, dz (n, k)    y as many numbers, each 0 or 1
    weights     w (n,): row i counts wᵢ / Σ w in place of 1/n

    >>> loss = BinaryLogLoss()
    >>> z, y = np.log(np.array([[3.0, 1.0]])), np.array([[1, 0]])
    >>> float(loss.forward(z, y).round(6))                         # −log ¾ − log ½
    0.980829
    >>> loss.backward().round(12)                                  # ¾ − 1, ½ − 0
    array([[-0.25,  0.5 ]])
    """

    input_kind = ClippedLogits()
    target_kind = BinaryLabels()
    batches_weighted_by = "rows"

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(z.shape).astype(z.dtype)
        e = np.exp(-np.abs(z))
        self.p = np.where(z >= 0, 1, e) / (1 + e)
        p = clipped(self.p)
        return weighted_mean(-np.log(np.where(self.y > 0, p, 1 - p)).sum(axis=1), self.w)

    def backward(self, loss: object = None) -> Array:
        return (self.p - self.y) * mean_weights(self.w, self.p[:, :1])


class HalfSquaredLoss(Loss):
    """Half the squared error; of several columns the loss is their mean, the gradient their sum.

    forward     l = ½ · 1/(n k) Σᵢ Σⱼ e², where e = p − y
    backward    dp = e / n: k times the derivative, as scikit-learn has it
    shapes      p, dp (n, k)    y as many numbers
    weights     w (n,): row i counts wᵢ / Σ w in place of 1/n

    >>> loss = HalfSquaredLoss()
    >>> float(loss.forward(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])))     # ½ · (1 + 9)/2
    2.5
    >>> loss.backward()                                            # −1/2, 3/2
    array([[-0.5],
           [ 1.5]])
    """

    batches_weighted_by = "rows"

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.e = p - y.reshape(p.shape).astype(p.dtype)
        return weighted_mean(self.e**2, self.w) / 2

    def backward(self, loss: object = None) -> Array:
        return self.e * mean_weights(self.w, self.e[:, :1])


class HalfPoissonDeviance(Loss):
    """Half the Poisson deviance of counts y from rates e^z, its columns added up. Takes log rates.

    forward     l = 1/n Σᵢ Σⱼ (y log y − y z − y + e^z)
    backward    dz = (e^z − y) / n
    shapes      z, dz (n, k)    y as many numbers from 0 on
    weights     w (n,): row i counts wᵢ / Σ w in place of 1/n

    >>> loss = HalfPoissonDeviance()
    >>> float(loss.forward(np.array([[0.0], [0.0]]), np.array([1.0, 0.0])))     # (0 − 1 + 1 + 1)/2
    0.5
    >>> loss.backward()                                            # (1 − 1)/2, (1 − 0)/2
    array([[0. ],
           [0.5]])
    """

    input_kind = LogRates()
    target_kind = Counts()
    batches_weighted_by = "rows"

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(z.shape).astype(z.dtype)
        self.rate = np.exp(z)
        of_y = self.y * np.log(np.where(self.y > 0, self.y, 1)) - self.y
        return weighted_mean((of_y - self.y * z + self.rate).sum(axis=1), self.w)

    def backward(self, loss: object = None) -> Array:
        return (self.rate - self.y) * mean_weights(self.w, self.rate[:, :1])


class L2PenaltyOfABatch(L2Penalty):
    """Half the sum of squares, counted once beside the sum over the rows of a batch.

    value       α/(2 n) · Σ W²
    gradient    α/n · W
    shapes      W any, n the rows of the batch or the sum of their weights

    >>> W = np.array([[3.0, -1.0]])
    >>> penalty = L2PenaltyOfABatch(0.2)
    >>> float(penalty.value(W, 2)), penalty.gradient(W, 2)         # 0.2/4 · (9 + 1)
    (0.5, array([[ 0.3, -0.1]]))
    """

    def value(self, W: Array, n: float) -> Any:
        return self.alpha / 2 * (W**2).sum() / n

    def gradient(self, W: Array, n: float) -> Any:
        return self.alpha / n * W


def clipped(p: Array) -> Any:
    """Clip probabilities to [ε, 1 − ε], with ε of their type."""
    eps = float(np.finfo(p.dtype).eps)
    return np.clip(p, eps, 1 - eps)
