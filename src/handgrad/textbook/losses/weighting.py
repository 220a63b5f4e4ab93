"""Weighted means over a batch, with a weight for each row or position."""

import numpy as np

from handgrad.textbook.module import Array


def weighted_mean(l: Array, w: Array | None = None) -> float:  # noqa: E741
    """Return the mean of `l` (n, …) with weights `w`.

    formula     Σ s l, where s = mean_weights(w, l): Σᵢ wᵢ lᵢ / Σᵢ wᵢ, and 1/n Σᵢ lᵢ without weights
    shapes      w has the first axes of l: (n,) for rows, (n, t) for positions of sequences, with
                weight 0 for masked ones

    >>> float(weighted_mean(np.array([1.0, 4.0]), np.array([2.0, 1.0])))       # (2·1 + 1·4)/3
    2.0
    """
    return l.mean() if w is None else (mean_weights(w, l) * l).sum()


def mean_weights(w: Array | None, l: Array) -> Array | float:  # noqa: E741
    """Return the derivative of `weighted_mean` with respect to each number of `l`, (n, …).

    formula     w / (k Σ w), where l has k numbers for each weight; 1 / (size of l) without weights
    shapes      w (n,) or (n, t), …; the result has the axes of l, those beyond w of size 1

    >>> mean_weights(np.array([3.0, 1.0]), np.zeros((2, 2)))                   # 3/(2·4), 1/(2·4)
    array([[0.375],
           [0.125]])
    """
    if w is None:
        return 1 / l.size
    k = l.size // w.size
    return (w / w.sum() / k).reshape(*w.shape, *[1] * (l.ndim - w.ndim))


def spread(w: Array, shape: tuple[int, ...]) -> Array:
    """Broadcast weights of rows, (n,), or of positions to the shape of all positions, (n, …)."""
    return np.broadcast_to(w.reshape(*w.shape, *[1] * (len(shape) - w.ndim)), shape)
