"""Normalization layers: `LayerNorm`, `RMSNorm` over each row, `BatchNorm` over the batch."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError, positive
from handgrad.textbook.layers.axes import leading_axes
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class LayerNorm(Layer):
    """Layer normalization: mean 0 and variance 1 in each row or position, then scale and shift.

    forward     z = (x − mean) r,  r = 1/√(var + eps),  mean and var over the last axis
                y = gamma z + beta
    backward    dgamma = Σ z dy      dbeta = Σ dy      dz = gamma dy, the sums over all leading axes
                dx = r (dz − mean(dz) − z mean(z dz)), the means over the last axis
    shapes      x, z, y, dy, dx (n, …, n_features)    gamma, beta (n_features,)    r (n, …, 1)
    source      Ba, Kiros, Hinton, "Layer normalization", 2016

    `n_features` is the size of the last axis, `eps` a small number that bounds r where the variance
    is 0. gamma starts as ones, beta as zeros. `dtype` is float32 or float64.

    >>> norm = LayerNorm(2, eps=3.0)
    >>> norm.gamma, norm.beta = [4, 2], [0, 10]
    >>> norm.forward(np.array([[1.0, 3.0]]))                       # z = [−1 1]/√(1 + 3)
    array([[-2., 11.]])
    >>> norm.backward(np.array([[1.0, 0.0]]))                      # ½ ([4 0] − 2 − z (−2)/2)
    array([[ 0.75, -0.75]])
    >>> norm.dgamma, norm.dbeta                                    # z · [1 0], [1 0]
    (array([-0.5,  0. ]), array([1., 0.]))
    """

    param_names = ("gamma", "beta")

    def __init__(
        self, n_features: int, *, eps: float = 1e-5, dtype: npt.DTypeLike = np.float32
    ) -> None:
        super().__init__()
        positive("n_features", n_features, whole=True)
        positive("eps", eps)
        self.n_in = self.n_out = int(n_features)
        self.eps, self.dtype = float(eps), floating(dtype)
        self.gamma, self.beta = np.ones(n_features, dtype), np.zeros(n_features, dtype)

    def forward(self, x: Array) -> Array:
        d = x - x.mean(axis=-1, keepdims=True)
        self.r = 1 / np.sqrt((d**2).mean(axis=-1, keepdims=True) + self.eps)
        self.z = d * self.r
        return self.gamma * self.z + self.beta

    def backward(self, dy: Array) -> Array:
        leading = leading_axes(dy)
        self.dgamma, self.dbeta = (self.z * dy).sum(axis=leading), dy.sum(axis=leading)
        dz = self.gamma * dy
        along_z = (self.z * dz).mean(axis=-1, keepdims=True)
        return self.r * (dz - dz.mean(axis=-1, keepdims=True) - self.z * along_z)


class RMSNorm(Layer):
    """RMS normalization: root mean square 1 in each row or position, then a scale.

    forward     z = x r,  r = 1/√(mean(x²) + eps),  the mean over the last axis
                y = gamma z
    backward    dgamma = Σ z dy, the sum over all leading axes      dz = gamma dy
                dx = r (dz − z mean(z dz)), the mean over the last axis
    shapes      x, z, y, dy, dx (n, …, n_features)    gamma (n_features,)    r (n, …, 1)
    source      Zhang, Sennrich, "Root mean square layer normalization", 2019

    A `LayerNorm` without mean and shift. `n_features` is the size of the last axis, `eps` a small
    number that bounds r where x is 0. gamma starts as ones. `dtype` is float32 or float64.

    >>> norm = RMSNorm(2, eps=3.0)
    >>> norm.gamma = [4, 2]
    >>> norm.forward(np.array([[1.0, 1.0]]))                       # z = [1 1]/√(1 + 3)
    array([[2., 1.]])
    >>> norm.backward(np.array([[1.0, 0.0]]))                      # ½ ([4 0] − z (½ · 4)/2)
    array([[ 1.75, -0.25]])
    >>> norm.dgamma                                                # z · [1 0]
    array([0.5, 0. ])
    """

    param_names = ("gamma",)

    def __init__(
        self, n_features: int, *, eps: float = 1e-5, dtype: npt.DTypeLike = np.float32
    ) -> None:
        super().__init__()
        positive("n_features", n_features, whole=True)
        positive("eps", eps)
        self.n_in = self.n_out = int(n_features)
        self.eps, self.dtype = float(eps), floating(dtype)
        self.gamma = np.ones(n_features, dtype)

    def forward(self, x: Array) -> Array:
        self.r = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + self.eps)
        self.z = x * self.r
        return self.gamma * self.z

    def backward(self, dy: Array) -> Array:
        self.dgamma = (self.z * dy).sum(axis=leading_axes(dy))
        dz = self.gamma * dy
        return self.r * (dz - self.z * (self.z * dz).mean(axis=-1, keepdims=True))


class BatchNorm(Layer):
    """Batch normalization: mean 0, variance 1 of each feature over the batch; then scale and shift.

    forward     z = (x − mean) r,  r = 1/√(var + eps),  y = gamma z + beta
                in training mean and var are those of the batch, and update the running ones:
                running ← (1 − m) running + m batch, with m = momentum and the unbiased variance
                var · n/(n − 1); in prediction mean and var are the running ones
    backward    dgamma = Σ z dy      dbeta = Σ dy, the sums over all leading axes
                dx = gamma r (dy − (dbeta + z dgamma)/n); in prediction dx = gamma r dy
    shapes      x, z, y, dy, dx (n, …, n_features)    all others (n_features,)
                with more than two axes n counts the positions of all rows
    source      Ioffe, Szegedy, "Batch normalization: accelerating deep network training by
                reducing internal covariate shift", 2015, algorithms 1 and 2

    `n_features` is the size of the last axis, `momentum` the weight of each batch in the running
    statistics, `eps` a small number that bounds r where the variance is 0. gamma starts as ones,
    beta as zeros. `dtype` is float32 or float64. A training batch needs at least two rows.

    >>> norm = BatchNorm(1, eps=3.0)
    >>> norm.forward(np.array([[1.0], [3.0]]))                     # z = [−1 1]/√(1 + 3)
    array([[-0.5],
           [ 0.5]])
    >>> norm.running_mean, norm.running_var                        # 0.1 · 2, 0.9 + 0.1 · 2
    (array([0.2], dtype=float32), array([1.1], dtype=float32))
    >>> norm.backward(np.array([[8.0], [0.0]]))                    # ½ ([8 0] − (8 − 4 z)/2)
    array([[ 1.5],
           [-1.5]])
    >>> norm.dgamma, norm.dbeta                                    # z · [8 0], 8
    (array([-4.]), array([8.]))
    """

    param_names = ("gamma", "beta")
    state_names = ("running_mean", "running_var")
    min_batch_size = 2

    def __init__(
        self,
        n_features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        positive("n_features", n_features, whole=True)
        positive("eps", eps)
        if not isinstance(momentum, int | float) or not 0 < momentum <= 1:
            raise SettingError(
                f"momentum={momentum!r}",
                "a number above 0, up to 1: the weight of each batch in the running statistics",
                "momentum=0.1",
            )
        self.n_in = self.n_out = int(n_features)
        self.momentum, self.eps, self.dtype = float(momentum), float(eps), floating(dtype)
        self.gamma, self.beta = np.ones(n_features, dtype), np.zeros(n_features, dtype)
        self.running_mean = np.zeros(n_features, dtype)
        self.running_var = np.ones(n_features, dtype)

    def forward(self, x: Array) -> Array:
        if self.training:
            leading, m = leading_axes(x), self.momentum
            n, mean = x.size // x.shape[-1], x.mean(axis=leading)
            var = ((x - mean) ** 2).mean(axis=leading)
            self.running_mean = (1 - m) * self.running_mean + m * mean
            self.running_var = (1 - m) * self.running_var + m * (var * n / (n - 1))
        else:
            mean, var = self.running_mean, self.running_var
        self.r = 1 / np.sqrt(var + self.eps)
        self.z = (x - mean) * self.r
        return self.gamma * self.z + self.beta

    def backward(self, dy: Array) -> Array:
        leading, n = leading_axes(dy), dy.size // dy.shape[-1]
        self.dgamma, self.dbeta = (self.z * dy).sum(axis=leading), dy.sum(axis=leading)
        # in training mean and var depend on x too
        g = dy - (self.dbeta + self.z * self.dgamma) / n if self.training else dy
        return self.gamma * self.r * g


class ChannelsFirst(Layer):
    """Mixin for layers of images, whose features are the channels on axis 1."""

    feature_axis = 1
    ndim = 4
    n_in: int

    @property
    def example_shape(self) -> tuple[int, ...]:
        """An image of two positions, higher than wide."""
        return self.n_in, 2, 1

    def shape_out(self, shape_in: Shape) -> Shape:
        """The shape `shape_in`, unchanged."""
        return shape_in

    def forward(self, x: Array) -> Array:
        y: Array = super().forward(x.transpose(0, 2, 3, 1))
        return y.transpose(0, 3, 1, 2)

    def backward(self, dy: Array) -> Array:
        dx: Array = super().backward(dy.transpose(0, 2, 3, 1))
        return dx.transpose(0, 3, 1, 2)


class BatchNorm2d(ChannelsFirst, BatchNorm):
    """Batch normalization of images: mean 0 and variance 1 of each channel over all positions.

    forward     that of `BatchNorm`, with the channels as features: y = gamma z + beta
    backward    that of `BatchNorm`; the sums and means are over rows, height and width
    shapes      x, z, y, dy, dx (n, n_features, height, width)    all others (n_features,)
    source      Ioffe, Szegedy, "Batch normalization: accelerating deep network training by
                reducing internal covariate shift", 2015, section 3.2

    `n_features` is the number of channels; `momentum`, `eps` and `dtype` are those of `BatchNorm`.

    >>> norm = BatchNorm2d(1, eps=3.0)
    >>> norm.forward(np.array([[[[1.0]]], [[[3.0]]]])).ravel()     # as BatchNorm: one position
    array([-0.5,  0.5])
    >>> norm.backward(np.array([[[[8.0]]], [[[0.0]]]])).ravel()
    array([ 1.5, -1.5])
    """
