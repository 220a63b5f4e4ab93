"""The axes of a batch (n, …, k): the last one holds the features, those before it the places."""

from handgrad.textbook.module import Array


def leading_axes(x: Array, but: int = 1) -> tuple[int, ...]:
    """All axes of `x` (n, …, k) but the last, or last few: what gradients are summed over.

    >>> import numpy as np
    >>> leading_axes(np.zeros((5, 4, 3)))
    (0, 1)
    """
    return tuple(range(x.ndim - but))


def as_rows(x: Array) -> Array:
    """Each place of `x` (n, …, k) as a row: (n · …, k); two axes as they are.

    >>> import numpy as np
    >>> as_rows(np.zeros((5, 4, 3))).shape
    (20, 3)
    """
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
