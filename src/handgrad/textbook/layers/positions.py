"""Position encodings: what they do to a sequence lets layers tell its positions apart."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class _Positions(Layer):
    """Base class of position encodings: at most `length` positions of `size` numbers."""

    ndim = 3

    def __init__(self, length: int, size: int) -> None:
        super().__init__()
        positive("length", length, whole=True)
        positive("size", size, whole=True)
        self.length = int(length)
        self.size = self.n_in = self.n_out = int(size)

    @property
    def shape_in(self) -> Shape:
        """(length, size); shorter sequences are accepted too."""
        return (self.length, self.size)

    def check_input(self, x: Array) -> None:
        """Raise ShapeError for sequences longer than `length`."""
        super().check_input(x)
        if x.shape[1] > self.length:
            raise ShapeError(
                f"sequences of {x.shape[1]} positions",
                f"at most length={self.length} positions",
                f"x[:, -{self.length}:], their ends, or length={x.shape[1]}",
                repr(self),
            )


class PositionEmbedding(_Positions):
    """Position embedding: adds a learned vector to each position of a sequence.

    forward     y = x + P[:t]
    backward    dx = dy      dP[:t] = Σ dy over the rows, 0 beyond
    shapes      x, y, dy, dx (n, t, size)    P, dP (length, size)    t ≤ length
    source      Gehring, Auli, Grangier, Yarats, Dauphin, "Convolutional sequence to sequence
                learning", 2017, section 3.1

    `length` is the largest number of positions, `size` the number of features. `initializer` draws
    P (normal, standard deviation 1/√size, unless given). `rng` is a seed or a generator, `dtype`
    float32 or float64.

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
        self.P = initial_weights(initializer, (length, size), rng, dtype)

    def forward(self, x: Array) -> Array:
        return x + self.P[: x.shape[1]]

    def backward(self, dy: Array) -> Array:
        dP = np.zeros_like(self.P)
        dP[: dy.shape[1]] = dy.sum(axis=0)
        self.dP = dP
        return dy


class SinusoidalEncoding(_Positions):
    """Sinusoidal encoding: adds sines and cosines of its index to each position of a sequence.

    forward     y = x + P[:t],  P[i, 2j] = sin(i/10000^(2j/size)),  P[i, 2j + 1] = its cosine
    backward    dx = dy
    shapes      x, y, dy, dx (n, t, size)    P (length, size)    t ≤ length, size even
    source      Vaswani et al., "Attention is all you need", 2017, section 3.5

    `length` is the largest number of positions, `size` the number of features, an even number.

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
                f"size={size}", "an even number, for pairs of sine and cosine", f"size={size + 1}"
            )
        angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
        self.P = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, size)

    def forward(self, x: Array) -> Array:
        return x + self.P[: x.shape[1]].astype(x.dtype)

    def backward(self, dy: Array) -> Array:
        return dy


class RotaryEmbedding(Layer):
    """Rotary position embedding: turns each pair of features by an angle that grows with position.

    forward     y[i, 2j]     = cos θ x[i, 2j] − sin θ x[i, 2j + 1],  θ = i/10000^(2j/size)
                y[i, 2j + 1] = sin θ x[i, 2j] + cos θ x[i, 2j + 1]
    backward    dx from dy alike, with −θ for θ
    shapes      x, y, dy, dx (n, t, size)    size even
    source      Su, Lu, Pan, Murtadha, Wen, Liu, "RoFormer: enhanced transformer with rotary
                position embedding", 2021, section 3.4.2

    `size` is the number of features, an even number; sequences may have any length. The product of
    a query and a key that are both turned depends on their distance, not on their positions:
    `MultiheadAttention(…, rotary=True)` turns those of each head. Pairs are neighbours, as in the
    source; for weights of a model that pairs features j and size/2 + j, reorder the rows of W.

    >>> rotary = RotaryEmbedding(2)
    >>> rotary.forward(np.array([[[1.0, 0.0], [1.0, 0.0]]])).round(3)      # by 0, by 1 radian
    array([[[1.   , 0.   ],
            [0.54 , 0.841]]])
    >>> rotary.backward(np.array([[[1.0, 2.0], [0.0, 1.0]]])).round(3)     # by 0, by −1
    array([[[1.   , 2.   ],
            [0.841, 0.54 ]]])
    """

    ndim = 3

    def __init__(self, size: int) -> None:
        super().__init__()
        positive("size", size, whole=True)
        check_pairs("size", size)
        self.size = self.n_in = self.n_out = int(size)

    def forward(self, x: Array) -> Array:
        return rotated(x, 1)

    def backward(self, dy: Array) -> Array:
        return rotated(dy, -1)


def rotated(x: Array, turns: int) -> Array:
    """Return `x` (n, …, t, size), each pair of features turned as in `RotaryEmbedding`.

    `turns` is 1, −1 to turn them back, or 0 to leave them as they are.

    >>> rotated(np.array([[[1.0, 0.0], [0.0, 1.0]]]), -1).round(3)
    array([[[1.   , 0.   ],
            [0.841, 0.54 ]]])
    """
    if turns == 0:
        return x
    t, size = x.shape[-2:]
    angles = turns * np.arange(t)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
    C, S = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
    a, b = x[..., ::2], x[..., 1::2]
    return np.stack([C * a - S * b, S * a + C * b], axis=-1).reshape(x.shape)


def check_pairs(name: str, size: int) -> None:
    """Raise SettingError for an odd number of features: they are turned in pairs."""
    if size % 2:
        raise SettingError(
            f"{name}={size}", "an even number, for pairs of features", f"{name}={size + 1}"
        )
