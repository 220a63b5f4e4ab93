"""Pooling: one number for each window of an image, or for each feature of a sequence."""

import math
from collections.abc import Sequence

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers.layer import Layer, Shape
from handgrad.textbook.layers.windows import Sizes, WindowLayer, by_offset, fold, padded, unfold
from handgrad.textbook.module import Array


class Pooling(WindowLayer):
    """Base class of poolings: the stride is the kernel size, unless given."""

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride, padding)
        self.size = math.prod(self.kernel_size)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise SettingError(
                f"padding={padding!r} around windows of {kernel_size!r}",
                "at most half a window: a window of padding alone has no value",
                "padding=0, or a larger kernel_size",
            )


class MaxPool2d(Pooling):
    """Max pooling: the largest number of each window, channel by channel.

    forward     y[n, c, i, j] = max x[n, c, s i + p, s j + q] over p, q
    backward    dx[n, c, s i + p, s j + q] += dy[n, c, i, j] where p, q is the first of the largest
    shapes      x, dx (n, channels, height, width)    y, dy (n, channels, h, w)
                h = ⌊(height + 2 padding − kernel_size)/stride⌋ + 1, w alike
    source      Ranzato, Huang, Boureau, LeCun, "Unsupervised learning of invariant feature
                hierarchies with applications to object recognition", 2007

    `kernel_size`, `stride` (s; `kernel_size`, unless given) and `padding` are one number or one for
    each axis. The padding is −∞, so that it is never the largest. NaN is passed on.

    >>> pool = MaxPool2d(2)
    >>> pool.forward(np.array([[[[1.0, 5.0, 2.0, 2.0], [4.0, 3.0, 0.0, 2.0]]]]))
    array([[[[5., 2.]]]])
    >>> pool.backward(np.array([[[[10.0, 20.0]]]]))                # among equal ones to the first
    array([[[[ 0., 10., 20.,  0.],
             [ 0.,  0.,  0.,  0.]]]])
    """

    def forward(self, x: Array) -> Array:
        self.x = padded(x, self.padding, -np.inf)
        windows = unfold(self.x, self.kernel_size, self.stride)
        y = windows.max(axis=(4, 5))
        self.first = first_index(y, by_offset(windows, self.kernel_size))
        return y

    def backward(self, dy: Array) -> Array:
        du = [np.where(self.first == i, dy, 0) for i in range(self.size)]
        return fold(du, self.x, self.kernel_size, self.stride, self.padding)


class AvgPool2d(Pooling):
    """Average pooling: the mean of each window, channel by channel.

    forward     y[n, c, i, j] = mean x[n, c, s i + p, s j + q] over p, q
    backward    dx[n, c, s i + p, s j + q] += dy[n, c, i, j]/size, size being that of a window
    shapes      x, dx (n, channels, height, width)    y, dy (n, channels, h, w)
                h = ⌊(height + 2 padding − kernel_size)/stride⌋ + 1, w alike
    source      LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel, "Handwritten digit
                recognition with a back-propagation network", 1989

    `kernel_size`, `stride` (s; `kernel_size`, unless given) and `padding` are one number or one for
    each axis. The zeros of the padding count in the mean, as in PyTorch.

    >>> pool = AvgPool2d(2)
    >>> pool.forward(np.array([[[[1.0, 5.0, 2.0, 2.0], [4.0, 2.0, 0.0, 2.0]]]]))   # 12/4, 6/4
    array([[[[3. , 1.5]]]])
    >>> pool.backward(np.array([[[[8.0, 4.0]]]]))                  # 8/4, 4/4
    array([[[[2., 2., 1., 1.],
             [2., 2., 1., 1.]]]])
    """

    def forward(self, x: Array) -> Array:
        self.x = padded(x, self.padding)
        return unfold(self.x, self.kernel_size, self.stride).mean(axis=(4, 5))

    def backward(self, dy: Array) -> Array:
        du = [dy / self.size for _ in range(self.size)]
        return fold(du, self.x, self.kernel_size, self.stride, self.padding)


def first_index(y: Array, u: Sequence[Array]) -> Array | int:
    """Index of the first of the arrays `u` that equals `y` or is NaN, at each position.

    >>> first_index(np.array([4.0, 5.0]), [np.array([1.0, 5.0]), np.array([4.0, 5.0])])
    array([1, 0])
    """
    first: Array | int = len(u) - 1
    for i in reversed(range(len(u) - 1)):
        first = np.where((u[i] == y) | np.isnan(u[i]), i, first)
    return first


class _PoolingOverTime(Layer):
    """Base class of poolings over time: sequences in, rows out."""

    ndim = 3
    takes_mask = True

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The features alone; None for a shape without an axis of positions."""
        return shape_in[-1:] if len(shape_in) == 2 else None

    def mask_out(self, x: Array, mask: Array | None) -> None:
        """None: the output has no positions."""
        return


class MeanOverTime(_PoolingOverTime):
    """Mean pooling over time: the mean of each feature over the positions of a sequence.

    forward     y = Σ w x over the positions, w = 1/t; with a mask 1/(number of True), or 0
    backward    dx = w dy
    shapes      x, dx (n, t, k)    w (n, t, 1)    y, dy (n, k)
    source      Lin, Chen, Yan, "Network in network", 2014, section 3.2; here over time

    `mask` (n, t) is True at valid positions. Without any, the mean is 0.

    >>> pooling = MeanOverTime()
    >>> pooling.forward(np.array([[[1.0], [5.0], [9.0]]]), np.array([[True, True, False]]))
    array([[3.]])
    >>> pooling.backward(np.array([[4.0]])).ravel()
    array([2., 2., 0.])
    """

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        self.w = position_weights(x, mask)
        return (self.w * x).sum(axis=1)

    def backward(self, dy: Array) -> Array:
        return self.w * dy[:, None]


class MaxOverTime(_PoolingOverTime):
    """Max pooling over time: the largest value of each feature over the positions of a sequence.

    forward     y = max x over the positions that are not masked
    backward    dx = dy at the first position with the value y, 0 elsewhere
    shapes      x, dx (n, t, k)    y, dy (n, k)
    source      Collobert et al., "Natural language processing (almost) from scratch", 2011,
                section 3.3.2

    `mask` (n, t) is True at valid positions. Without any, the result is 0.

    >>> pooling = MaxOverTime()
    >>> pooling.forward(np.array([[[1.0], [5.0], [9.0]]]), np.array([[True, True, False]]))
    array([[5.]])
    >>> pooling.backward(np.array([[4.0]])).ravel()
    array([0., 4., 0.])
    """

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        s = x if mask is None else np.where(mask[..., None], x, -np.inf)
        first = s.argmax(axis=1)[:, None]
        positions = np.arange(x.shape[1])[:, None]
        self.hit = (first == positions) & (s != -np.inf)
        return np.where(self.hit, x, 0).sum(axis=1)

    def backward(self, dy: Array) -> Array:
        return np.where(self.hit, dy[:, None], 0)


def position_weights(x: Array, mask: Array | None) -> Array:
    """Weight of each position of `x` (n, t, k) in the mean over valid ones, (n, t, 1)."""
    there = np.ones_like(x[:, :, :1]) if mask is None else mask[..., None].astype(x.dtype)
    return there / np.maximum(there.sum(axis=1, keepdims=True), 1)
