"""Positions: what is added to a sequence, so that its places can be told apart."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.layers.initializers import Initializer, RandomSource, first_weights
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class _Positions(Layer):
    """What both have: room for `length` places of `size` numbers each."""

    ndim = 3

    def __init__(self, length: int, size: int) -> None:
        super().__init__()
        positive("length", length, whole=True)
        positive("size", size, whole=True)
        self.length = int(length)
        self.size = self.n_in = self.n_out = int(size)

    @property
    def shape_in(self) -> Shape:
        """As many places as there is room for; fewer are taken too."""
        return (self.length, self.size)

    def check_input(self, x: Array) -> None:
        """Refuse sequences that are longer."""
        super().check_input(x)
        if x.shape[1] > self.length:
            raise ShapeError(
                f"sequences of {x.shape[1]} places came in",
                f"at most {self.length}, its length",
                f"x[:, -{self.length}:], the last of them, or length={x.shape[1]}",
                repr(self),
            )


class PositionEmbedding(_Positions):
    """Adds to each place of a sequence its row of a table that is learned.

    forward     y = x + P[:t]
    backward    dx = dy      dP[:t] = Σ dy over the rows, 0 beyond
    shapes      x, y, dy, dx (n, t, size)    P, dP (length, size)    t ≤ length
    source      Gehring, Auli, Grangier, Yarats, Dauphin, "Convolutional sequence to sequence
                learning", 2017, section 3.1

    P begins as `initializer` draws it: normal, standard deviation 1/√size, as `Embedding` does.

    >>> positions = PositionEmbedding(3, 1, dtype=np.float64)
    >>> positions.P = [[10], [20], [30]]
    >>> positions.forward(np.array([[[1.0], [2.0]]]))              # 1 + 10, 2 + 20
    array([[[11.],
            [22.]]])
    >>> positions.backward(np.array([[[5.0], [7.0]]])).ravel()
    array([5., 7.])
    >>> positions.dP.ravel()
    array([5., 7., 0.])
    """

    param_names = ("P",)

    def __init__(
        self,
        length: int,
        size: int,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(length, size)
        self.dtype = floating(dtype)
        self.P = first_weights(initializer, (length, size), rng, dtype)

    def forward(self, x: Array) -> Array:
        return x + self.P[: x.shape[1]]

    def backward(self, dy: Array) -> Array:
        dP = np.zeros_like(self.P)
        dP[: dy.shape[1]] = dy.sum(axis=0)
        self.dP = dP
        return dy


class SinusoidalEncoding(_Positions):
    """Adds to each place of a sequence sines and cosines of its number, slow and fast ones.

    forward     y = x + P[:t],  P[i, 2j] = sin(i/10000^(2j/size)),  P[i, 2j + 1] = its cosine
    backward    dx = dy
    shapes      x, y, dy, dx (n, t, size)    P (length, size)    t ≤ length, size even
    source      Vaswani et al., "Attention is all you need", 2017, section 3.5

    >>> positions = SinusoidalEncoding(2, 2)
    >>> positions.forward(np.zeros((1, 2, 2))).round(3)            # sin 0, cos 0; sin 1, cos 1
    array([[[0.   , 1.   ],
            [0.841, 0.54 ]]])
    >>> positions.backward(np.array([[[1.0, 2.0]]]))
    array([[[1., 2.]]])
    """

    def __init__(self, length: int, size: int) -> None:
        super().__init__(length, size)
        if size % 2:
            raise SettingError(
                f"size={size}", "an even number: each sine has its cosine", f"size={size + 1}"
            )
        angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
        self.P = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, size)

    def forward(self, x: Array) -> Array:
        return x + self.P[: x.shape[1]].astype(x.dtype)

    def backward(self, dy: Array) -> Array:
        return dy
