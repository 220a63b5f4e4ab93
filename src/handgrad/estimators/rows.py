"""Rows as an engine takes them: dense at once, or sparse ones batch by batch."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_sample_weight

from handgrad.layers import Array
from handgrad.net import Net
from handgrad.net.minibatches import batches

MOST_AT_ONCE = 2**30  # bytes that sparse rows may take when all are made dense
PREDICTED_AT_ONCE = 1024


ClassWeight = dict[Any, float] | list[dict[Any, float]] | str | None  # labels are of any type


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy's, with rows to be taken."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns it has."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of its numbers."""

    def tocsr(self) -> "SparseMatrix":
        """The same, row by row."""

    def toarray(self, order: str = ...) -> Array:
        """The same, dense."""

    def __getitem__(self, rows: Array | slice, /) -> "SparseMatrix":
        """Some of the rows."""


@dataclass(frozen=True)
class Weighted:
    """Rows to fit, dense or sparse, their targets (n, k), their weights, those of their classes.

    The weights of classes count in the loss alone, those of rows in scores too.
    """

    X: Array | SparseMatrix
    y: Array
    w: Array | None
    of_class: Array | None

    @property
    def in_loss(self) -> Array | None:
        """The weight of each row in the loss; None where all count the same."""
        if self.w is None or self.of_class is None:
            return self.of_class if self.w is None else self.w
        return self.w * self.of_class


def weights_of_classes(class_weight: ClassWeight, labels: Array, as_in: Array | None) -> Array:
    """The weight of each row for its class; classes are balanced as they are among `as_in`."""
    if as_in is None or class_weight != "balanced":
        w: Array = compute_sample_weight(class_weight, labels)
        return w
    both = np.concatenate([as_in, labels])
    return compute_sample_weight("balanced", both, indices=range(len(as_in)))[len(as_in) :]


class SparseRows:
    """Sparse rows that are made dense when they are asked for: a batch at a time."""

    def __init__(self, matrix: SparseMatrix, dtype: npt.DTypeLike) -> None:
        self.matrix, self.dtype = matrix.tocsr(), dtype

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __getitem__(self, rows: Array | slice) -> Array:
        return self.matrix[rows].toarray(order="C").astype(self.dtype, copy=False)


def rows_of(X: Array | SparseMatrix, dtype: npt.DTypeLike) -> Array | SparseRows:
    """The rows of `X`, dense or sparse, in that type; sparse ones stay so where they are too many.

    A gigabyte of sparse rows is made dense at once.
    """
    if isinstance(X, np.ndarray):
        return np.ascontiguousarray(X, dtype)
    rows = SparseRows(X, dtype)
    n, width = X.shape
    return rows if n * width * np.dtype(dtype).itemsize > MOST_AT_ONCE else rows[:]


def predicted(net: Net, x: Array | SparseRows) -> Array:
    """The output of the net for all rows of `x`."""
    if not isinstance(x, SparseRows):
        return net.predict(x)
    return np.concatenate([net.predict(x[rows]) for rows in batches(len(x), PREDICTED_AT_ONCE)])
