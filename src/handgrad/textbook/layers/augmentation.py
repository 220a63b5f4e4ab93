"""Data augmentation: small random changes of each row in training, which keep its class."""

import numpy as np

from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers.layer import Layer, Shape
from handgrad.textbook.module import Array


def moved(x: Array, by: Array, most: int, axis: int) -> Array:
    """Shift each row along one of four axes: y[n, …, i, …] = x[n, …, i + by[n], …], 0 outside.

    `by` holds whole numbers from −`most` to `most`.

    >>> moved(np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[1.0]]]]), 1, axis=3)
    array([[[[2., 3., 0.]]]])
    """
    y, size = np.zeros_like(x), x.shape[axis]
    wide = np.pad(x, [(most, most) if i == axis else (0, 0) for i in range(4)])
    for k in range(2 * most + 1):
        part = wide[:, :, k : k + size] if axis == 2 else wide[:, :, :, k : k + size]
        y = np.where(by == k - most, part, y)
    return y


class ImageAugmentation(Layer):
    """Base class of image augmentations: active in training, the identity in prediction."""

    ndim = 4

    @property
    def example_shape(self) -> tuple[int, ...]:
        """An image of one channel, higher than wide."""
        return 1, 3, 2

    def shape_out(self, shape_in: Shape) -> Shape:
        """The shape `shape_in`, unchanged."""
        return shape_in


class RandomShift(ImageAugmentation):
    """Random shift: moves each image by a few pixels in training and fills the gap with 0.

    forward     y[n, c, i, j] = x[n, c, i + a, j + b], a and b drawn for each row, uniform whole
                numbers from −pixels to pixels; in prediction y = x
    backward    dx[n, c, i, j] = dy[n, c, i − a, j − b]; in prediction dx = dy
    shapes      x, y, dy, dx (n, channels, height, width)    a, b (n, 1, 1, 1)
    source      Simard, Steinkraus, Platt, "Best practices for convolutional neural networks
                applied to visual document analysis", 2003

    `pixels` is the largest shift along each axis. Random numbers come from `self.rng`, set by
    `train(..., rng=0)` or `net.seed(0)`.

    >>> shift = RandomShift(1)
    >>> shift.rng = np.random.default_rng(0)                       # draws 0.64, 0.27: a = 0, b = −1
    >>> shift.forward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    array([[[[0., 1.],
             [0., 3.]]]])
    >>> shift.backward(np.array([[[[5.0, 6.0], [7.0, 8.0]]]]))
    array([[[[6., 0.],
             [8., 0.]]]])
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        positive("pixels", pixels, whole=True)
        self.pixels = int(pixels)

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        u = self.rng.random((2, len(x), 1, 1, 1), dtype=x.dtype)
        self.a, self.b = np.floor((2 * self.pixels + 1) * u) - self.pixels
        return moved(moved(x, self.a, self.pixels, 2), self.b, self.pixels, 3)

    def backward(self, dy: Array) -> Array:
        if not self.training:
            return dy
        return moved(moved(dy, -self.b, self.pixels, 3), -self.a, self.pixels, 2)


class RandomHorizontalFlip(ImageAugmentation):
    """Random horizontal flip: mirrors each image with probability `p` in training.

    forward     y[n, c, i, j] = x[n, c, i, width − 1 − j] where row n is flipped, else
                x[n, c, i, j]; in prediction y = x
    backward    dx is dy, flipped where x was; in prediction dx = dy
    shapes      x, y, dy, dx (n, channels, height, width)
    source      Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional
                neural networks", 2012, section 4.1; named as torchvision does

    Not for images whose class a flip changes, such as most letters and digits.

    >>> flip = RandomHorizontalFlip(0.5)
    >>> flip.rng = np.random.default_rng(0)                        # draws 0.64, 0.27
    >>> flip.forward(np.array([[[[1.0, 2.0]]], [[[3.0, 4.0]]]]))
    array([[[[1., 2.]]],
    <BLANKLINE>
    <BLANKLINE>
           [[[4., 3.]]]])
    >>> flip.backward(np.array([[[[5.0, 6.0]]], [[[7.0, 8.0]]]])).ravel()
    array([5., 6., 8., 7.])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1:
            raise SettingError(f"p={p!r}", "the probability of a flip, from 0 to 1", "p=0.5")
        self.p = float(p)

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        self.flipped = self.rng.random((len(x), 1, 1, 1), dtype=x.dtype) < self.p
        return np.where(self.flipped, x[:, :, :, ::-1], x)

    def backward(self, dy: Array) -> Array:
        if not self.training:
            return dy
        return np.where(self.flipped, dy[:, :, :, ::-1], dy)


class GaussianNoise(Layer):
    """Gaussian noise: adds a normal random number to each number in training.

    forward     y = x + std g,  g normal with mean 0 and variance 1; in prediction y = x
    backward    dx = dy
    shapes      any; x, y, g, dy and dx alike
    source      Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995;
                Box, Muller, "A note on the generation of random normal deviates", 1958

    `std` is the standard deviation of the noise.

    >>> noise = GaussianNoise(0.1)
    >>> noise.rng = np.random.default_rng(0)                       # draws u = 0.64, v = 0.27
    >>> noise.forward(np.array([[5.0]])).round(4)                  # 5 + 0.1·1.4235·cos(1.6951)
    array([[4.9823]])
    >>> noise.backward(np.array([[2.0]]))
    array([[2.]])
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        positive("std", std)
        self.std = float(std)

    def shape_out(self, shape_in: Shape) -> Shape:
        """The shape `shape_in`, unchanged."""
        return shape_in

    def forward(self, x: Array) -> Array:
        if not self.training:
            return x
        self.g = self.rng.standard_normal(x.shape, dtype=x.dtype)
        return x + self.std * self.g

    def backward(self, dy: Array) -> Array:
        return dy
