"""Rows for an engine: dense, or sparse and densified batch by batch."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import sparray, spmatrix

from handgrad.engines.dispatch import EngineName
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import batches
from handgrad.textbook.net.sparse_rows import SparseRows

MOST_AT_ONCE = 2**30  # bytes of sparse rows that are densified at once
PREDICTED_AT_ONCE = 1024

Rows: TypeAlias = Array | sparray | spmatrix


@dataclass(frozen=True)
class Weighted:
    """Rows to fit, dense or sparse, with targets (n, k), row weights, and class weights.

    Class weights count only in the loss, row weights also in scores.
    """

    X: Rows
    y: Array
    w: Array | None
    of_class: Array | None

    @property
    def in_loss(self) -> Array | None:
        """Weight of each row in the loss; None if all are equal."""
        if self.w is None or self.of_class is None:
            return self.of_class if self.w is None else self.w
        return self.w * self.of_class


def rows_of(X: Rows, dtype: npt.DTypeLike) -> Array | SparseRows:
    """Rows of `X`, dense or sparse, in this type.

    Sparse rows up to a gigabyte are densified at once; larger ones stay sparse.
    """
    if isinstance(X, np.ndarray):
        return np.ascontiguousarray(X, dtype)
    rows = SparseRows(X, dtype)
    n, width = X.shape
    return rows if n * width * np.dtype(dtype).itemsize > MOST_AT_ONCE else rows[:]


def predicted(net: Net, x: Array | SparseRows, engine: EngineName) -> Array:
    """Output of the net for all rows of `x`; for sparse rows in the eager engine."""
    if not isinstance(x, SparseRows):
        return net.predict(x, engine=engine)
    parts = [net.predict(x[rows], engine="eager") for rows in batches(len(x), PREDICTED_AT_ONCE)]
    return np.concatenate(parts)
