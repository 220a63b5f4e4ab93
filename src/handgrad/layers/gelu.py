"""GELU in both its forms, and the error function it is made of, which NumPy has not."""

import numpy as np

from handgrad.layers.layer import Array, Layer

# For erf: cos nθ summed over a grid of 2 M angles gives the coefficients of a polynomial.
N = 36
L, M = (N / 2**0.5) ** 0.5, 2 * N
THETA = np.pi * np.arange(1 - M, M) / M
T = L * np.tan(THETA / 2)
COSINES = np.cos(np.outer(np.arange(N, 0, -1), THETA))
A: list[float] = (COSINES @ (np.exp(-(T**2)) * (L**2 + T**2)) / (2 * M)).tolist()


def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ e^(−t²) dt, to the last digits of float64.

    For x ≥ 0, erf x = 1 − e^(−x²) (1/√π + 2 p/(L + x)) / (L + x), where p is a polynomial in
    (L − x)/(L + x) with the coefficients A. For x < 0, erf x = −erf(−x).

    Weideman, "Computation of the complex error function", SIAM Journal on Numerical Analysis
    31 (1994): his rational series for w(z), at z = ix.

    >>> erf(np.array([0.0, 1.0, -9.0])).round(12)
    array([ 0.        ,  0.84270079, -1.        ])
    """
    size = np.minimum(np.abs(x), 9)  # where it is 1 for long, and nothing overflows yet
    s, p = (L - size) / (L + size), A[0]
    for a in A[1:]:
        p = p * s + a
    rest = np.exp(-size * size) * (1 / np.pi**0.5 + 2 * p / (L + size)) / (L + size)
    return np.sign(x) * (1 - rest)


class GELU(Layer):
    """Lets each number through as far as it is larger than a normal random one would be.

    forward     y = x q,  q = (1 + erf(x/√2))/2, the probability of a smaller normal number
    backward    dx = (q + x e^(−x²/2)/√(2π)) dy
    shapes      any; x, y, dy and dx alike
    source      Hendrycks, Gimpel, "Gaussian error linear units", 2016

    >>> gelu = GELU()
    >>> gelu.forward(np.array([[0.0, 20.0, -20.0]])) + 0.0         # shares ½, 1 and 0
    array([[ 0., 20.,  0.]])
    >>> gelu.backward(np.array([[8.0, 8.0, 8.0]])).round(12) + 0.0
    array([[4., 8., 0.]])
    """

    keeps_shape = True

    def forward(self, x: Array) -> Array:
        self.x, self.q = x, (1 + erf(x * 0.5**0.5)) / 2
        return self.x * self.q

    def backward(self, dy: Array) -> Array:
        return (self.q + self.x * np.exp(-self.x * self.x / 2) / (2 * np.pi) ** 0.5) * dy


class GELUTanh(Layer):
    """GELU as it was often computed, by a tanh: PyTorch's `GELU(approximate="tanh")`.

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

    keeps_shape = True

    def forward(self, x: Array) -> Array:
        u = (2 / np.pi) ** 0.5 * (x + 0.044715 * x**3)
        self.x, self.q = x, (1 + np.tanh(u)) / 2
        return self.x * self.q

    def backward(self, dy: Array) -> Array:
        slope = (2 / np.pi) ** 0.5 * (1 + 3 * 0.044715 * self.x**2)
        return (self.q + 2 * self.x * self.q * (1 - self.q) * slope) * dy
