"""The answers that are the same for every row: what a net must do better than."""

import numpy as np

from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.training.sample_weights import Rows

# Of a class that no row has: too small to count, and its logarithm is finite.
SMALLEST, LARGEST = 1e-9, 1 - 1e-7


def constant_answers(loss: Loss, rows: Rows, p: Array) -> list[Array]:
    """Those that could be the best, (k,) each, for predictions like `p`, (n, k).

    The share of each class as the loss takes it, the mean or the median; none for targets of
    another kind.
    """
    n, k = len(p), p.size // len(p)
    w = np.ones(n) if rows.w is None else rows.w.astype(np.float64)
    if loss.targets == "classes":
        share = np.bincount(rows.y, w, k) / w.sum()
        if loss.takes == "scores":
            return [np.zeros(k), (share == share.max()).astype(float)]
        return [share if loss.takes == "probabilities" else np.log(np.maximum(share, SMALLEST))]
    y = rows.y.reshape(p.shape).astype(np.float64)
    mean = np.average(y, axis=0, weights=w)
    if loss.targets == "binary":
        share = np.clip(mean, SMALLEST, LARGEST)
        if loss.takes == "scores":
            return [np.where(share < 0.5, -1.0, 1.0)]
        return [share if loss.takes == "probabilities" else np.log(share / (1 - share))]
    if loss.targets == "counts":
        return [np.log(np.maximum(mean, SMALLEST)) if loss.takes == "log rates" else mean]
    return [mean, np.median(y, axis=0)] if loss.targets == "numbers" else []
