"""Embeddings: codes replaced by rows of a learned table."""

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import DataError, SettingError, positive
from handgrad.textbook.layers.ensemble import EnsembleLayer
from handgrad.textbook.layers.initializers import Initializer, RandomSource, initial_weights
from handgrad.textbook.layers.layer import Layer, Shape, floating
from handgrad.textbook.module import Array


class Embedding(Layer):
    """Embedding: replaces each code, a whole number from 0, by its row of a learned table.

    forward     y = E[c], 0 where c is the padding index
    backward    dE[c] = Σ dy over all positions of the code c, 0 for the padding index; no dc
    shapes      c (n, …) of whole numbers    y, dy (n, …, size)    E, dE (n_values, size)
    source      Bengio, Ducharme, Vincent, Jauvin, "A neural probabilistic language model", 2003

    `n_values` is the number of codes, `size` the length of a row. `initializer` draws E (normal,
    standard deviation 1/√size, unless given). `rng` is a seed or a generator, `dtype` float32 or
    float64. For the columns of a table there is `TabularEmbedding`.

    `padding` is the padding index, a code that brings sequences to one length. Its row stays 0, and
    the net passes the mask of the other positions to attention, pooling, recurrent layers and the
    loss.

    >>> embedding = Embedding(3, 2, dtype=np.float64)
    >>> embedding.E = [[1, 2], [3, 4], [5, 6]]
    >>> embedding.forward(np.array([[2, 0]]))                      # E[2], E[0]
    array([[[5., 6.],
            [1., 2.]]])
    >>> embedding.backward(np.array([[[8.0, 9.0], [1.0, 1.0]]]))
    >>> embedding.dE
    array([[1., 1.],
           [0., 0.],
           [8., 9.]])
    """

    param_names = ("E",)
    integer_input = True
    shape_in: Shape = (...,)

    def __init__(
        self,
        n_values: int,
        size: int,
        *,
        padding: int | None = None,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        positive("n_values", n_values, whole=True)
        positive("size", size, whole=True)
        if padding is not None and padding not in range(n_values):
            raise SettingError(
                f"padding={padding!r}", f"one of the codes, 0 to {n_values - 1}", "padding=0"
            )
        self.n_values, self.size, self.dtype = int(n_values), int(size), floating(dtype)
        self.padding = padding
        self.E = initial_weights(initializer, (n_values, size), rng, dtype)
        if padding is not None:
            self.E[padding] = 0

    def shape_out(self, shape_in: Shape) -> Shape:
        """The shape of the codes, `shape_in`, with an axis of `size` added."""
        return (*shape_in, self.size)

    def check_input(self, x: Array) -> None:
        """Raise DataError unless the codes `x` are whole numbers with a row in the table."""
        if x.dtype.kind not in "iu":
            raise DataError(
                f"codes of type {x.dtype}", "whole numbers", "x.astype(int)", repr(self)
            )
        check_codes(x, self.n_values)

    def forward(self, c: Array) -> Array:
        self.c = c
        return at_values(self.E[c], c, self.padding)

    def backward(self, dy: Array) -> None:
        dE = np.zeros_like(self.E)
        np.add.at(dE, self.c, at_values(dy, self.c, self.padding))
        self.dE = dE

    def mask_out(self, x: Array, mask: Array | None) -> Array | None:
        """The mask of the output: True where the codes `x` are not the padding index."""
        return mask if self.padding is None else x != self.padding


def at_values(y: Array, c: Array, padding: int | None) -> Array:
    """Return `y` (n, …, size) with 0 where the codes `c` are the padding index."""
    return y if padding is None else np.where((c != padding)[..., None], y, 0)


class TabularEmbedding(Layer):
    """Embedding of a table's codes; the numbers before them pass unchanged.

    forward     y = [x  E[c₁]  E[c₂] …], where x are the numbers of a row and c its codes
    backward    dx as dy has it, 0 for codes      dE[c] = Σ dy over all positions of the code c
    shapes      x, dx (n, n_numbers + n_codes), numbers first; whole numbers too, if all are codes
                y, dy (n, n_numbers + n_codes · size)    E, dE (n_values, size)
    source      Guo, Berkhahn, "Entity embeddings of categorical variables", 2016

    Codes that mean different things count on: 0 to 4 in the first column, 5 to 9 in the second.
    Embeddings of all codes lie side by side in one axis, behind the numbers. E is drawn by
    `initializer` with `rng`, in `dtype`.

    >>> embedding = TabularEmbedding(3, 2, n_numbers=1, dtype=np.float64)
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
    integer_input = True
    ndim = 2

    def __init__(
        self,
        n_values: int,
        size: int,
        *,
        n_codes: int = 1,
        n_numbers: int = 0,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        _check_sizes(n_values, size, n_codes, n_numbers)
        self.n_values, self.size, self.dtype = int(n_values), int(size), floating(dtype)
        self.n_codes, self.n_numbers = int(n_codes), int(n_numbers)
        self.n_in, self.n_out = n_numbers + n_codes, n_numbers + n_codes * size
        self.E = initial_weights(initializer, (n_values, size), rng, dtype)

    def check_input(self, x: Array) -> None:
        """Refuse codes that the table has no row for."""
        super().check_input(x)
        check_codes(x[:, self.n_numbers :], self.n_values)

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


class EnsembleEmbedding(EnsembleLayer):
    """Tabular embeddings of several ensemble members: each has features and a table of its own.

    forward     y[i, m] = [x[i, m]  E[m, c₁]  E[m, c₂] …], where c are the codes of row i for m
    backward    dx as dy has it, 0 for codes      dE[m, c] = Σ dy over all positions of the code c
    shapes      x, dx (n, n_members, n_numbers + n_codes)
                y, dy (n, n_members, n_numbers + n_codes · size)
                E, dE (n_members, n_values, size)
    source      Guo, Berkhahn, "Entity embeddings of categorical variables", 2016

    Each member's E is drawn by `initializer` with `rng`, in `dtype`.

    >>> embedding = EnsembleEmbedding(2, 1, 2, dtype=np.float64)
    >>> embedding.E = [[[1], [2]], [[3], [4]]]
    >>> embedding.forward(np.array([[[1.0], [0.0]]]))              # E[0, 1], E[1, 0]
    array([[[2.],
            [3.]]])
    >>> embedding.backward(np.array([[[5.0], [6.0]]]))
    array([[[0.],
            [0.]]])
    >>> embedding.dE.tolist()
    [[[0.0], [5.0]], [[6.0], [0.0]]]
    """

    param_names = ("E",)
    integer_input = True

    def __init__(
        self,
        n_values: int,
        size: int,
        n_members: int,
        *,
        n_codes: int = 1,
        n_numbers: int = 0,
        initializer: str | Initializer = "lecun_normal",
        rng: int | RandomSource | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        super().__init__(n_numbers + n_codes, n_numbers + n_codes * size, n_members)
        _check_sizes(n_values, size, n_codes, n_numbers)
        self.n_values, self.size, self.dtype = int(n_values), int(size), floating(dtype)
        self.n_codes, self.n_numbers = int(n_codes), int(n_numbers)
        E = initial_weights(initializer, (n_members * n_values, size), rng, dtype)
        self.E = E.reshape(n_members, n_values, size)

    def check_input(self, x: Array) -> None:
        """Refuse codes that the tables have no row for."""
        super().check_input(x)
        check_codes(x[:, :, self.n_numbers :], self.n_values)

    def forward(self, x: Array) -> Array:
        self.c = x[:, :, self.n_numbers :].astype(np.int64)  # (n, n_members, n_codes)
        m = np.arange(self.n_members)[:, None]
        rows = self.E[m, self.c]  # (n, n_members, n_codes, size)
        rows = rows.reshape(len(x), self.n_members, self.n_codes * self.size)
        return np.concatenate([x[:, :, : self.n_numbers].astype(self.E.dtype), rows], axis=2)

    def backward(self, dy: Array) -> Array:
        slopes = dy[:, :, self.n_numbers :].reshape(*self.c.shape, self.size)
        dE = np.zeros_like(self.E)
        m = np.arange(self.n_members)[:, None]
        np.add.at(dE, (m, self.c), slopes)
        self.dE = dE
        return np.concatenate([dy[:, :, : self.n_numbers], np.zeros_like(slopes[..., 0])], axis=2)


def check_codes(codes: Array, n_values: int) -> None:
    """Raise DataError unless all codes are in 0 … n_values − 1; NumPy would accept −1."""
    if codes.size == 0:
        return
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= n_values:
        raise DataError(
            f"codes from {low} to {high}",
            f"whole numbers from 0 to {n_values - 1}",
            "number the categories from 0, or a larger table",
        )


def _check_sizes(n_values: int, size: int, n_codes: int, n_numbers: int) -> None:
    positive("n_values", n_values, whole=True)
    positive("size", size, whole=True)
    positive("n_codes", n_codes, whole=True)
    if n_numbers != 0:
        positive("n_numbers", n_numbers, whole=True)
