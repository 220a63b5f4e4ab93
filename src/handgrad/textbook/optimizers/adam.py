"""Adam, AdamW and NAdam: the mean of past gradients, divided by their size."""

from typing import Unpack

import numpy as np

from handgrad.textbook.errors import SettingError, not_negative
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.optimizer import Optimizer, Settings


class Adam(Optimizer):
    """Adam: the mean of past gradients divided by the root of their mean square.

    rule        m ← beta1 · m + (1 − beta1) · dw          m̂ = m / (1 − beta1^step)
                v ← beta2 · v + (1 − beta2) · dw²         v̂ = v / (1 − beta2^step)
                w ← w − learning_rate · m̂ / (√v̂ + eps)
    source      Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015

    `learning_rate` is about the length of a step for each weight. `betas` are the weights of the
    past in the means m and v, `eps` bounds the step where v̂ is 0. `settings` are `weight_decay`,
    `clip_norm`, `clip_value` and `groups` of `Optimizer`.

    >>> w, m, v = Adam(0.1, betas=(0.5, 0.75), eps=0.0).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([0.0]), np.array([0.0]),
    ...     learning_rate=0.1, step=1)
    >>> m, v, w                                        # ½·4, ¼·16, and 1 − 0.1 · 4 / √16
    (array([2.]), array([4.]), array([0.9]))
    """

    state_names: tuple[str, ...] = ("m", "v")

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, **settings)
        self.beta1, self.beta2 = two_betas(betas)
        not_negative("eps", eps)
        self.eps = eps

    def rule(
        self, w: Array, dw: Array, m: Array, v: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        m = self.beta1 * m + (1 - self.beta1) * dw
        v = self.beta2 * v + (1 - self.beta2) * dw**2
        m_hat = 1 / (1 - self.beta1**step) * m  # one division instead of one for each weight
        v_hat = 1 / (1 - self.beta2**step) * v
        return w - learning_rate * m_hat / (np.sqrt(v_hat) + self.eps), m, v


class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay, applied to the weights instead of the gradient.

    rule        w ← w − learning_rate · weight_decay · w, then that of Adam
    source      Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019

    `weight_decay` is 0.01 by default; the other arguments are those of `Adam`: `learning_rate`,
    `betas`, `eps`. `settings` are `weight_decay`, `clip_norm`, `clip_value` and `groups` of
    `Optimizer`.

    >>> adamw = AdamW(0.1, betas=(0.5, 0.75), eps=0.0, weight_decay=0.5)
    >>> w, m, v = adamw.update(
    ...     np.array([1.0]), np.array([4.0]), np.array([0.0]), np.array([0.0]),
    ...     learning_rate=0.1, step=1)
    >>> w                                              # 1 − 0.1 · ½ · 1, then − 0.1 · 4 / √16
    array([0.85])
    """

    decoupled = True
    weight_decay = 0.01

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **settings: Unpack[Settings],
    ) -> None:
        settings.setdefault("weight_decay", self.weight_decay)
        super().__init__(learning_rate, betas=betas, eps=eps, **settings)


class NAdam(Adam):
    """NAdam: Adam with Nesterov momentum, which uses the mean of the next step.

    rule        m, v and v̂ as Adam
                mu(t) = beta1 · (1 − ½ · 0.96^(t · momentum_decay))
                q ← 1 − (1 − q) · mu(step), which is 1 − mu(1) · mu(2) · … · mu(step)
                ĝ = (1 − mu(step)) / q · dw
                m̂ = mu(step + 1) / (1 − (1 − q) · mu(step + 1)) · m
                w ← w − learning_rate · (ĝ + m̂) / (√v̂ + eps)
    source      Dozat, "Incorporating Nesterov Momentum into Adam", 2016

    `momentum_decay` sets how mu grows to beta1; `learning_rate`, `betas` and `eps` are those of
    `Adam`. `settings` are `weight_decay`, `clip_norm`, `clip_value` and `groups` of `Optimizer`.

    >>> nadam = NAdam(0.1, betas=(0.5, 0.75), eps=0.0, momentum_decay=0.0)
    >>> w, m, v, q = nadam.rule(
    ...     np.array([1.0]), np.array([4.0]), *np.zeros((3, 1)), learning_rate=0.1, step=1)
    >>> m, v, q                                        # mu = ½ · ½, so q = 1 − ¼
    (array([2.]), array([4.]), array([0.75]))
    >>> bool(np.isclose(w, 1 - 0.1 * (0.75 / 0.75 * 4 + 0.25 / 0.9375 * 2) / 16**0.5))
    True
    """

    state_names = ("m", "v", "q")

    def __init__(
        self,
        learning_rate: float = 0.002,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        momentum_decay: float = 0.004,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, betas=betas, eps=eps, **settings)
        not_negative("momentum_decay", momentum_decay)
        self.momentum_decay = momentum_decay

    def rule(  # type: ignore[override]
        self, w: Array, dw: Array, m: Array, v: Array, q: Array, *, learning_rate: float, step: int
    ) -> tuple[Array, ...]:
        mu = self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))
        mu_next = self.beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * self.momentum_decay))
        m = self.beta1 * m + (1 - self.beta1) * dw
        v = self.beta2 * v + (1 - self.beta2) * dw**2
        q = 1 - (1 - q) * mu
        g_hat = (1 - mu) / q * dw
        m_hat = mu_next / (1 - (1 - q) * mu_next) * m
        v_hat = 1 / (1 - self.beta2**step) * v
        return w - learning_rate * (g_hat + m_hat) / (np.sqrt(v_hat) + self.eps), m, v, q


def two_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """Return the two weights of the past, each at least 0 and below 1; else raise SettingError."""
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise SettingError(f"betas = {betas!r}", "two numbers", "betas=(0.9, 0.999)")
    for beta in betas:
        not_negative("betas", beta, below=1)
    return float(betas[0]), float(betas[1])  # integers have no power when compiled
