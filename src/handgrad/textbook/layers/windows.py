"""Windows over images and sequences, for convolutions and poolings."""

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from handgrad.textbook.errors import SettingError, ShapeError
from handgrad.textbook.layers.layer import Layer, Shape, sizes_of
from handgrad.textbook.layers.shape_inference import padding_error
from handgrad.textbook.module import Array

Sizes = int | tuple[int, ...]


def padded(x: Array, padding: Sequence[int], value: float = 0.0) -> Array:
    """Pad `x` (n, channels, …) with `value`, `padding[i]` positions on both sides of axis i + 2.

    >>> padded(np.array([[[1.0, 2.0]]]), (1,))
    array([[[0., 1., 2., 0.]]])
    """
    if not any(padding):
        return x
    return np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=value)


def masked(x: Array, mask: Array | None) -> Array:
    """Return `x` (n, channels, t) with 0 where the mask (n, 1, t) is False.

    >>> masked(np.array([[[1.0, 2.0]]]), np.array([[[True, False]]]))
    array([[[1., 0.]]])
    """
    return x if mask is None else np.where(mask, x, 0)


def unfold(
    x: Array,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> Array:
    """Return all windows of `x` as a view: (n, channels, m, k) for (n, channels, t).

    >>> unfold(np.array([[[1.0, 2.0, 3.0]]]), (2,), (1,), (1,))
    array([[[[1., 2.],
             [2., 3.]]]])
    >>> unfold(np.array([[[1.0, 2.0, 3.0]]]), (2,), (1,), (2,))
    array([[[[1., 3.]]]])
    """
    windows = sliding_window_view(x, spans(kernel_size, dilation), axis=tuple(range(2, x.ndim)))
    steps = (slice(None, None, s) for s in (*stride, *dilation))
    return windows[(slice(None), slice(None), *steps)]


def spans(kernel_size: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...]:
    """Return how many positions a window extends over, along each axis.

    >>> spans((3, 3), (1, 2))
    (3, 5)
    """
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))


def by_offset(windows: Array, kernel_size: Sequence[int]) -> list[Array]:
    """Split windows by offset, as views: (n, channels, m, k) into k arrays (n, channels, m).

    >>> by_offset(np.array([[[[1.0, 2.0], [2.0, 3.0]]]]), (2,))
    [array([[[1., 2.]]]), array([[[2., 3.]]])]
    """
    return [windows[(..., *at)] for at in np.ndindex(*kernel_size)]


def fold(
    du: Sequence[Array] | Array,
    x: Array,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
) -> Array:
    """Add the numbers of windows to their positions in `x`: the adjoint of `padded` and `unfold`.

    Windows overlap: each position gets the sum over its windows. The padding is cut off.

    Parameters
    ----------
    du : sequence of arrays (n, channels, m)
        The numbers of all windows, an array for each offset in a window.
    x : array (n, channels, …)
        Gives the padded shape and the dtype.
    kernel_size, stride, padding, dilation : sequence of ints
        One for each axis of the windows.

    Examples
    --------
    >>> du = np.array([[[[10.0, 30.0]]], [[[20.0, 40.0]]]])        # first and last of each window
    >>> fold(du, np.zeros((1, 1, 3)), (2,), (1,), (0,), (1,))
    array([[[10., 50., 40.]]])
    """
    dx = np.zeros_like(x)
    for i, at in enumerate(np.ndindex(*kernel_size)):  # for all windows at once
        ends = zip(at, du[i].shape[2:], stride, dilation, strict=True)
        part = (slice(d * a, d * a + s * (m - 1) + 1, s) for a, m, s, d in ends)
        dx[(slice(None), slice(None), *part)] += du[i]
    if not any(padding):
        return dx
    inside = (slice(p, size - p) for p, size in zip(padding, x.shape[2:], strict=True))
    return dx[(slice(None), slice(None), *inside)]


def covered(x: Array, n_channels: int, kernel_size: Sequence[int], stride: Sequence[int]) -> Array:
    """Return zeros (n, n_channels, …) for what windows cover, one window for each position of `x`.

    >>> covered(np.ones((1, 2, 3)), 4, (2,), (1,)).shape
    (1, 4, 4)
    """
    axes = zip(x.shape[2:], kernel_size, stride, strict=True)
    sizes = (s * (m - 1) + k for m, k, s in axes)
    return np.zeros_like(x, shape=(len(x), n_channels, *sizes))


class WindowLayer(Layer):
    """Base class of layers on windows of `kernel_size`, `stride` positions apart.

    Rows are (channels, height, width), or (channels, t) if `ndim` is 3. `kernel_size`, `stride`,
    `padding` and `dilation` are one number, or one for each axis, and stored as the latter.
    """

    feature_axis = 1
    ndim = 4

    def __init__(
        self, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes = 1
    ) -> None:
        super().__init__()
        self.kernel_size = self._checked("kernel_size", kernel_size, 1)
        self.stride = self._checked("stride", stride, 1)
        self.padding = self._checked("padding", padding, 0)
        self.dilation = self._checked("dilation", dilation, 1)
        self.spans = spans(self.kernel_size, self.dilation)

    def _checked(self, name: str, value: object, least: int) -> tuple[int, ...]:
        """A setting as one whole number for each axis; raises SettingError for others."""
        n_axes = self.ndim - 2
        sizes = tuple(value) if isinstance(value, tuple | list) else (value,) * n_axes
        numbers = (size for size in sizes if not isinstance(size, bool))
        whole = [int(size) for size in numbers if isinstance(size, int | np.integer)]
        if not n_axes == len(whole) == len(sizes) or min(whole) < least:
            several = f", or {n_axes} of them, one for each axis" if n_axes > 1 else ""
            raise SettingError(
                f"{name}={value!r}",
                f"a whole number from {least} on{several}",
                f"{name}={3 if name == 'kernel_size' else least}",
            )
        return tuple(whole)

    @property
    def example_shape(self) -> tuple[int, ...]:
        """A shape with two windows along each axis."""
        settings = zip(self.spans, self.stride, self.padding, strict=True)
        return self.n_in or 2, *(max(1, k + s - 2 * p) for k, s, p in settings)

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The channels and the size along each axis; None if `shape_in` is open."""
        if (known := sizes_of(shape_in)) is None:
            return None
        channels, *sizes = known
        if len(sizes) != len(self.kernel_size) or self.n_in not in (None, channels):
            named = "height, width" if len(self.kernel_size) > 1 else "t"
            raise ShapeError(
                f"rows of shape {shape_in}",
                f"({self.n_in or 'channels'}, {named})",
                "a Reshape before it, or a Transpose if the channels come last",
                repr(self),
            )
        counts = self.sizes_out(sizes)
        if min(counts) < 1:
            raise ShapeError(
                f"rows of shape {shape_in}, smaller than a window",
                f"at least {' × '.join(map(str, self.spans))} positions, padding included",
                "a smaller kernel_size, more padding, or less pooling before it",
                repr(self),
            )
        return self.n_out or channels, *counts

    def sizes_out(self, sizes: Sequence[int]) -> list[int]:
        """The number of windows along each axis of rows of these sizes."""
        fits = zip(sizes, self.spans, self.padding, self.stride, strict=True)
        return [(size + 2 * p - k) // s + 1 for size, k, p, s in fits]

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """Raise ShapeError for a sequence with padding: images have no mask."""
        if mask is not None:
            raise padding_error(self)
        return None

    def check_input(self, x: Array) -> None:
        """Raise ShapeError for another number of channels, or rows smaller than a window."""
        self.shape_out(x.shape[1:])
