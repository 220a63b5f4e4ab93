"""Rows of the members of an ensemble: drawn by their numbers from rows that all of them share."""

from typing import Self

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array


class SideBySide:
    """Rows (n, k, …), those of k members next to one another: `values[members]`, without a copy.

    `values` (N, …) are the rows that they share, `members` (n, k) says which of those each has.
    Some of the rows are an array; all of them are made one only where NumPy asks for it.

    >>> rows = SideBySide(np.array([[1.0], [2.0], [3.0]]), np.array([[0, 2], [1, 0]]))
    >>> rows.shape, rows[1:].tolist()
    ((2, 2, 1), [[[2.0], [1.0]]])
    """

    def __init__(self, values: Array, members: Array) -> None:
        if members.size and not 0 <= members.min() <= members.max() < len(values):
            raise DataError(
                f"rows from {members.min()} to {members.max()} of members",
                f"whole numbers from 0 to {len(values) - 1}",
                "the numbers of the rows that they share",
            )
        self.values, self.members = values, np.ascontiguousarray(members, np.int64)
        self.shape, self.dtype = (*members.shape, *values.shape[1:]), values.dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, rows: Array | slice) -> Array:
        found: Array = self.values[self.members[rows]]
        return found

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def each_once(self) -> Array:
        """The rows they share, as those of a single member, (N, 1, …)."""
        found: Array = self.values[:, None]
        return found

    def of(self, values: Array) -> Self:
        """The same members' rows of other values."""
        return type(self)(values, self.members)
