"""GELU activations: the exact one and its tanh approximation."""

import numpy as np

from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array
from handgrad.textbook.special_functions import erf


class GELU(Layer):
    """GELU activation: each number times the probability that a normal random number is smaller.

    forward     y = x q,  q = (1 + erf(x/√2))/2, the probability of a smaller normal number
    backward    dx = (q + x e^(−x²/2)/√(2π)) dy
    shapes      any; x, y, dy and dx alike
    source      Hendrycks, Gimpel, "Gaussian error linear units", 2016

    >>> gelu = GELU()
    >>> gelu.forward(np.array([[0.0, 20.0, -20.0]])) + 0.0         # q is ½, 1 and 0
    array([[ 0., 20.,  0.]])
    >>> gelu.backward(np.array([[8.0, 8.0, 8.0]])).round(12) + 0.0
    array([[4., 8., 0.]])
    """

    def forward(self, x: Array) -> Array:
        self.x = x
        self.q = (1 + erf(x * 0.5**0.5)) / 2
        return self.x * self.q

    def backward(self, dy: Array) -> Array:
        return (self.q + self.x * np.exp(-self.x * self.x / 2) / (2 * np.pi) ** 0.5) * dy


class GELUTanh(Layer):
    """GELU activation by its tanh approximation: PyTorch's `GELU(approximate="tanh")`.

    forward     y = x q,  q = (1 + tanh u)/2,  u = √(2/π) (x + 0.044715 x³)
    backward    dx = (q + 2 x q (1 − q) √(2/π) (1 + 3 · 0.044715 x²)) dy
    shapes      any; x, y, dy and dx alike
    source      Hendrycks, Gimpel, "Gaussian error linear units", 2016, section 2

    >>> gelu = GELUTanh()
    >>> gelu.forward(np.array([[0.0, 20.0, -20.0]])) + 0.0
    array([[ 0., 20.,  0.]])
    >>> gelu.backward(np.array([[8.0, 8.0, 8.0]])) + 0.0
    array([[4., 8., 0.]])
    """

    def forward(self, x: Array) -> Array:
        u = (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)
        self.x, self.q = x, (1 + np.tanh(u)) / 2
        return self.x * self.q

    def backward(self, dy: Array) -> Array:
        slope = (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * self.x**2)
        return (self.q + 2 * self.x * self.q * (1 - self.q) * slope) * dy
