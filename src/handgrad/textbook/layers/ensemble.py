"""Ensemble layers: nets side by side, along an axis of members, trained in the steps of one."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import positive
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class EnsembleLayer(Layer):
    """Base of ensemble layers: inputs of several members, (n, n_members, features)."""

    ndim = 3
    n_in: int
    n_out: int

    def __init__(self, n_in: int, n_out: int, n_members: int) -> None:
        super().__init__()
        positive("n_in", n_in, whole=True)
        positive("n_out", n_out, whole=True)
        positive("n_members", n_members, whole=True)
        self.n_in, self.n_out, self.n_members = int(n_in), int(n_out), int(n_members)

    @property
    def shape_in(self) -> Shape:
        """The features of each member: (n_members, n_in)."""
        return self.n_members, self.n_in


class EnsembleLinear(EnsembleLayer):
    """Linear layers of several ensemble members: each has features and weights of its own.

    forward     z[i, m] = W[m] x[i, m] + b[m]
    backward    dx[i, m] = dz[i, m] W[m]    dW[m] = Σᵢ dz[i, m]ᵀ x[i, m]    db[m] = Σᵢ dz[i, m]
    shapes      x, dx (n, n_members, n_in)    z, dz (n, n_members, n_out)
                W, dW (n_members, n_out, n_in)    b, db (n_members, n_out)
    source      Hansen, Salamon, "Neural network ensembles", 1990

    `n_members` nets train in the steps of one. Each W is drawn by `initializer` with `rng`,
    in `dtype`; b starts as zeros.

    >>> linear = EnsembleLinear(1, 1, 2)
    >>> linear.W, linear.b = [[[2]], [[3]]], [[0], [1]]
    >>> linear.forward(np.array([[[10.0], [100.0]]]))              # 2·10 + 0, 3·100 + 1
    array([[[ 20.],
            [301.]]])
    >>> linear.backward(np.array([[[1.0], [5.0]]]))                # 2·1, 3·5
    array([[[ 2.],
            [15.]]])
    >>> linear.dW.ravel(), linear.db.ravel()                       # 1·10, 5·100; 1, 5
    (array([ 10., 500.]), array([1., 5.]))
    """

    param_names = ("W", "b")

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_members: int,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(n_in, n_out, n_members)
        self.dtype = floating(dtype)
        W = initial_weights(initializer, (n_members * n_out, n_in), rng, dtype)
        self.W = W.reshape(n_members, n_out, n_in)
        self.b = np.zeros((n_members, n_out), dtype)

    def forward(self, x: Array) -> Array:
        self.x = x
        return np.einsum("nmi,moi->nmo", x, self.W, optimize=True) + self.b

    def backward(self, dz: Array) -> Array:
        self.dW = np.einsum("nmo,nmi->moi", dz, self.x, optimize=True)
        self.db = dz.sum(axis=0)
        return np.einsum("nmo,moi->nmi", dz, self.W, optimize=True)
