"""Axes of a batch (n, …, k): features last, positions between the rows and them."""

from handgrad.textbook.module import Array


def leading_axes(x: Array, but: int = 1) -> tuple[int, ...]:
    """Return all axes of `x` (n, …, k) except the last `but`: gradients are summed over them.

    >>> import numpy as np
    >>> leading_axes(np.zeros((5, 4, 3)))
    (0, 1)
    """
    return tuple(range(x.ndim - but))


def as_rows(x: Array) -> Array:
    """Return each position of `x` (n, …, k) as a row, (n · …, k); two axes stay as they are.

    >>> import numpy as np
    >>> as_rows(np.zeros((5, 4, 3))).shape
    (20, 3)
    """
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
