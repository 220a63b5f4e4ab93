"""Pooling over time: one row of features made of all places of a sequence."""

import numpy as np

from handgrad.textbook.layers.layer import Layer, Shape
from handgrad.textbook.module import Array


class _PoolingOverTime(Layer):
    """What both have: sequences go in, rows come out."""

    ndim = 3
    takes_mask = True

    def shape_out(self, shape_in: Shape) -> Shape | None:
        """The features alone; None for a shape without an axis of places."""
        return shape_in[-1:] if len(shape_in) == 2 else None

    def mask_out(self, x: Array, mask: Array | None) -> None:
        """No places are left."""
        return


class MeanOverTime(_PoolingOverTime):
    """The mean of each feature over the places of a sequence.

    forward     y = Σ w x over the places, w = 1/t, or 1/(how many are there) for those that are
    backward    dx = w dy
    shapes      x, dx (n, t, k)    w (n, t, 1)    y, dy (n, k)
    source      Lin, Chen, Yan, "Network in network", 2014, section 3.2; over places of a sequence

    A sequence of which no place is there gives 0.

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
    """The largest number of each feature over the places of a sequence.

    forward     y = max x over the places that are there
    backward    dx = dy at the first place that holds y, 0 elsewhere
    shapes      x, dx (n, t, k)    y, dy (n, k)
    source      Collobert et al., "Natural language processing (almost) from scratch", 2011,
                section 3.3.2

    A sequence of which no place is there gives 0.

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
    """What each place of `x` (n, t, k) counts for in a mean over those there, (n, t, 1)."""
    there = np.ones_like(x[:, :, :1]) if mask is None else mask[..., None].astype(x.dtype)
    return there / np.maximum(there.sum(axis=1, keepdims=True), 1)
