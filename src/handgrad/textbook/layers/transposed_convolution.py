"""Transposed convolutions: each input spreads over a window of the output, which is larger."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import ShapeError, positive
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import Shape, floating, sizes_of
from handgrad.textbook.layers.windows import Sizes, WindowLayer, covered, fold, padded, unfold
from handgrad.textbook.module import Array


class TransposedConvolution(WindowLayer):
    """Base class of transposed convolutions: weights W (n_in, n_out, *kernel_size), biases b."""

    param_names = ("W", "b")
    n_in: int
    n_out: int

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        positive("n_in", n_in, whole=True)
        positive("n_out", n_out, whole=True)
        self.n_in, self.n_out, self.dtype = int(n_in), int(n_out), floating(dtype)
        shape = (self.n_out, self.n_in * math.prod(self.kernel_size))
        W = initial_weights(initializer, shape, rng, dtype)
        W = W.reshape(self.n_out, self.n_in, *self.kernel_size)
        self.W = np.ascontiguousarray(W.swapaxes(0, 1))
        self.b = np.zeros(n_out, dtype)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """A shape with two outputs or more along each axis."""
        settings = zip(self.kernel_size, self.stride, self.padding, strict=True)
        return self.n_in, *(max(2, 1 + -(-(2 * p + 2 - k) // s)) for k, s, p in settings)

    def sizes_out(self, sizes: Sequence[int]) -> list[int]:
        """The size of the output along each axis, for inputs of these sizes."""
        fits = zip(sizes, self.kernel_size, self.padding, self.stride, strict=True)
        return [(size - 1) * s + k - 2 * p for size, k, p, s in fits]

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The channels and the size along each axis; None if `shape_in` is open."""
        known = sizes_of(shape_in)
        if known and len(known) == self.ndim - 1 and min(self.sizes_out(known[1:])) < 1:
            raise ShapeError(
                f"rows of shape {shape_in}, of whose output padding leaves nothing",
                f"outputs larger than twice padding={self.padding}, on each axis",
                "less padding, or larger rows",
                repr(self),
            )
        return super().shape_out(shape_in)


class ConvTranspose2d(TransposedConvolution):
    """2-D transposed convolution: adds a window of weights, times each input, to the output.

    forward     y[n, o, s i + p, s j + q] = b[o] + Σ W[c, o, p, q] x[n, c, i, j], over c and all
                i, j, p, q that meet there; the padding is cut off
                u = Wᵀ x, the windows as columns; y is their sum, as in the backward of `Conv2d`
    backward    du: all windows of dy as columns; dx = W du      dW = x duᵀ
                db = Σ dy over all rows and positions
    shapes      x, dx (n, n_in, h, w)    y, dy (n, n_out, height, width)
                height = (h − 1) stride + kernel_size − 2 padding, width alike
                W, dW (n_in, n_out, *kernel_size)    b, db (n_out,)    u, du (size, n h w)
    source      Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", 2010

    Its formulas are those of a `Conv2d` from n_out to n_in channels with forward and backward
    changed over. `n_in` and `n_out` count the input and output channels. `kernel_size`, `stride`
    (s) and `padding`, what is cut off on all sides of y, are one number or one for each axis:
    `ConvTranspose2d(8, 4, 2, stride=2)` doubles height and width. size is n_out times the size of
    a window. `initializer` draws W (normal, standard deviation 1/√(n_in · window), unless given); b
    starts as zeros. `rng` is a seed or a generator, `dtype` float32 or float64.

    >>> convolution = ConvTranspose2d(1, 1, 2)
    >>> convolution.W, convolution.b = [[[[1, 2], [3, 4]]]], [5]
    >>> convolution.forward(np.array([[[[1.0, 10.0]]]]))           # W at the left, 10 W beside it
    array([[[[ 6., 17., 25.],
             [ 8., 39., 45.]]]])
    >>> convolution.backward(np.array([[[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]]]))  # 1·1 + 4, 2·2 + 3
    array([[[[5., 7.]]]])
    >>> convolution.dW, convolution.db                             # windows: 1·left + 10·right
    (array([[[[ 1., 20.],
             [10.,  1.]]]]), array([4.]))
    """

    def forward(self, x: Array) -> Array:
        n, _, h, w = x.shape
        self.x_columns = x.transpose(1, 0, 2, 3).reshape(self.n_in, n * h * w)
        u = self.W.reshape(self.n_in, -1).T @ self.x_columns
        windows = u.reshape(self.n_out, -1, n, h, w).transpose(1, 2, 0, 3, 4)
        wide = covered(x, self.n_out, self.kernel_size, self.stride)
        y = fold(windows, wide, self.kernel_size, self.stride, self.padding)
        return y + self.b[:, None, None]

    def backward(self, dy: Array) -> Array:
        windows = unfold(padded(dy, self.padding), self.kernel_size, self.stride)
        n, _, h, w, _, _ = windows.shape
        du = windows.transpose(1, 4, 5, 0, 2, 3).reshape(-1, n * h * w)
        self.dW, self.db = (self.x_columns @ du.T).reshape(self.W.shape), dy.sum(axis=(0, 2, 3))
        dx_columns = self.W.reshape(self.n_in, -1) @ du
        return dx_columns.reshape(self.n_in, n, h, w).transpose(1, 0, 2, 3)


class ConvTranspose1d(TransposedConvolution):
    """1-D transposed convolution: adds a window of weights, times each input, to the output.

    forward     y[n, o, s i + p] = b[o] + Σ W[c, o, p] x[n, c, i], over c and all i, p that meet
                there; the padding is cut off
                u = Wᵀ x, the windows as columns; y is their sum, as in the backward of `Conv1d`
    backward    du: all windows of dy as columns; dx = W du      dW = x duᵀ
                db = Σ dy over all rows and steps
    shapes      x, dx (n, n_in, m)    y, dy (n, n_out, t)
                t = (m − 1) stride + kernel_size − 2 padding
                W, dW (n_in, n_out, kernel_size)    b, db (n_out,)    u, du (size, n m)
    source      Zeiler, Krishnan, Taylor, Fergus, "Deconvolutional networks", 2010

    `n_in` and `n_out` count the input and output channels. `kernel_size`, `stride` (s) and
    `padding`, what is cut off on both sides of y, count steps; size is n_out kernel_size.
    `initializer`, `rng` and `dtype` are those of `ConvTranspose2d`. Channels come before steps, as
    in `Conv1d`.

    >>> convolution = ConvTranspose1d(1, 1, 2, stride=2)
    >>> convolution.W, convolution.b = [[[1, 2]]], [5]
    >>> convolution.forward(np.array([[[1.0, 10.0]]]))             # 1·1, 1·2, 10·1, 10·2, all + 5
    array([[[ 6.,  7., 15., 25.]]])
    >>> convolution.backward(np.array([[[1.0, 0.0, 3.0, 4.0]]]))   # 1·1, 1·3 + 2·4
    array([[[ 1., 11.]]])
    >>> convolution.dW, convolution.db                             # 1·[1 0] + 10·[3 4]
    (array([[[31., 40.]]]), array([8.]))
    """

    ndim = 3

    def forward(self, x: Array) -> Array:
        n, _, m = x.shape
        self.x_columns = x.transpose(1, 0, 2).reshape(self.n_in, n * m)
        u = self.W.reshape(self.n_in, -1).T @ self.x_columns
        windows = u.reshape(self.n_out, -1, n, m).transpose(1, 2, 0, 3)
        wide = covered(x, self.n_out, self.kernel_size, self.stride)
        y = fold(windows, wide, self.kernel_size, self.stride, self.padding, self.dilation)
        return y + self.b[:, None]

    def backward(self, dy: Array) -> Array:
        wide = padded(dy, self.padding)
        windows = unfold(wide, self.kernel_size, self.stride, self.dilation)
        n, _, m, _ = windows.shape
        du = windows.transpose(1, 3, 0, 2).reshape(-1, n * m)
        self.dW, self.db = (self.x_columns @ du.T).reshape(self.W.shape), dy.sum(axis=(0, 2))
        dx_columns = self.W.reshape(self.n_in, -1) @ du
        return dx_columns.reshape(self.n_in, n, m).transpose(1, 0, 2)
