"""The non-linearities: without one between them, two linear layers are only one."""

from math import isfinite

import numpy as np

from handgrad.errors import SettingError
from handgrad.layers.layer import Array, Layer


class Tanh(Layer):
    """Squashes every number into (−1, 1), with slope 1 at zero.

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

    keeps_shape = True

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Array) -> Array:
        return (1 - self.y**2) * dy


class ReLU(Layer):
    """Passes what is positive, stops the rest.

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

    keeps_shape = True

    def forward(self, x: Array) -> Array:
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, dy: Array) -> Array:
        return (self.y > 0) * dy


class LeakyReLU(Layer):
    """Passes what is positive, and lets a little of the rest through.

    forward     y = x where x > 0, else a x
    backward    dx = dy where x > 0, else a dy
    shapes      any; x, y, dy and dx alike
    source      Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic
                models", 2013

    >>> leaky = LeakyReLU(0.5)
    >>> leaky.forward(np.array([[-2.0, 4.0]]))
    array([[-1.,  4.]])
    >>> leaky.backward(np.array([[10.0, 10.0]]))
    array([[ 5., 10.]])
    """

    keeps_shape = True

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
    """Turns each number into a probability of its own.

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

    keeps_shape = True
    produces = "probabilities"

    def forward(self, x: Array) -> Array:
        e = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        return self.p

    def backward(self, dp: Array) -> Array:
        return self.p * (1 - self.p) * dp
