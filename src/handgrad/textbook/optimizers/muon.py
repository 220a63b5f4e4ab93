"""Muon: the direction of a matrix, with all its singular values set to 1."""

from typing import Unpack

import numpy as np

from handgrad.textbook.errors import not_negative, positive
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.adam import Adam
from handgrad.textbook.optimizers.optimizer import Settings

# One step of the iteration below maps a singular value s to a s + b s³ + c s⁵: near 1 after five.
A, B, C = 3.4445, -4.7750, 2.0315


class Muon(Adam):
    """Muon: momentum, orthogonalized. Each matrix moves as far in every direction.

    rule        matrices  m ← momentum · m + dw           u = dw + momentum · m
                          w ← w − learning_rate · 0.2 √(larger of rows, columns) · O(u)
                          O(u) = U Vᵀ for u = U S Vᵀ, by `steps` Newton-Schulz steps:
                          X ← u / |u|                     X ← a X + (b X Xᵀ + c (X Xᵀ)²) X
                vectors   that of Adam, with `betas` and `eps`
    source      Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
                the factor 0.2 √… from Liu et al., "Muon is Scalable for LLM Training", 2025

    A kernel of a convolution is a matrix with a row for each output channel. `m` is the momentum,
    or Adam's mean; `v` is Adam's, for vectors only. The factor makes a
    step as large as Adam's, so that one `learning_rate` serves matrices and vectors. Weight decay
    is decoupled, as in `AdamW`; `settings` are `weight_decay`, `clip_norm`, `clip_value` and
    `groups` of `Optimizer`.

    >>> u = np.array([[3.0, 0.0], [0.0, 0.5]])         # singular values 3 and ½
    >>> orthogonalized(u, steps=5).round(1)
    array([[0.7, 0. ],
           [0. , 1. ]])
    """

    elementwise = False
    decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        momentum: float = 0.95,
        steps: int = 5,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, betas=betas, eps=eps, **settings)
        not_negative("momentum", momentum, below=1)
        positive("steps", steps, whole=True)
        self.momentum, self.steps = momentum, steps

    def rule(
        self, w: Array, dw: Array, m: Array, v: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        if w.ndim < 2:
            return super().rule(w, dw, m, v, learning_rate=learning_rate, step=step)
        m = self.momentum * m + dw
        u = (dw + self.momentum * m).reshape(len(w), w.size // len(w))
        o = orthogonalized(u, self.steps).reshape(w.shape)
        return w - learning_rate * 0.2 * max(u.shape) ** 0.5 * o, m, v


def orthogonalized(u: Array, steps: int) -> Array:
    """Return U Vᵀ of the matrix u = U S Vᵀ, nearly: each singular value becomes one near 1."""
    wide = u.shape[0] <= u.shape[1]
    x = u if wide else u.T  # X Xᵀ is the smaller of the two products
    x = x / (np.sqrt((x * x).sum()) + 1e-7)
    for _ in range(steps):
        s = x @ x.T
        x = A * x + (B * s + C * s @ s) @ x
    return x if wide else x.T
