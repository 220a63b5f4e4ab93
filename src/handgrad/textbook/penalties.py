"""Penalties for large weights: terms of the training loss that do not depend on the rows."""

from typing import Any

import numpy as np

from handgrad.textbook.errors import SettingError, not_negative, positive
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.module import Module

__all__ = ["L1Penalty", "L2Penalty", "ElasticNetPenalty", "Penalty"]


class Penalty(Module):
    """Base class of all penalties: `value` is the penalty of an array of weights.

    Training adds `value` to the loss and `gradient` to the gradients of all trainable parameters
    with at least two axes: weights, not biases or the scales of a normalization. `train_loss`
    includes the value, the validation loss does not. `n` is the number of rows in the batch, or the
    sum of their weights; a penalty beside the sum over all rows divides by it, since the loss is
    their mean.
    """

    def value(self, W: Array, n: float) -> Any:
        """Return the penalty of the weights `W`, of any shape: a number."""
        raise NotImplementedError(f"{type(self).__name__} has no value")

    def gradient(self, W: Array, n: float) -> Any:
        """Return the gradient of the penalty, of the shape of `W`."""
        raise NotImplementedError(f"{type(self).__name__} has no gradient")

    def add_to(self, layer: Layer, n: float) -> Any:
        """Return the penalty of all weights of `layer`; add its gradient to each `dW`."""
        total: Any = 0
        for _, part in layer.walk():
            for name in part.param_names if part.trainable else ():
                W = getattr(part, name)
                if W.ndim > 1:
                    total = total + self.value(W, n)
                    setattr(part, f"d{name}", getattr(part, f"d{name}") + self.gradient(W, n))
        return total


class L2Penalty(Penalty):
    """L2 penalty: half the sum of squares; shrinks large weights more than small ones.

    value       α/2 · Σ W²
    gradient    α W
    shapes      W any, n a number
    source      Hoerl, Kennard, "Ridge Regression", 1970

    `alpha`, α, is the strength of the penalty.

    >>> W = np.array([[3.0, -1.0]])
    >>> penalty = L2Penalty(0.1)
    >>> float(penalty.value(W, 1)), penalty.gradient(W, 1)         # 0.05 · (9 + 1)
    (0.5, array([[ 0.3, -0.1]]))
    """

    def __init__(self, alpha: float) -> None:
        positive("alpha", alpha)
        self.alpha = float(alpha)

    def value(self, W: Array, n: float) -> Any:
        return self.alpha / 2 * (W**2).sum()

    def gradient(self, W: Array, n: float) -> Any:
        return self.alpha * W


class L1Penalty(Penalty):
    """L1 penalty: the sum of absolute values; sets small weights to 0.

    value       α · Σ |W|
    gradient    α sign(W)
    shapes      W any, n a number
    source      Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996

    `alpha`, α, is the strength of the penalty.

    >>> W = np.array([[3.0, -1.0]])
    >>> penalty = L1Penalty(0.1)
    >>> float(penalty.value(W, 1)), penalty.gradient(W, 1)         # 0.1 · (3 + 1)
    (0.4, array([[ 0.1, -0.1]]))
    """

    def __init__(self, alpha: float) -> None:
        positive("alpha", alpha)
        self.alpha = float(alpha)

    def value(self, W: Array, n: float) -> Any:
        return self.alpha * np.abs(W).sum()

    def gradient(self, W: Array, n: float) -> Any:
        return self.alpha * np.sign(W)


class ElasticNetPenalty(Penalty):
    """Elastic net penalty: a mix of the L1 and the L2 penalty.

    value       α · (ρ Σ |W| + (1 − ρ)/2 · Σ W²), where ρ = l1_ratio
    gradient    α · (ρ sign(W) + (1 − ρ) W)
    shapes      W any, n a number
    source      Zou, Hastie, "Regularization and Variable Selection via the Elastic Net", 2005

    `alpha`, α, is the strength of the penalty, `l1_ratio` the fraction of L1 in it.

    >>> W = np.array([[3.0, -1.0]])
    >>> penalty = ElasticNetPenalty(0.2, l1_ratio=0.5)
    >>> float(penalty.value(W, 1)), penalty.gradient(W, 1)         # 0.2 · (0.5·4 + 0.25·10)
    (0.9, array([[ 0.4, -0.2]]))
    """

    def __init__(self, alpha: float, l1_ratio: float = 0.5) -> None:
        positive("alpha", alpha)
        not_negative("l1_ratio", l1_ratio)
        if l1_ratio > 1:
            raise SettingError(f"l1_ratio = {l1_ratio!r}", "a number from 0 to 1", "l1_ratio=0.5")
        self.alpha, self.l1_ratio = float(alpha), float(l1_ratio)

    def value(self, W: Array, n: float) -> Any:
        return self.alpha * (
            self.l1_ratio * np.abs(W).sum() + (1 - self.l1_ratio) / 2 * (W**2).sum()
        )

    def gradient(self, W: Array, n: float) -> Any:
        return self.alpha * (self.l1_ratio * np.sign(W) + (1 - self.l1_ratio) * W)
