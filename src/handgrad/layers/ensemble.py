"""Nets side by side, that are trained in the steps of one."""

from typing import Any

import numpy as np

from handgrad.errors import positive
from handgrad.initializers import Initializer, initializer_of, random_generator
from handgrad.layers.layer import Array, Layer, floating


class EnsembleLinear(Layer):
    """A `Linear` for each of several members, each with features and weights of its own.

    forward     z[i, m] = W[m] x[i, m] + b[m]
    backward    dx[i, m] = dz[i, m] W[m]    dW[m] = Σᵢ dz[i, m]ᵀ x[i, m]    db[m] = Σᵢ dz[i, m]
    shapes      x, dx (n, n_members · member_in)    z, dz (n, n_members · member_out),
                member after member
                W, dW (n_members, member_out, member_in)    b, db (n_members, member_out)
    source      Hansen, Salamon, "Neural network ensembles", 1990

    So many nets are trained in the steps of one. Each member's W begins as `initializer` draws
    it, b as zeros.

    >>> linear = EnsembleLinear(1, 1, 2)
    >>> linear.W, linear.b = [[[2]], [[3]]], [[0], [1]]
    >>> linear.forward(np.array([[10.0, 100.0]]))                  # 2·10 + 0, 3·100 + 1
    array([[ 20., 301.]])
    >>> linear.backward(np.array([[1.0, 5.0]]))                    # 2·1, 3·5
    array([[ 2., 15.]])
    >>> linear.dW.ravel(), linear.db.ravel()                       # 1·10, 5·100; 1, 5
    (array([ 10., 500.]), array([1., 5.]))
    """

    param_names = ("W", "b")

    def __init__(
        self,
        member_in: int,
        member_out: int,
        n_members: int,
        *,
        initializer: str | Initializer = "lecun_normal",
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        positive("member_in", member_in, whole=True)
        positive("member_out", member_out, whole=True)
        positive("n_members", n_members, whole=True)
        self.member_in, self.member_out = int(member_in), int(member_out)
        self.n_members, self.dtype = int(n_members), floating(dtype)
        self.n_in, self.n_out = n_members * self.member_in, n_members * self.member_out
        W = initializer_of(initializer)((self.n_out, member_in), random_generator(rng))
        self.W = W.reshape(n_members, member_out, member_in).astype(dtype)
        self.b = np.zeros((n_members, member_out), dtype)

    def forward(self, x: Array) -> Array:
        self.x = x.reshape(len(x), self.n_members, self.member_in)
        u = np.einsum("nmi,moi->nmo", self.x, self.W, optimize=True) + self.b
        return u.reshape(len(x), self.n_out)

    def backward(self, dz: Array) -> Array:
        du = dz.reshape(len(dz), self.n_members, self.member_out)
        self.dW = np.einsum("nmo,nmi->moi", du, self.x, optimize=True)
        self.db = du.sum(axis=0)
        return np.einsum("nmo,moi->nmi", du, self.W, optimize=True).reshape(len(dz), self.n_in)
