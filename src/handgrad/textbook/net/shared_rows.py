"""Rows of the members of an ensemble: indices into rows that all members share."""

from typing import Self

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array


class SharedRows:
    """Rows of k members, (n, k, …): `values[members]`, without a copy.

    Indexing returns arrays; NumPy's conversion to an array copies all rows.

    Parameters
    ----------
    values : array, (N, …)
        The shared rows.
    members : array of int, (n, k)
        Index of the row of each member.

    Examples
    --------
    >>> rows = SharedRows(np.array([[1.0], [2.0], [3.0]]), np.array([[0, 2], [1, 0]]))
    >>> rows.shape, rows[1:].tolist()
    ((2, 2, 1), [[[2.0], [1.0]]])
    """

    def __init__(self, values: Array, members: Array) -> None:
        if members.size and not 0 <= members.min() <= members.max() < len(values):
            raise DataError(
                f"members with rows {members.min()} to {members.max()}",
                f"whole numbers from 0 to {len(values) - 1}",
                "indices of the shared rows",
            )
        self.values, self.members = values, np.ascontiguousarray(members, np.int64)
        self.shape, self.dtype = (*members.shape, *values.shape[1:]), values.dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, rows: Array | slice) -> Array:
        selected: Array = self.values[self.members[rows]]
        return selected

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def each_once(self) -> Array:
        """The shared rows, as those of a single member, (N, 1, …)."""
        shared: Array = self.values[:, None]
        return shared

    def of(self, values: Array) -> Self:
        """Return the same members' rows of other values."""
        return type(self)(values, self.members)
