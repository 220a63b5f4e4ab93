"""Adagrad and RMSprop: steps divided by the size of past gradients."""

from typing import Unpack

import numpy as np

from handgrad.textbook.errors import not_negative
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.optimizer import Optimizer, Settings


class Adagrad(Optimizer):
    """Adagrad: divides each step by the root of the sum of all squared gradients.

    rule        s ← s + dw²        w ← w − learning_rate · dw / (√s + eps)
    source      Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and
                Stochastic Optimization", 2011

    `learning_rate` scales the steps, `eps` bounds them where s is 0. `settings` are `weight_decay`,
    `clip_norm`, `clip_value` and `groups` of `Optimizer`.

    >>> w, s = Adagrad(0.1, eps=0.0).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([9.0]), learning_rate=0.1, step=1)
    >>> s, w                                                       # 9 + 16, 1 − 0.1·4/5
    (array([25.]), array([0.92]))
    """

    state_names = ("s",)

    def __init__(
        self, learning_rate: float = 0.01, *, eps: float = 1e-10, **settings: Unpack[Settings]
    ) -> None:
        super().__init__(learning_rate, **settings)
        not_negative("eps", eps)
        self.eps = eps

    def rule(
        self, w: Array, dw: Array, s: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        s = s + dw**2
        return w - learning_rate * dw / (np.sqrt(s) + self.eps), s


class RMSprop(Optimizer):
    """RMSprop: divides each step by the root of the moving average of squared gradients.

    rule        s ← alpha · s + (1 − alpha) · dw²        w ← w − learning_rate · dw / (√s + eps)
    source      Tieleman, Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012

    `learning_rate` scales the steps, `alpha` is the weight of the past in s, `eps` bounds the steps
    where s is 0. `settings` are `weight_decay`, `clip_norm`, `clip_value` and `groups` of
    `Optimizer`.

    >>> w, s = RMSprop(0.1, alpha=0.75, eps=0.0).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([16.0]), learning_rate=0.1, step=1)
    >>> s, w                                                       # ¾·16 + ¼·16, 1 − 0.1·4/4
    (array([16.]), array([0.9]))
    """

    state_names = ("s",)

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, **settings)
        not_negative("alpha", alpha, below=1)
        not_negative("eps", eps)
        self.alpha, self.eps = alpha, eps

    def rule(
        self, w: Array, dw: Array, s: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        s = self.alpha * s + (1 - self.alpha) * dw**2
        return w - learning_rate * dw / (np.sqrt(s) + self.eps), s
