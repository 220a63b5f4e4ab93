"""Stochastic gradient descent, with or without momentum."""

from typing import Unpack

from handgrad.textbook.errors import SettingError, not_negative
from handgrad.textbook.module import Array
from handgrad.textbook.optimizers.optimizer import Optimizer, Settings


class SGD(Optimizer):
    """Stochastic gradient descent: a step against the gradient of each mini-batch.

    rule        w ← w − learning_rate · dw
    momentum    v ← momentum · v + dw        w ← w − learning_rate · v
    nesterov    v ← momentum · v + dw        w ← w − learning_rate · (dw + momentum · v)
    source      Robbins, Monro, "A Stochastic Approximation Method", 1951; Sutskever, Martens,
                Dahl, Hinton, "On the Importance of Initialization and Momentum in Deep
                Learning", 2013

    `learning_rate` scales the gradient, `momentum` is the weight of the past steps in v, `nesterov`
    uses the gradient after the momentum step. `settings` are `weight_decay`, `clip_norm`,
    `clip_value` and `groups` of `Optimizer`.

    >>> import numpy as np
    >>> SGD(0.1).rule(np.array([1.0]), np.array([5.0]), learning_rate=0.1, step=1)
    array([0.5])
    >>> w, v = SGD(0.1, momentum=0.5).rule(
    ...     np.array([1.0]), np.array([5.0]), np.array([2.0]), learning_rate=0.1, step=1)
    >>> v, w                                                       # 0.5·2 + 5, 1 − 0.1·6
    (array([6.]), array([0.4]))
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(learning_rate, **settings)
        not_negative("momentum", momentum, below=1)
        if nesterov and not momentum:
            raise SettingError("nesterov=True without momentum", "a momentum", "momentum=0.9")
        self.momentum, self.nesterov = momentum, nesterov
        self.state_names = ("v",) if momentum else ()

    def rule(
        self, w: Array, dw: Array, v: Array | None = None, *, learning_rate: float, step: int
    ) -> Array | tuple[Array, ...]:
        if not self.momentum or v is None:
            return w - learning_rate * dw
        v = self.momentum * v + dw
        u = dw + self.momentum * v if self.nesterov else v
        return w - learning_rate * u, v
