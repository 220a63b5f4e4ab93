"""Layers that change only the shape of a row: `Reshape`, `Flatten`, `Transpose`."""

import math

import numpy as np

from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.layers.layer import Layer, Shape, sizes_of
from handgrad.textbook.layers.shape_inference import padding_error
from handgrad.textbook.module import Array


class Reshape(Layer):
    """Reshape: gives each row another shape, such as images of 28 × 28 for rows of 784.

    forward     y = x, each row in the given shape
    backward    dx = dy in the shape of x
    shapes      x, dx (n, size), or any others of that size    y, dy (n, *shape)
                where size is the product of shape
    source      numpy.reshape, in C order: the last axis moves fastest

    `shape` is that of a row, without the axis of the rows: `Reshape(1, 28, 28)` turns rows of 784
    pixels into images for a convolution.

    >>> reshape = Reshape(1, 2, 2)
    >>> reshape.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))
    array([[[[1., 2.],
             [3., 4.]]]])
    >>> reshape.backward(np.array([[[[5.0, 6.0], [7.0, 8.0]]]]))
    array([[5., 6., 7., 8.]])
    """

    n_in: int

    def __init__(self, *shape: int) -> None:
        super().__init__()
        if not shape:
            raise SettingError("Reshape()", "the shape of a row", "Reshape(1, 28, 28)")
        for size in shape:
            positive("a size of shape", size, whole=True)
        self.shape = tuple(int(size) for size in shape)
        self.n_in = math.prod(self.shape)

    @property
    def shape_in(self) -> Shape:
        """(n_in,); rows of other shapes with as many numbers are accepted too."""
        return (self.n_in,)

    def accepts(self, shape: Shape) -> bool:
        """Return whether rows of `shape` have, or may have, as many numbers."""
        if (sizes := sizes_of(shape)) is not None:
            return math.prod(sizes) == self.n_in
        return self.n_in % math.prod(size for size in shape if isinstance(size, int)) == 0

    def shape_out(self, shape_in: Shape) -> Shape:
        """The given shape, for any `shape_in`."""
        return self.shape

    def mask_out(self, x: Array, mask: Array | None) -> None:
        """Raise ShapeError if there is a `mask`: the positions change."""
        if mask is not None:
            raise padding_error(self)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x.reshape(len(x), *self.shape)

    def backward(self, dy: Array) -> Array:
        return dy.reshape(self.x.shape)


class Flatten(Layer):
    """Flatten: puts all numbers of a row on one axis, as the features of a `Linear`.

    forward     y = x, each row as one axis
    backward    dx = dy in the shape of x
    shapes      x, dx (n, …)    y, dy (n, size), where size is the product of all axes of a row
    source      numpy.reshape, in C order: channel by channel, each line by line

    >>> flatten = Flatten()
    >>> flatten.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    array([[1., 2., 3., 4.]])
    >>> flatten.backward(np.array([[5.0, 6.0, 7.0, 8.0]]))
    array([[[5., 6.],
            [7., 8.]]])
    """

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """One axis of all numbers; None if `shape_in` is open."""
        sizes = sizes_of(shape_in)
        return None if sizes is None else (math.prod(sizes),)

    def mask_out(self, x: Array, mask: Array | None) -> None:
        """None for any `mask`: the output has no positions."""
        return

    def forward(self, x: Array) -> Array:
        self.x = x
        return x.reshape(len(x), -1)

    def backward(self, dy: Array) -> Array:
        return dy.reshape(self.x.shape)


class Transpose(Layer):
    """Transpose: permutes the axes of each row.

    forward     axis i of y is axis axes[i] of x, counted from 1; axis 0 holds the rows
    backward    dx has the axes of dy in the order of x
    shapes      x, dx (n, a, b, c)    y, dy (n, c, a, b) for axes = 3, 1, 2; any number of axes
    source      numpy.transpose; as `Permute` in Keras

    `axes` gives the new order: `Transpose(3, 1, 2)` brings (n, height, width, channels) into the
    order of `Conv2d`.

    >>> transpose = Transpose(2, 1)
    >>> transpose.forward(np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
    array([[[1., 4.],
            [2., 5.],
            [3., 6.]]])
    >>> transpose.backward(np.array([[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]]))
    array([[[1., 2., 3.],
            [4., 5., 6.]]])
    """

    def __init__(self, *axes: int) -> None:
        super().__init__()
        if len(axes) < 2 or set(axes) != set(range(1, len(axes) + 1)):
            raise SettingError(
                f"Transpose{axes}",
                "the axes of a row, each once, counted from 1",
                "Transpose(2, 1), or Transpose(3, 1, 2) for channels first",
            )
        self.axes = tuple(int(axis) for axis in axes)
        self.ndim = len(axes) + 1

    @property
    def example_shape(self) -> tuple[int, ...]:
        """A shape with as many axes, each of another size."""
        return tuple(range(1, 1 + len(self.axes)))

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The sizes of `shape_in` in their new order; ShapeError for another number of axes."""
        if (sizes := sizes_of(shape_in)) is None:
            return None
        if len(sizes) != len(self.axes):
            raise ShapeError(
                f"rows of shape {shape_in}",
                f"rows of {len(self.axes)} axes",
                "one number for each axis, such as Transpose(2, 1); or a Reshape before it",
                repr(self),
            )
        return tuple(sizes[axis - 1] for axis in self.axes)

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """The mask (n, t) as (n, 1, t) if the positions are moved to the end, and back."""
        if mask is None or self.axes == (1, 2):
            return mask
        if self.axes != (2, 1):
            raise padding_error(self)
        return mask[:, None] if mask.ndim == 2 else mask[:, 0]

    def check_input(self, x: Array) -> None:
        """Raise ShapeError for rows with another number of axes."""
        self.shape_out(x.shape[1:])

    def forward(self, x: Array) -> Array:
        return x.transpose(0, *self.axes)

    def backward(self, dy: Array) -> Array:
        return dy.transpose(np.argsort((0, *self.axes)))
