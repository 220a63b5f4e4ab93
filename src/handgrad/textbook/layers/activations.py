"""Activation functions: without one between them, two linear layers are a single one."""

from math import isfinite

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.module import Array
from handgrad.textbook.special_functions import erf


class Tanh(Layer):
    """Tanh activation: squashes each number into (−1, 1).

    forward     y = tanh x
    backward    dx = (1 − y²) dy
    shapes      any; x, y, dy and dx alike
    source      LeCun, Bottou, Orr, Müller, "Efficient BackProp", 1998

    >>> tanh = Tanh()
    >>> tanh.forward(np.array([[0.0, 100.0]]))
    array([[0., 1.]])
    >>> tanh.backward(np.array([[3.0, 3.0]]))                      # slopes 1 and 0
    array([[3., 0.]])
    """

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return (1 - self.y**2) * dy


class ReLU(Layer):
    """ReLU activation: passes positive numbers and sets all others to 0.

    forward     y = max(x, 0)
    backward    dx = dy where x > 0, else 0
    shapes      any; x, y, dy and dx alike
    source      Nair, Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010

    >>> relu = ReLU()
    >>> relu.forward(np.array([[-2.0, 0.0, 5.0]]))
    array([[0., 0., 5.]])
    >>> relu.backward(np.array([[1.0, 1.0, 1.0]]))                 # the slope at 0 is taken as 0
    array([[0., 0., 1.]])
    """

    def forward(self, x: Array) -> Array:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: Array) -> Array:
        return (self.y > 0) * dy


class LeakyReLU(Layer):
    """Leaky ReLU activation: multiplies negative numbers by a small slope `a`.

    forward     y = x where x > 0, else a x
    backward    dx = dy where x > 0, else a dy
    shapes      any; x, y, dy and dx alike
    source      Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic
                models", 2013

    `a` is the slope below zero, any finite number.

    >>> leaky = LeakyReLU(0.5)
    >>> leaky.forward(np.array([[-2.0, 4.0]]))
    array([[-1.,  4.]])
    >>> leaky.backward(np.array([[10.0, 10.0]]))
    array([[ 5., 10.]])
    """

    def __init__(self, a: float = 0.01) -> None:
        super().__init__()
        if isinstance(a, bool) or not isinstance(a, int | float) or not isfinite(a):
            raise SettingError(f"a={a!r}", "a finite number, the slope below zero", "a=0.01")
        self.a = float(a)

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.where(x > 0, x, self.a * x)

    def backward(self, dy: Array) -> Array:
        return np.where(self.x > 0, dy, self.a * dy)


class Sigmoid(Layer):
    """Sigmoid activation: maps each number to a probability, independently of the others.

    forward     p = 1 / (1 + e⁻ˣ), written with e^−|x|, which cannot overflow
    backward    dx = p (1 − p) dp
    shapes      any; x, p, dp and dx alike
    source      Bishop, "Pattern Recognition and Machine Learning", 2006, eq. 4.59 and 4.88

    >>> sigmoid = Sigmoid()
    >>> sigmoid.forward(np.array([[0.0, -1000.0]]))
    array([[0.5, 0. ]])
    >>> sigmoid.backward(np.array([[8.0, 8.0]]))                   # ½ · ½ · 8, and 0
    array([[2., 0.]])
    """

    output_kind = Probabilities()

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        return self.p

    def backward(self, dp: Array) -> Array:
        return self.p * (1 - self.p) * dp


class SiLU(Layer):
    """SiLU activation, also called swish: each number times its sigmoid.

    forward     y = x p,  p = 1 / (1 + e⁻ˣ), written with e^−|x|, which cannot overflow
    backward    dx = (p + y (1 − p)) dy
    shapes      any; x, y, dy and dx alike
    source      Elfwing, Uchibe, Doya, "Sigmoid-weighted linear units for neural network function
                approximation in reinforcement learning", 2018

    >>> silu = SiLU()
    >>> silu.forward(np.array([[0.0, 100.0, -1000.0]])) + 0.0      # p is ½, 1 and 0
    array([[  0., 100.,   0.]])
    >>> silu.backward(np.array([[8.0, 8.0, 8.0]])) + 0.0
    array([[4., 8., 0.]])
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1, e) / (1 + e)
        self.y = x * self.p
        return self.y

    def backward(self, dy: Array) -> Array:
        return (self.p + self.y * (1 - self.p)) * dy


class ELU(Layer):
    """ELU activation: passes positive numbers; negative ones approach −a.

    forward     y = x where x > 0, else a (eˣ − 1)
    backward    dx = dy where x > 0, else (y + a) dy
    shapes      any; x, y, dy and dx alike
    source      Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by
                exponential linear units", 2016

    −`a` is the limit for large negative numbers; `a` is any finite number.

    >>> elu = ELU(2)
    >>> elu.forward(np.array([[-1000.0, 0.0, 5.0]]))
    array([[-2.,  0.,  5.]])
    >>> elu.backward(np.array([[10.0, 10.0, 10.0]]))               # slopes 0, a and 1
    array([[ 0., 20., 10.]])
    """

    def __init__(self, a: float = 1.0) -> None:
        super().__init__()
        if isinstance(a, bool) or not isinstance(a, int | float) or not isfinite(a):
            raise SettingError(f"a={a!r}", "a finite number; −a is the limit", "a=1.0")
        self.a = float(a)

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = np.maximum(x, 0) + self.a * np.expm1(np.minimum(x, 0))
        return self.y

    def backward(self, dy: Array) -> Array:
        return np.where(self.x > 0, dy, (self.y + self.a) * dy)


class SELU(Layer):
    """SELU activation: a scaled ELU that keeps mean 0 and variance 1 from layer to layer.

    forward     y = s x where x > 0, else s a (eˣ − 1)
    backward    dx = s dy where x > 0, else (y + s a) dy
    shapes      any; x, y, dy and dx alike
    source      Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks",
                2017, equation 14: a ≈ 1.6733, s ≈ 1.0507, for weights by `lecun_normal`

    >>> selu = SELU()
    >>> selu.forward(np.array([[-1000.0, 0.0, 2.0]])).round(4)     # −s a, 0, 2 s
    array([[-1.7581,  0.    ,  2.1014]])
    >>> selu.backward(np.array([[1.0, 1.0, 1.0]])).round(4)        # slopes 0, s a, s
    array([[0.    , 1.7581, 1.0507]])
    """

    a, s = 1.6732632423543772848, 1.0507009873554804934

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = self.s * (np.maximum(x, 0) + self.a * np.expm1(np.minimum(x, 0)))
        return self.y

    def backward(self, dy: Array) -> Array:
        return np.where(self.x > 0, self.s * dy, (self.y + self.s * self.a) * dy)


class Softplus(Layer):
    """Softplus activation: a smooth ReLU; its derivative is the sigmoid.

    forward     y = log(1 + eˣ), written with e^−|x|, which cannot overflow
    backward    dx = dy / (1 + e⁻ˣ)
    shapes      any; x, y, dy and dx alike
    source      Dugas, Bengio, Bélisle, Nadeau, Garcia, "Incorporating second-order functional
                knowledge for better option pricing", 2001

    >>> softplus = Softplus()
    >>> softplus.forward(np.array([[-1000.0, 1000.0]]))
    array([[   0., 1000.]])
    >>> softplus.backward(np.array([[8.0, 8.0]]))                  # slopes 0 and 1
    array([[0., 8.]])
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1, e) / (1 + e)
        return np.maximum(x, 0) + np.log1p(e)

    def backward(self, dy: Array) -> Array:
        return self.p * dy


class Mish(Layer):
    """Mish activation: each number times the tanh of its softplus.

    forward     y = x t,  t = tanh(log(1 + eˣ)), written with e^−|x|, which cannot overflow
    backward    dx = (t + x (1 − t²) p) dy,  p = 1 / (1 + e⁻ˣ)
    shapes      any; x, y, dy and dx alike
    source      Misra, "Mish: a self regularized non-monotonic activation function", 2020

    >>> mish = Mish()
    >>> mish.forward(np.array([[0.0, 100.0, -1000.0]])) + 0.0      # t is 0.6, 1 and 0
    array([[  0., 100.,   0.]])
    >>> mish.backward(np.array([[5.0, 5.0, 5.0]])).round(12) + 0.0
    array([[3., 5., 0.]])
    """

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        self.x, self.p = x, np.where(x >= 0, 1, e) / (1 + e)
        self.t = np.tanh(np.maximum(x, 0) + np.log1p(e))
        return self.x * self.t

    def backward(self, dy: Array) -> Array:
        return (self.t + self.x * (1 - self.t**2) * self.p) * dy


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
