"""Lion: steps of one length, by the sign of the mean gradient."""

from typing import Unpack

import numpy as np

from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.adam import two_betas
from handgrad.textbook.optimizers.optimizer import Optimizer, Settings


class Lion(Optimizer):
    """Lion: moves each weight by the learning rate, by the sign of its mean gradient.

    rule        w ← w − learning_rate · weight_decay · w
                c = beta1 · m + (1 − beta1) · dw        w ← w − learning_rate · sign c
                m ← beta2 · m + (1 − beta2) · dw
    source      Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2

    `learning_rate` is the length of each step, `betas` are the weights of the past in c and in m.
    `settings` are `weight_decay`, `clip_norm`, `clip_value` and `groups` of `Optimizer`.

    >>> w, m = Lion(0.1, betas=(0.5, 0.75)).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([-2.0]), learning_rate=0.1, step=1)
    >>> m, w                                           # ¾·(−2) + ¼·4, and c = ½·(−2) + ½·4 > 0
    (array([-0.5]), array([0.9]))
    """

    state_names = ("m",)
    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.0001,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, **settings)
        self.beta1, self.beta2 = two_betas(betas)

    def rule(
        self, w: Array, dw: Array, m: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        c = self.beta1 * m + (1 - self.beta1) * dw
        m = self.beta2 * m + (1 - self.beta2) * dw
        return w - learning_rate * np.sign(c), m
