"""Losses for binary classification, with one or several answers for each row."""

import numpy as np

from handgrad.textbook.errors import between_0_and_1, not_negative
from handgrad.textbook.kinds import BinaryLabels, Logits, Probabilities, Scores
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.weighting import mean_weights, weighted_mean
from handgrad.textbook.module import Array


class BinaryCrossEntropyLoss(Loss):
    """Binary cross-entropy loss on probabilities: −log p for class 1, −log(1 − p) for class 0.

    forward     l = −mean log q, where q = p if y is 1, and 1 − p if y is 0
    backward    dp = (1 − 2 y) / q s, where s is each number's weight in the mean: 1 / size
    shapes      p, dp (n, …, k)    y as many numbers, each 0 or 1
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.90

    >>> loss = BinaryCrossEntropyLoss()
    >>> p, y = np.array([[0.5], [0.8]]), np.array([1, 1])
    >>> float(loss.forward(p, y).round(6))                         # −(log 0.5 + log 0.8)/2
    0.458145
    >>> loss.backward()                                            # −1/(2·0.5), −1/(2·0.8)
    array([[-1.   ],
           [-0.625]])
    """

    input_kind = Probabilities()
    target_kind = BinaryLabels()

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(p.shape).astype(p.dtype)
        self.q = np.where(self.y > 0, p, 1 - p)
        return weighted_mean(-np.log(self.q), self.w)

    def backward(self, loss: object = None) -> Array:
        return (1 - 2 * self.y) / self.q * mean_weights(self.w, self.q)


class SigmoidBinaryCrossEntropyLoss(Loss):
    """Binary cross-entropy loss on logits: sigmoid and cross-entropy in one, numerically stable.

    forward     l = mean(max(z, 0) − y z + log(1 + e^−|z|))
    backward    dz = (p − y) s, where p = 1 / (1 + e⁻ᶻ) and s is each number's weight: 1 / size
    shapes      z, dz (n, …, k)    y as many numbers, each 0 or 1
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.90 and 4.91

    Each column is a separate answer, so a row may have several labels, or none. PyTorch calls it
    BCEWithLogitsLoss, or MultiLabelSoftMarginLoss.

    >>> loss = SigmoidBinaryCrossEntropyLoss()
    >>> z, y = np.log(np.array([[3.0, 1.0]])), np.array([[1, 0]])
    >>> float(loss.forward(z, y).round(6))                         # −(log ¾ + log ½)/2
    0.490415
    >>> loss.backward().round(12)                                  # (¾ − 1)/2, (½ − 0)/2
    array([[-0.125,  0.25 ]])
    """

    input_kind = Logits()
    target_kind = BinaryLabels()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.y = y.reshape(z.shape).astype(z.dtype)
        e = np.exp(-np.abs(z))
        self.p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
        return weighted_mean(np.maximum(z, 0) - self.y * z + np.log(1 + e), self.w)

    def backward(self, loss: object = None) -> Array:
        return (self.p - self.y) * mean_weights(self.w, self.p)


class FocalLoss(Loss):
    """Focal loss on logits: binary cross-entropy with less weight on easy rows.

    forward     l = −mean a (1 − q)^gamma log q, where q is the probability of the true class,
                and a is alpha for class 1, 1 − alpha for class 0
    backward    dz = (2y − 1) a (1 − q)^gamma (gamma q log q + q − 1) s, where s = 1 / size
    shapes      z, dz (n, …, k)    y as many numbers, each 0 or 1
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Lin et al., "Focal Loss for Dense Object Detection", 2017, eq. 5

    For rare positives. `gamma` says how little rows count that are predicted well, `alpha` is the
    weight of class 1. With gamma = 0 and alpha = ½ it is half the binary cross-entropy.

    >>> loss = FocalLoss(gamma=2, alpha=0.25)
    >>> z, y = np.log(np.array([[3.0]])), np.array([1])
    >>> float(loss.forward(z, y).round(6))                         # −¼ (¼)² log ¾
    0.004495
    >>> loss.backward().round(6)                                   # ¼ (¼)² (2·¾ log ¾ − ¼)
    array([[-0.010649]])
    """

    input_kind = Logits()
    target_kind = BinaryLabels()

    def __init__(self, gamma: float = 2.0, alpha: float = 0.25) -> None:
        super().__init__()
        not_negative("gamma", gamma)
        between_0_and_1("alpha", alpha)
        self.gamma, self.alpha = float(gamma), float(alpha)

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        y = y.reshape(z.shape).astype(z.dtype)
        self.w = sample_weight
        self.t = 2 * y - 1
        u = self.t * z
        e = np.exp(-np.abs(u))
        self.q = np.where(u >= 0, 1, e) / (1 + e)
        self.log_q = np.minimum(u, 0) - np.log(1 + e)
        rest = np.where(u >= 0, e, 1) / (1 + e)
        self.a = (1 - self.alpha + (2 * self.alpha - 1) * y) * rest**self.gamma
        return weighted_mean(-self.a * self.log_q, self.w)

    def backward(self, loss: object = None) -> Array:
        slope = self.gamma * self.q * self.log_q + self.q - 1
        return self.t * self.a * slope * mean_weights(self.w, self.q)


class HingeLoss(Loss):
    """Hinge loss: zero for scores of at least 1 for class 1, of at most −1 for class 0.

    forward     l = mean m, where m = max(0, 1 − t z) and t = 2y − 1
    backward    dz = −t s where m > 0, s each number's weight in the mean: 1 / size; else 0
    shapes      z, dz (n, …, k), any numbers    y as many, each 0 or 1
    weights     w = sample_weight, (n,) or (n, …), of rows or positions
    source      Cortes, Vapnik, "Support-vector networks", 1995

    The same as scikit-learn's `hinge_loss`. For several classes there is `MultiMarginLoss`.

    >>> loss = HingeLoss()
    >>> float(loss.forward(np.array([[0.5], [0.5]]), np.array([1, 0])))         # (½ + 3/2)/2
    1.0
    >>> loss.backward()
    array([[-0.5],
           [ 0.5]])
    """

    input_kind = Scores()
    target_kind = BinaryLabels()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.w = sample_weight
        self.t = 2 * y.reshape(z.shape).astype(z.dtype) - 1
        self.m = np.maximum(1 - self.t * z, 0)
        return weighted_mean(self.m, self.w)

    def backward(self, loss: object = None) -> Array:
        return -self.t * np.sign(self.m) * mean_weights(self.w, self.m)
