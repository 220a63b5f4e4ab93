"""Pooling: a smaller image, with one number for each window."""

import math
from collections.abc import Sequence

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers.windows import Sizes, WindowLayer, by_place, fold, padded, unfold
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
        self.first = first_that_is(y, by_place(windows, self.kernel_size))
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


def first_that_is(y: Array, u: Sequence[Array]) -> Array | int:
    """Index of the first of the arrays `u` that equals `y` or is NaN, at each position.

    >>> first_that_is(np.array([4.0, 5.0]), [np.array([1.0, 5.0]), np.array([4.0, 5.0])])
    array([1, 0])
    """
    first: Array | int = len(u) - 1
    for i in reversed(range(len(u) - 1)):
        first = np.where((u[i] == y) | np.isnan(u[i]), i, first)
    return first
