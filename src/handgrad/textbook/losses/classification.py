"""Losses for classification into several classes, one class for each row or position."""

import numpy as np

from handgrad.textbook.errors import between_0_and_1
from handgrad.textbook.kinds import (
    ClassLabels,
    ClassLogits,
    ClassProbabilities,
    ClassScores,
    Distributions,
)
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.weighting import mean_weights, weighted_mean
from handgrad.textbook.module import Array


def true_class(y: Array) -> tuple[Array, ...]:
    """Return the index of the classes `y` (n, …) in p (n, …, k): p[true_class(y)] is (n, …).

    >>> np.arange(6).reshape(2, 3)[true_class(np.array([2, 0]))]   # row 0, class 2; row 1, class 0
    array([2, 3])
    """
    if y.ndim == 1:
        return np.arange(len(y)), y
    axes = [np.arange(size).reshape(-1, *[1] * (y.ndim - i)) for i, size in enumerate(y.shape, 1)]
    return (*axes, y)


def log_softmax(z: Array) -> Array:
    """Return the logarithm of the softmax of `z` (n, …, k) over the last axis, without overflow.

    >>> log_softmax(np.array([[1000.0, 0.0]]))
    array([[    0., -1000.]])
    """
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


class CrossEntropyLoss(Loss):
    """Cross-entropy loss on probabilities: the mean of −log of the true class's probability.

    forward     l = −1/n Σᵢ log p[i, yᵢ]
    backward    dp[i, yᵢ] = −1 / (n p[i, yᵢ]), and 0 for the other classes
    shapes      p, dp (n, …, n_classes)    y (n, …) of whole numbers, 0 to n_classes − 1
                with more than two axes n counts the positions of all rows
    weights     w = sample_weight, (n,) or (n, …): row or position i counts wᵢ / Σ w, not 1/n
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.108

    >>> loss = CrossEntropyLoss()
    >>> p, y = np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1])
    >>> float(loss.forward(p, y).round(6))                         # −(log 0.5 + log 0.8)/2
    0.458145
    >>> loss.backward()                                            # −1/(2·0.5), −1/(2·0.8)
    array([[-1.   ,  0.   ],
           [ 0.   , -0.625]])
    """

    input_kind = ClassProbabilities()
    target_kind = ClassLabels()

    def forward(self, p: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.p, self.y, self.w = p, y, sample_weight
        self.p_of_y = p[true_class(y)]  # (n, …)
        return weighted_mean(-np.log(self.p_of_y), self.w)

    def backward(self, loss: object = None) -> Array:
        dp = np.zeros_like(self.p)
        dp[true_class(self.y)] = -mean_weights(self.w, self.y) / self.p_of_y
        return dp


class SoftmaxCrossEntropyLoss(Loss):
    """Cross-entropy loss on logits: softmax and cross-entropy in one, numerically stable.

    forward     l = −1/n Σᵢ log p[i, yᵢ], where log p = z − max z − log Σⱼ e^(zⱼ − max z)
    backward    dz = (p − one-hot(y)) / n
    shapes      z, dz (n, …, n_classes)    y (n, …) of whole numbers, 0 to n_classes − 1
                with more than two axes n counts the positions of all rows
    weights     w = sample_weight, (n,) or (n, …): row or position i counts wᵢ / Σ w, not 1/n
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.109

    >>> loss = SoftmaxCrossEntropyLoss()
    >>> z, y = np.log(np.array([[1.0, 3.0]])), np.array([0])
    >>> float(loss.forward(z, y).round(6))                         # −log ¼
    1.386294
    >>> loss.backward().round(12)                                  # ¼ − 1, ¾
    array([[-0.75,  0.75]])
    """

    input_kind = ClassLogits()
    target_kind = ClassLabels()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        log_p = log_softmax(z)
        self.p, self.y, self.w = np.exp(log_p), y, sample_weight
        return weighted_mean(-log_p[true_class(y)], self.w)

    def backward(self, loss: object = None) -> Array:
        dz = self.p.copy()
        dz[true_class(self.y)] -= 1
        return dz * mean_weights(self.w, self.y[..., None])


class LabelSmoothingCrossEntropyLoss(SoftmaxCrossEntropyLoss):
    """Cross-entropy loss on logits with label smoothing: targets slightly below 1 and above 0.

    forward     l = −1/n Σᵢ Σⱼ t[i, j] log p[i, j], where t = (1 − a) one-hot(y) + a/k
    backward    dz = (p − t) / n
    shapes      z, dz (n, …, k) for k classes    y (n, …) of whole numbers, 0 to k − 1
                with more than two axes n counts the positions of all rows
    weights     w = sample_weight, (n,) or (n, …): row or position i counts wᵢ / Σ w, not 1/n
    source      Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7

    `label_smoothing`, a, is the part of the target distribution spread evenly over all classes.

    >>> loss = LabelSmoothingCrossEntropyLoss(0.5)
    >>> z, y = np.log(np.array([[1.0, 3.0]])), np.array([0])
    >>> float(loss.forward(z, y).round(6))                         # −¾ log ¼ − ¼ log ¾
    1.111641
    >>> loss.backward().round(12)                                  # ¼ − ¾, ¾ − ¼
    array([[-0.5,  0.5]])
    """

    def __init__(self, label_smoothing: float = 0.1) -> None:
        super().__init__()
        between_0_and_1("label_smoothing", label_smoothing)
        self.a = float(label_smoothing)

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        log_p = log_softmax(z)
        self.p, self.y, self.w = np.exp(log_p), y, sample_weight
        return weighted_mean(
            -(1 - self.a) * log_p[true_class(y)] - self.a * log_p.mean(axis=-1), self.w
        )

    def backward(self, loss: object = None) -> Array:
        dz = self.p - self.a / self.p.shape[-1]
        dz[true_class(self.y)] -= 1 - self.a
        return dz * mean_weights(self.w, self.y[..., None])


class SoftTargetCrossEntropyLoss(Loss):
    """Cross-entropy loss on logits with soft targets: a distribution over the classes for each row.

    forward     l = −mean Σⱼ t[i, j] log p[i, j], where log p = z − max z − log Σⱼ e^(zⱼ − max z)
    backward    dz = (p Σⱼ t − t) s, where s is the weight of each row or position: 1 / n
    shapes      z, dz, t (n, …, n_classes); rows of t are one-hot, or sum to 1
    weights     w = sample_weight, (n,) or (n, …): row or position i counts wᵢ / Σ w, not 1/n
    source      Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015

    With (n, n_members, n_classes) each member of an ensemble is trained as if it were alone; with
    the loss of their mean, members would rely on each other.

    >>> loss = SoftTargetCrossEntropyLoss()
    >>> z, t = np.log(np.array([[1.0, 3.0], [1.0, 1.0]])), np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> float(loss.forward(z, t).round(6))                         # (−log ¼ − log ½)/2
    1.039721
    >>> loss.backward().round(12) + 0.0                            # (¼ − 1)/2, ¾/2; (½ − ½)/2
    array([[-0.375,  0.375],
           [ 0.   ,  0.   ]])
    """

    input_kind = ClassLogits()
    target_kind = Distributions()

    def forward(self, z: Array, t: Array, sample_weight: Array | None = None) -> float:
        log_p = log_softmax(z)
        self.p, self.t, self.w = np.exp(log_p), t, sample_weight
        return weighted_mean(-(t * log_p).sum(axis=-1), self.w)

    def backward(self, loss: object = None) -> Array:
        dz = self.p * self.t.sum(axis=-1, keepdims=True) - self.t
        return dz * mean_weights(self.w, self.t[..., :1])


class MultiMarginLoss(Loss):
    """Multi-class hinge loss: the true class should score 1 more than each other class.

    forward     l = 1/n Σᵢ 1/k Σⱼ m[i, j], where m = max(0, 1 + z[i, j] − z[i, yᵢ]), 0 for j = yᵢ
    backward    dz[i, j] = 1 / (n k) where m > 0, and dz[i, yᵢ] = −Σⱼ of these
    shapes      z, dz (n, …, k) for k classes, any numbers    y (n, …) of whole numbers, 0 to k − 1
                with more than two axes n counts the positions of all rows
    weights     w = sample_weight, (n,) or (n, …): row or position i counts wᵢ / Σ w, not 1/n
    source      Weston, Watkins, "Support vector machines for multi-class pattern recognition", 1999

    The name and the factor 1/k are PyTorch's. scikit-learn's `hinge_loss` takes the largest m of
    a row instead of the sum (Crammer, Singer, 2001).

    >>> loss = MultiMarginLoss()
    >>> z, y = np.array([[2.0, 1.5, 0.0]]), np.array([0])
    >>> float(loss.forward(z, y).round(6))                         # (½ + 0)/3
    0.166667
    >>> loss.backward().round(6)
    array([[-0.333333,  0.333333,  0.      ]])
    """

    input_kind = ClassScores()
    target_kind = ClassLabels()

    def forward(self, z: Array, y: Array, sample_weight: Array | None = None) -> float:
        self.y, self.w = y, sample_weight
        self.m = np.maximum(1 + z - z[true_class(y)][..., None], 0)  # (n, …, k)
        self.m[true_class(y)] = 0
        return weighted_mean(self.m.sum(axis=-1) / z.shape[-1], self.w)

    def backward(self, loss: object = None) -> Array:
        dz = np.sign(self.m)
        dz[true_class(self.y)] = -dz.sum(axis=-1)
        return dz * mean_weights(self.w, self.y[..., None]) / dz.shape[-1]
