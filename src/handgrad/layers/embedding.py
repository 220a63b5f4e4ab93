"""Codes replaced by rows of a table that is learned."""

from typing import Any

import numpy as np

from handgrad.errors import DataError, positive
from handgrad.initializers import Initializer, initializer_of, random_generator
from handgrad.layers.layer import Array, Layer, floating


class _Table(Layer):
    """A layer whose codes are rows of a table: a net refuses others, of which NumPy takes −1."""

    integer_input = True
    n_values: int
    n_codes: int
    n_numbers: int

    def check_input(self, x: Any) -> None:
        if len(x) == 0:
            return
        codes = x.reshape(len(x), -1, self.n_numbers + self.n_codes)[:, :, self.n_numbers :]
        low, high = int(codes.min()), int(codes.max())
        if low < 0 or high >= self.n_values:
            raise DataError(
                f"codes from {low} to {high} came in",
                f"whole numbers from 0 to {self.n_values - 1}",
                "number the categories from 0, or a larger table",
            )


class Embedding(_Table):
    """Replaces each code, a whole number from 0 on, by a row of a table; numbers before them pass.

    forward     y = [x  E[c₁]  E[c₂] …], where x are the numbers of a row and c its codes
    backward    dx as dy has it, 0 for codes      dE[c] = Σ dy, over all places where c stands
    shapes      x, dx (n, n_numbers + n_codes), numbers first; whole numbers too, if all are codes
                y, dy (n, n_numbers + n_codes · size)    E, dE (n_values, size)
    source      Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", 2003

    Codes that mean different things count on: 0 to 4 in the first column, 5 to 9 in the second.
    E begins as `initializer` draws it: normal, standard deviation 1/√size, rows of length 1 or so.

    >>> embedding = Embedding(3, 2, n_numbers=1, dtype=np.float64)
    >>> embedding.E = [[1, 2], [3, 4], [5, 6]]
    >>> embedding.forward(np.array([[0.5, 2.0], [0.25, 0.0]]))     # E[2], E[0]
    array([[0.5 , 5.  , 6.  ],
           [0.25, 1.  , 2.  ]])
    >>> embedding.backward(np.array([[7.0, 8.0, 9.0], [1.0, 1.0, 1.0]]))
    array([[7., 0.],
           [1., 0.]])
    >>> embedding.dE
    array([[1., 1.],
           [0., 0.],
           [8., 9.]])
    """

    param_names = ("E",)

    def __init__(
        self,
        n_values: int,
        size: int,
        *,
        n_codes: int = 1,
        n_numbers: int = 0,
        initializer: str | Initializer = "lecun_normal",
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        _check_sizes(n_values, size, n_codes, n_numbers)
        self.n_values, self.size, self.dtype = int(n_values), int(size), floating(dtype)
        self.n_codes, self.n_numbers = int(n_codes), int(n_numbers)
        self.n_in, self.n_out = n_numbers + n_codes, n_numbers + n_codes * size
        E = initializer_of(initializer)((n_values, size), random_generator(rng))
        self.E = np.asarray(E).astype(dtype)

    def forward(self, x: Array) -> Array:
        self.c = x[:, self.n_numbers :].astype(np.int64)
        rows = self.E[self.c].reshape(len(x), self.n_codes * self.size)
        return np.concatenate([x[:, : self.n_numbers].astype(self.E.dtype), rows], axis=1)

    def backward(self, dy: Array) -> Array:
        slopes = dy[:, self.n_numbers :].reshape(len(dy), self.n_codes, self.size)
        dE = np.zeros_like(self.E)
        np.add.at(dE, self.c, slopes)
        self.dE = dE
        return np.concatenate([dy[:, : self.n_numbers], np.zeros_like(slopes[:, :, 0])], axis=1)


class EnsembleEmbedding(_Table):
    """An `Embedding` for each of several members, each with features and a table of its own.

    forward     y[i, m] = [x[i, m]  E[m, c₁]  E[m, c₂] …], where c are the codes of row i for m
    backward    dx as dy has it, 0 for codes      dE[m, c] = Σ dy, over all places where c stands
    shapes      x, dx (n, n_members · (n_numbers + n_codes))
                y, dy (n, n_members · (n_numbers + n_codes · size)), member after member
                E, dE (n_members, n_values, size)
    source      Guo, Berkhahn, "Entity embeddings of categorical variables", 2016

    >>> embedding = EnsembleEmbedding(2, 1, 2, dtype=np.float64)
    >>> embedding.E = [[[1], [2]], [[3], [4]]]
    >>> embedding.forward(np.array([[1.0, 0.0]]))                  # E[0, 1], E[1, 0]
    array([[2., 3.]])
    >>> embedding.backward(np.array([[5.0, 6.0]]))
    array([[0., 0.]])
    >>> embedding.dE.tolist()
    [[[0.0], [5.0]], [[6.0], [0.0]]]
    """

    param_names = ("E",)

    def __init__(
        self,
        n_values: int,
        size: int,
        n_members: int,
        *,
        n_codes: int = 1,
        n_numbers: int = 0,
        initializer: str | Initializer = "lecun_normal",
        rng: Any = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        _check_sizes(n_values, size, n_codes, n_numbers)
        positive("n_members", n_members, whole=True)
        self.n_values, self.size, self.n_members = int(n_values), int(size), int(n_members)
        self.n_codes, self.n_numbers, self.dtype = int(n_codes), int(n_numbers), floating(dtype)
        self.n_in: int = n_members * (n_numbers + n_codes)
        self.n_out: int = n_members * (n_numbers + n_codes * size)
        E = initializer_of(initializer)((n_members * n_values, size), random_generator(rng))
        self.E = np.asarray(E).reshape(n_members, n_values, size).astype(dtype)

    def forward(self, x: Array) -> Array:
        x = x.reshape(len(x), self.n_members, self.n_numbers + self.n_codes)
        self.c = x[:, :, self.n_numbers :].astype(np.int64)
        m = np.arange(self.n_members)[:, None]
        rows = self.E[m, self.c].reshape(len(x), self.n_members, self.n_codes * self.size)
        u = np.concatenate([x[:, :, : self.n_numbers].astype(self.E.dtype), rows], axis=2)
        return u.reshape(len(x), self.n_out)

    def backward(self, dy: Array) -> Array:
        du = dy.reshape(len(dy), self.n_members, self.n_numbers + self.n_codes * self.size)
        slopes = du[:, :, self.n_numbers :].reshape(*self.c.shape, self.size)
        dE = np.zeros_like(self.E)
        m = np.arange(self.n_members)[:, None]
        np.add.at(dE, (m, self.c), slopes)
        self.dE = dE
        dx = np.concatenate([du[:, :, : self.n_numbers], np.zeros_like(slopes[..., 0])], axis=2)
        return dx.reshape(len(dy), self.n_in)


def _check_sizes(n_values: int, size: int, n_codes: int, n_numbers: int) -> None:
    positive("n_values", n_values, whole=True)
    positive("size", size, whole=True)
    positive("n_codes", n_codes, whole=True)
    if n_numbers != 0:
        positive("n_numbers", n_numbers, whole=True)
