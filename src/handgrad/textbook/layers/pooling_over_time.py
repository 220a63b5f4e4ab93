"""Pooling over time: one row of features for all positions of a sequence."""

import numpy as np

from handgrad.textbook.layers.layer import Layer, Shape
from handgrad.textbook.module import Array


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
        self.w = shares_of_places(x, mask)
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
        places = np.arange(x.shape[1])[:, None]
        self.hit = (first == places) & (s != -np.inf)
        return np.where(self.hit, x, 0).sum(axis=1)

    def backward(self, dy: Array) -> Array:
        return np.where(self.hit, dy[:, None], 0)


def shares_of_places(x: Array, mask: Array | None) -> Array:
    """Weight of each position of `x` (n, t, k) in the mean over valid ones, (n, t, 1)."""
    there = np.ones_like(x[:, :, :1]) if mask is None else mask[..., None].astype(x.dtype)
    return there / np.maximum(there.sum(axis=1, keepdims=True), 1)
