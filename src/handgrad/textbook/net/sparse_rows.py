"""Sparse rows: made dense a batch at a time."""

from typing import Any, Protocol, Self, TypeGuard

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import DataError, ShapeError
from handgrad.textbook.layers import Array, Layer, shape_inference


class SparseMatrix(Protocol):
    """Sparse array or matrix of SciPy, which the textbook does not need."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""

    def tocsr(self) -> Any:
        """The same numbers in CSR format."""


class SparseRows:
    """Rows of a sparse matrix of SciPy, (n, k).

    Indexing returns dense arrays; NumPy's conversion to an array makes all rows dense.

    Parameters
    ----------
    matrix : sparse array or matrix, (n, k)
        Of any format; those other than CSR are converted.
    dtype : dtype
        Type of the dense rows.
    """

    ndim = 2

    def __init__(self, matrix: SparseMatrix, dtype: npt.DTypeLike) -> None:
        if matrix.ndim != 2:
            raise ShapeError(
                f"a sparse array of shape {matrix.shape}",
                "rows of shape (n, k)",
                "x.reshape(1, -1)",
            )
        if matrix.dtype.kind not in "fiub":
            raise DataError(
                f"a sparse array of type {matrix.dtype}", "numbers", "x.astype(np.float32)"
            )
        self.matrix, self.dtype = matrix.tocsr(), np.dtype(dtype)
        self.shape: tuple[int, int] = self.matrix.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array | slice) -> Array:
        dense: Array = self.matrix[rows].toarray(order="C")
        with np.errstate(over="ignore"):
            return dense.astype(self.dtype, copy=False)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def row_bytes(self) -> int:
        """Bytes of a dense row."""
        return max(1, self.shape[1]) * self.dtype.itemsize

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """Numbers, their columns, and where the numbers of each row begin."""
        return self.matrix.data, self.matrix.indices, self.matrix.indptr

    def select(self, rows: Array) -> Self:
        """Some of the rows, by index or mask, still sparse."""
        return type(self)(self.matrix[rows], self.dtype)

    def first_not_finite(self) -> tuple[int, int] | None:
        """Row and column of the first number that is not finite in `dtype`; None if all are."""
        data = self.matrix.data
        with np.errstate(over="ignore"):
            bad = np.flatnonzero(~np.isfinite(data.astype(self.dtype, copy=False)))
        if not len(bad):
            return None
        row = np.searchsorted(self.matrix.indptr, bad[0], side="right") - 1
        return int(row), int(self.matrix.indices[bad[0]])


def is_sparse(x: object) -> TypeGuard[SparseMatrix]:
    """Return True for a sparse array or matrix of SciPy."""
    return hasattr(x, "tocsr")


def checked_sparse(net: Layer, x: SparseMatrix | SparseRows, what: str) -> SparseRows:
    """Return the rows of a sparse array, checked for a net.

    Parameters
    ----------
    net : Layer
        The net.
    x : sparse array or SparseRows
        The rows.
    what : str
        Name of the rows in errors.
    """
    if net.integer_input:
        raise DataError(
            f"{what}: a sparse array, for a net that takes indices",
            "an array of whole numbers",
            "x.toarray()",
        )
    rows = x if isinstance(x, SparseRows) else SparseRows(x, net.dtype or np.float32)
    if net.n_in is not None and not net.accepts(rows.shape[1:]):
        raise shape_inference.misfit(rows[:1], net.n_in, what)
    if (place := rows.first_not_finite()) is not None:
        raise DataError(
            f"{what}: NaN or infinity as {rows.dtype}, the first at row {place[0]}, "
            f"feature {place[1]}, counted from 0",
            "finite numbers",
            "drop those rows, or put the column's mean in their place",
        )
    return rows
