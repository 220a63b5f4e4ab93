"""Dropout: random zeros in training, against over-fitting."""

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array


class Dropout(Layer):
    """Dropout: sets each number to 0 with probability `p` in training and scales up the others.

    forward     y = m x,  m = 0 with probability p, else 1/(1 − p), drawn for each number,
                so that the mean of y is x; in prediction y = x
    backward    dx = m dy; in prediction dx = dy
    shapes      any; x, y, m, dy and dx alike
    source      Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way
                to prevent neural networks from overfitting", 2014; scaled as PyTorch does

    Random numbers come from `self.rng`, set by `train(..., rng=0)` or `net.seed(0)`.

    >>> import numpy as np
    >>> dropout = Dropout(0.5)
    >>> dropout.rng = np.random.default_rng(0)                     # draws 0.64, 0.27, 0.04
    >>> dropout.forward(np.array([[3.0, 4.0, 5.0]]))               # 3/(1 − ½)
    array([[6., 0., 0.]])
    >>> dropout.backward(np.array([[1.0, 1.0, 1.0]]))
    array([[2., 0., 0.]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p < 1:
            raise SettingError(
                f"p={p!r}", "the probability of a zero, at least 0 and below 1", "p=0.5"
            )
        self.p = float(p)

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        kept = self.rng.random(x.shape, dtype=x.dtype) >= self.p
        self.m = kept.astype(x.dtype) / (1 - self.p)
        return self.m * x

    def backward(self, dy: Array) -> Array:
        if not self.training:
            return dy
        return self.m * dy
