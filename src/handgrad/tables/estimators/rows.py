"""Rows as an engine takes them: dense at once, or sparse ones batch by batch."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import sparray, spmatrix

from handgrad.engines.dispatch import EngineName
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import batches

MOST_AT_ONCE = 2**30  # bytes that sparse rows may take when all are made dense
PREDICTED_AT_ONCE = 1024

Rows: TypeAlias = Array | sparray | spmatrix


@dataclass(frozen=True)
class Weighted:
    """Rows to fit, dense or sparse, their targets (n, k), their weights, those of their classes.

    The weights of classes count in the loss alone, those of rows in scores too.
    """

    X: Rows
    y: Array
    w: Array | None
    of_class: Array | None

    @property
    def in_loss(self) -> Array | None:
        """The weight of each row in the loss; None where all count the same."""
        if self.w is None or self.of_class is None:
            return self.of_class if self.w is None else self.w
        return self.w * self.of_class


class SparseRows:
    """Sparse rows that are made dense when they are asked for: a batch at a time."""

    def __init__(self, matrix: sparray | spmatrix, dtype: npt.DTypeLike) -> None:
        self.matrix, self.dtype = matrix.tocsr(), dtype

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __getitem__(self, rows: Array | slice) -> Array:
        dense: Array = self.matrix[rows].toarray(order="C")
        return dense.astype(self.dtype, copy=False)


def rows_of(X: Rows, dtype: npt.DTypeLike) -> Array | SparseRows:
    """The rows of `X`, dense or sparse, in that type; sparse ones stay so where they are too many.

    A gigabyte of sparse rows is made dense at once.
    """
    if isinstance(X, np.ndarray):
        return np.ascontiguousarray(X, dtype)
    rows = SparseRows(X, dtype)
    n, width = X.shape
    return rows if n * width * np.dtype(dtype).itemsize > MOST_AT_ONCE else rows[:]


def predicted(net: Net, x: Array | SparseRows, engine: EngineName) -> Array:
    """The output of the net for all rows of `x`; sparse ones go through its pages."""
    if not isinstance(x, SparseRows):
        return net.predict(x, engine=engine)
    parts = [net.predict(x[rows], engine="eager") for rows in batches(len(x), PREDICTED_AT_ONCE)]
    return np.concatenate(parts)
