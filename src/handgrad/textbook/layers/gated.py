"""Gated linear units: one half of the features decides how much of the other half passes."""

import numpy as np

from handgrad.textbook.errors import ShapeError
from handgrad.textbook.layers.layer import Layer, Shape, features
from handgrad.textbook.module import Array


class SwiGLU(Layer):
    """SwiGLU, a gated linear unit: half of the features, times the SiLU of the other half.

    forward     [a b] = x      s = a p,  p = 1 / (1 + e⁻ᵃ), written with e^−|a|      y = s b
    backward    da = (p + s (1 − p)) b dy      db = s dy      dx = [da db]
    shapes      x, dx (n, …, 2 m)    a, b, p, s, y, dy (n, …, m)
    source      Shazeer, "GLU variants improve transformer", 2020

    A `Linear` before it computes both halves, and one behind it ends the perceptron of a
    transformer: `Linear(k, 2 * m), SwiGLU(), Linear(m, k)`. PyTorch's `nn.GLU` is the same with a
    sigmoid, of the second half.

    >>> swiglu = SwiGLU()
    >>> swiglu.forward(np.array([[0.0, 100.0, 3.0, 5.0]]))         # p is ½ and 1: 0·3, 100·5
    array([[  0., 500.]])
    >>> swiglu.backward(np.array([[2.0, 1.0]]))                    # ½·3·2, 1·5·1; 0·2, 100·1
    array([[  3.,   5.,   0., 100.]])
    """

    example_shape = (4,)

    def shape_out(self, shape_in: Shape) -> Shape:
        """The shape with half the features, `shape_in` with an even number of them."""
        if (k := features(shape_in)) is None:
            return shape_in
        if k % 2:
            raise ShapeError(
                f"rows of shape {shape_in}",
                "an even number of features, to cut them in halves",
                f"Linear(…, {k + 1}) before it",
                repr(self),
            )
        return (*shape_in[:-1], k // 2)

    def forward(self, x: Array) -> Array:
        halves = x.reshape(*x.shape[:-1], 2, -1)
        self.a, self.b = halves[..., 0, :], halves[..., 1, :]
        e = np.exp(-np.abs(self.a))
        self.p = np.where(self.a >= 0, 1, e) / (1 + e)
        self.s = self.a * self.p
        return self.s * self.b

    def backward(self, dy: Array) -> Array:
        da = (self.p + self.s * (1 - self.p)) * self.b * dy
        return np.concatenate([da, self.s * dy], axis=-1)
