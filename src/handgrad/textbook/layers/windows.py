"""Windows that move over pictures and sequences: what convolutions and poolings have in common."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers.layer import Layer, Shape, sizes_of
from handgrad.textbook.layers.shape_inference import places_unknown
from handgrad.textbook.module import Array

Sizes = int | tuple[int, ...]


def padded(x: Array, padding: Sequence[int], value: float = 0.0) -> Array:
    """`x` (n, channels, …) with so many places of `value` on both sides of each axis.

    >>> padded(np.array([[[1.0, 2.0]]]), (1,))
    array([[[0., 1., 2., 0.]]])
    """
    if not any(padding):
        return x
    return np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=value)


def where_there(x: Array, mask: Array | None) -> Array:
    """`x` (n, channels, t) with 0 at places of which a mask (n, 1, t) says False; all without it.

    >>> where_there(np.array([[[1.0, 2.0]]]), np.array([[[True, False]]]))
    array([[[1., 0.]]])
    """
    return x if mask is None else np.where(mask, x, 0)


def unfold(x: Array, kernel_size: Sequence[int], stride: Sequence[int]) -> Array:
    """All windows of `x`, a view: of (n, channels, t) the (n, channels, m, k).

    >>> unfold(np.array([[[1.0, 2.0, 3.0]]]), (2,), (1,))
    array([[[[1., 2.],
             [2., 3.]]]])
    """
    every = sliding_window_view(x, tuple(kernel_size), axis=tuple(range(2, x.ndim)))
    return every[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]


def by_place(windows: Array, kernel_size: Sequence[int]) -> list[Array]:
    """What all windows have at each of their places, views: of (n, channels, m, k) k of (…, m).

    >>> by_place(np.array([[[[1.0, 2.0], [2.0, 3.0]]]]), (2,))
    [array([[[1., 2.]]]), array([[[2., 3.]]])]
    """
    return [windows[(..., *at)] for at in np.ndindex(*kernel_size)]


def fold(
    du: Sequence[Array] | Array,
    x: Array,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
) -> Array:
    """The adjoint of both: each number of a window added to where in `x`, padded, it came from.

    `du` has an array (n, channels, m) for each place in a window. Windows overlap, so that a number
    of `x` gets the sum over all that it lies in; what fell to the padding is left out.

    >>> du = np.array([[[[10.0, 30.0]]], [[[20.0, 40.0]]]])        # the first in windows, the last
    >>> fold(du, np.zeros((1, 1, 3)), (2,), (1,), (0,))
    array([[[10., 50., 40.]]])
    """
    dx = np.zeros_like(x)
    for i, at in enumerate(np.ndindex(*kernel_size)):  # for all windows at once
        ends = zip(at, du[i].shape[2:], stride, strict=True)
        part = (slice(a, a + s * (m - 1) + 1, s) for a, m, s in ends)
        dx[(slice(None), slice(None), *part)] += du[i]
    if not any(padding):
        return dx
    inside = (slice(p, size - p) for p, size in zip(padding, x.shape[2:], strict=True))
    return dx[(slice(None), slice(None), *inside)]


class WindowLayer(Layer):
    """The base of layers that look through windows of `kernel_size`, `stride` places apart.

    Rows are (channels, height, width), or (channels, t) where `ndim` is 3. Each setting is given as
    one number for all axes, or one an axis, and kept as the latter.
    """

    feature_axis = 1
    ndim = 4

    def __init__(self, kernel_size: Sizes, stride: Sizes, padding: Sizes) -> None:
        super().__init__()
        self.kernel_size = self._checked("kernel_size", kernel_size, 1)
        self.stride = self._checked("stride", stride, 1)
        self.padding = self._checked("padding", padding, 0)

    def _checked(self, name: str, value: object, least: int) -> tuple[int, ...]:
        """A setting as one whole number an axis; refused where it is none."""
        n_axes = self.ndim - 2
        sizes = tuple(value) if isinstance(value, tuple | list) else (value,) * n_axes
        numbers = (size for size in sizes if not isinstance(size, bool))
        whole = [int(size) for size in numbers if isinstance(size, int | np.integer)]
        if not n_axes == len(whole) == len(sizes) or min(whole) < least:
            several = f", or {n_axes} of them, one an axis" if n_axes > 1 else ""
            raise SettingError(
                f"{name}={value!r}",
                f"a whole number from {least} on{several}",
                f"{name}={3 if name == 'kernel_size' else least}",
            )
        return tuple(whole)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Two windows along each axis."""
        settings = zip(self.kernel_size, self.stride, self.padding, strict=True)
        return self.n_in or 2, *(max(1, k + s - 2 * p) for k, s, p in settings)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The channels, and the places that a window has along each axis; refuses a misfit."""
        if (known := sizes_of(shape_in)) is None:
            return None
        channels, *sizes = known
        if len(sizes) != len(self.kernel_size) or self.n_in not in (None, channels):
            named = "height, width" if len(self.kernel_size) > 1 else "t"
            raise ShapeError(
                f"rows of shape {shape_in} came in",
                f"({self.n_in or 'channels'}, {named})",
                "a Reshape before it, or a Transpose where the channels come last",
                repr(self),
            )
        fits = zip(sizes, self.kernel_size, self.padding, self.stride, strict=True)
        places = [(size + 2 * p - k) // s + 1 for size, k, p, s in fits]
        if min(places) < 1:
            raise ShapeError(
                f"rows of shape {shape_in} came in, smaller than the windows",
                f"{' × '.join(map(str, self.kernel_size))} places at least, padding included",
                "a smaller kernel_size, more padding, or less pooling before it",
                repr(self),
            )
        return self.n_out or channels, *places

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Refuse a sequence with padding: the places of a picture are others."""
        if mask is not None:
            raise places_unknown(self)
        return None

    def check_input(self, x: Array) -> None:
        """Refuse pictures of other channels, or smaller than a window."""
        self.shape_out(x.shape[1:])
