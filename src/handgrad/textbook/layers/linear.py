"""Linear layer: a weighted sum of its inputs."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import positive
from handgrad.textbook.layers.axes import as_rows
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import Layer, floating
from handgrad.textbook.module import Array


class Linear(Layer):
    """Linear layer: each output is a weighted sum of all inputs plus a bias.

    forward     z = x Wᵀ + b
    backward    dx = dz W      dW = dzᵀ x      db = Σ dz, both summed over all leading axes
    shapes      x, dx (n, …, n_in)    z, dz (n, …, n_out)    W, dW (n_out, n_in)    b, db (n_out,)
    source      Rumelhart, Hinton, Williams, "Learning representations by back-propagating
                errors", 1986

    `n_in` and `n_out` count the input and output features. `initializer` draws W (normal, standard
    deviation 1/√n_in, unless given); b starts as zeros. `rng` is a seed or a generator, `dtype`
    float32 or float64.

    >>> linear = Linear(2, 1)
    >>> linear.W, linear.b = [[3, 4]], [5]
    >>> linear.forward(np.array([[1.0, 10.0]]))                    # 3·1 + 4·10 + 5
    array([[48.]])
    >>> linear.backward(np.array([[2.0]]))                         # 2·[3 4]
    array([[6., 8.]])
    >>> linear.dW, linear.db                                       # 2·[1 10], 2
    (array([[ 2., 20.]]), array([2.]))
    """

    param_names = ("W", "b")

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        positive("n_in", n_in, whole=True)
        positive("n_out", n_out, whole=True)
        self.n_in, self.n_out, self.dtype = int(n_in), int(n_out), floating(dtype)
        self.W = initial_weights(initializer, (n_out, n_in), rng, dtype)
        self.b = np.zeros(n_out, dtype)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.W.T + self.b

    def backward(self, dz: Array) -> Array:
        dz_rows, x_rows = as_rows(dz), as_rows(self.x)  # (n · …, n_out), (n · …, n_in)
        self.dW = dz_rows.T @ x_rows
        self.db = dz_rows.sum(axis=0)
        return dz @ self.W
