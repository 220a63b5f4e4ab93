"""Convolutions: the same weights at every position of an image or a sequence."""

import math

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import floating
from handgrad.textbook.layers.windows import Sizes, WindowLayer, fold, masked, padded, unfold
from handgrad.textbook.module import Array


class Convolution(WindowLayer):
    """Base class of convolutions: weights W (n_out, n_in/groups, *kernel_size), biases b."""

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
        dilation: Sizes = 1,
        groups: int = 1,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation)
        positive("n_in", n_in, whole=True)
        positive("n_out", n_out, whole=True)
        positive("groups", groups, whole=True)
        if n_in % groups or n_out % groups:
            raise SettingError(
                f"groups={groups} of {n_in} input and {n_out} output channels",
                "a number that divides both",
                f"groups={math.gcd(n_in, n_out)}",
            )
        self.n_in, self.n_out, self.dtype = int(n_in), int(n_out), floating(dtype)
        self.groups, of_group = int(groups), self.n_in // int(groups)
        shape = (self.n_out, of_group * math.prod(self.kernel_size))  # a Linear of one window
        W = initial_weights(initializer, shape, rng, dtype)
        self.W = W.reshape(self.n_out, of_group, *self.kernel_size)
        self.b = np.zeros(n_out, dtype)


class Conv2d(Convolution):
    """2-D convolution: each output channel is a weighted sum over a window of all input channels.

    forward     z[n, o, i, j] = b[o] + Σ W[o, c, p, q] x[n, c, s i + d p, s j + d q] over c, p, q
                u: all windows as columns; z = W u + b, in each group of channels
    backward    dW = dz uᵀ      db = Σ dz over all rows and positions
                du = Wᵀ dz;  dx[n, c, s i + d p, s j + d q] += du[c, p, q, n, i, j]
    shapes      x, dx (n, n_in, height, width)    z, dz (n, n_out, h, w)
                h = ⌊(height + 2 padding − dilation (kernel_size − 1) − 1)/stride⌋ + 1, w alike
                W, dW (n_out, n_in/groups, *kernel_size)    b, db (n_out,)
                u, du (groups, size, n h w)
    source      LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
                recognition", 1998

    `n_in` and `n_out` count the input and output channels. `kernel_size`, `stride` (s), `padding`,
    zeros on all sides of x, and `dilation` (d), the distance of neighbours in a window, are one
    number or one for each axis. `groups` cuts the channels into groups: outputs of each see its
    inputs alone; with groups = n_in = n_out the convolution is depthwise. size is the number of
    values in a window of all channels of a group. `initializer` draws W (normal, standard deviation
    1/√size, unless given); b starts as zeros. `rng` is a seed or a generator, `dtype` float32 or
    float64.

    With one group, forward is `einsum("ncijpq,ocpq->noij", windows, W)` in one line; with the
    windows as columns it is one product, in both directions.

    >>> convolution = Conv2d(1, 1, 2)
    >>> convolution.W, convolution.b = [[[[1, 2], [3, 4]]]], [5]
    >>> x = np.array([[[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]]])
    >>> convolution.forward(x)                                     # 1·1 + 4·1 + 5, 2·2 + 3·1 + 5
    array([[[[10., 12.]]]])
    >>> convolution.backward(np.array([[[[1.0, 10.0]]]]))          # W at the left, 10 W beside it
    array([[[[ 1., 12., 20.],
             [ 3., 34., 40.]]]])
    >>> convolution.dW, convolution.db                             # windows: 1·left + 10·right
    (array([[[[ 1., 20.],
             [10.,  1.]]]]), array([11.]))
    """

    def forward(self, x: Array) -> Array:
        self.x = padded(x, self.padding)
        windows = unfold(self.x, self.kernel_size, self.stride, self.dilation)
        n, _, h, w, _, _ = windows.shape  # and the number of input channels, the kernel's sizes
        self.u = windows.transpose(1, 4, 5, 0, 2, 3).reshape(self.groups, -1, n * h * w)
        z = self.W.reshape(self.groups, self.n_out // self.groups, -1) @ self.u
        return z.reshape(self.n_out, n, h, w).transpose(1, 0, 2, 3) + self.b[:, None, None]

    def backward(self, dz: Array) -> Array:
        n, _, h, w = dz.shape
        dz_columns = dz.transpose(1, 0, 2, 3).reshape(self.groups, -1, n * h * w)
        self.dW = (dz_columns @ self.u.swapaxes(1, 2)).reshape(self.W.shape)
        self.db = dz_columns.sum(axis=2).reshape(self.n_out)
        du = self.W.reshape(self.groups, self.n_out // self.groups, -1).swapaxes(1, 2) @ dz_columns
        du_windows = du.reshape(self.n_in, -1, n, h, w).transpose(1, 2, 0, 3, 4)
        return fold(du_windows, self.x, self.kernel_size, self.stride, self.padding, self.dilation)


class Conv1d(Convolution):
    """1-D convolution: each output channel is a weighted sum over a window of all input channels.

    forward     z[n, o, i] = b[o] + Σ W[o, c, p] x[n, c, s i + d p] over c, p
                u: all windows as columns; z = W u + b, in each group of channels
    backward    dW = dz uᵀ      db = Σ dz over all rows and steps
                du = Wᵀ dz;  dx[n, c, s i + d p] += du[c, p, n, i]
    shapes      x, dx (n, n_in, t)    z, dz (n, n_out, m),
                m = ⌊(t + 2 padding − dilation (kernel_size − 1) − 1)/stride⌋ + 1
                W, dW (n_out, n_in/groups, kernel_size)    b, db (n_out,)
                u, du (groups, size, n m)
    source      Waibel, Hanazawa, Hinton, Shikano, Lang, "Phoneme recognition using time-delay
                neural networks", 1989

    `n_in` and `n_out` count the input and output channels. `kernel_size`, `stride` (s), `padding`,
    zeros on both sides of x, and `dilation` (d) count steps; size is n_in/groups kernel_size.
    `groups`, `initializer`, `rng` and `dtype` are those of `Conv2d`. Channels come before steps, as
    in PyTorch: `Transpose(2, 1)` brings a sequence (n, t, features) into this order.

    Where a mask (n, 1, t) is False, x is set to 0. The mask of the output is True for the windows
    that a sequence without its masked steps would have.

    >>> convolution = Conv1d(1, 1, 2)
    >>> convolution.W, convolution.b = [[[1, 2]]], [5]
    >>> convolution.forward(np.array([[[1.0, 0.0, 3.0]]]))         # 1·1 + 5, 2·3 + 5
    array([[[ 6., 11.]]])
    >>> convolution.backward(np.array([[[1.0, 10.0]]]))            # 1·1, 2·1 + 1·10, 2·10
    array([[[ 1., 12., 20.]]])
    >>> convolution.dW, convolution.db                             # 1·[1 0] + 10·[0 3]
    (array([[[ 1., 30.]]]), array([11.]))
    """

    ndim = 3
    takes_mask = True

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the output, (n, 1, m): True for windows of the unpadded sequence."""
        if mask is None:
            return None
        (k,), (s,), (p,) = self.spans, self.stride, self.padding
        begins = np.arange(0, mask.shape[-1] + 2 * p - k + 1, s)
        return mask[..., np.maximum(begins + k - 1 - 2 * p, 0)]  # the last step, without padding

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        self.mask = mask
        self.x = padded(masked(x, mask), self.padding)
        windows = unfold(self.x, self.kernel_size, self.stride, self.dilation)
        n, _, m, _ = windows.shape  # and the number of input channels, kernel_size
        self.u = windows.transpose(1, 3, 0, 2).reshape(self.groups, -1, n * m)
        z = self.W.reshape(self.groups, self.n_out // self.groups, -1) @ self.u
        return z.reshape(self.n_out, n, m).transpose(1, 0, 2) + self.b[:, None]

    def backward(self, dz: Array) -> Array:
        n, _, m = dz.shape
        dz_columns = dz.transpose(1, 0, 2).reshape(self.groups, -1, n * m)
        self.dW = (dz_columns @ self.u.swapaxes(1, 2)).reshape(self.W.shape)
        self.db = dz_columns.sum(axis=2).reshape(self.n_out)
        du = self.W.reshape(self.groups, self.n_out // self.groups, -1).swapaxes(1, 2) @ dz_columns
        du_windows = du.reshape(self.n_in, -1, n, m).transpose(1, 2, 0, 3)
        dx = fold(du_windows, self.x, self.kernel_size, self.stride, self.padding, self.dilation)
        return masked(dx, self.mask)
