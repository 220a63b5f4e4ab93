"""The mean over the rows of a batch, in which each row may have a weight of its own."""

from typing import Any

from handgrad.layers.layer import Array


def average(l: Array, w: Array | None = None) -> Any:  # noqa: E741
    """The mean of the numbers `l`, (n,) or (n, k), in which each row counts `w` times.

    formula     Σ s l, where s = shares(w, l): Σᵢ wᵢ lᵢ / Σᵢ wᵢ, and 1/n Σᵢ lᵢ without weights

    >>> import numpy as np
    >>> float(average(np.array([1.0, 4.0]), np.array([2.0, 1.0])))             # (2·1 + 1·4)/3
    2.0
    """
    return l.mean() if w is None else (shares(w, l) * l).sum()


def shares(w: Array | None, l: Array) -> Any:  # noqa: E741
    """What each number of `l`, (n,) or (n, k), counts for in its average: its derivative.

    formula     w / (k Σᵢ wᵢ), a row each, where a row has k numbers; 1 / (n k) without weights

    >>> import numpy as np
    >>> shares(np.array([3.0, 1.0]), np.zeros((2, 2)))                         # 3/(2·4), 1/(2·4)
    array([[0.375],
           [0.125]])
    """
    if w is None:
        return 1 / l.size
    k = l.size // len(l)
    return (w / w.sum() / k).reshape(len(l), *[1] * (l.ndim - 1))
