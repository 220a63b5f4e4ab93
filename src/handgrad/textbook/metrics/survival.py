"""Metric of predicted times to an event, some of which are censored."""

import numpy as np

from handgrad.textbook.metrics.shapes import row_weights, shaped
from handgrad.textbook.module import Array


def concordance_index(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Concordance index of Harrell: how often the row that lived longer has the longer prediction.

    It counts the pairs of which it is known who lived longer: one row had its event, at a time at
    which the other was still observed. Equal predictions count half. 1 is a perfect order, ½
    guessing; without such a pair it is NaN.

    Parameters
    ----------
    p : array, (n,) or (n, 1)
        Predicted times, or other numbers that are larger for rows that live longer.
    y : array, (n,) or (n, 1)
        Times: of an event, or, if negative, minus the time up to which there was none (censored).
    sample_weight : array, (n,), optional
        Weight of each row; that of a pair is the product.

    References
    ----------
    Harrell, Califf, Pryor, Lee, Rosati, "Evaluating the yield of medical tests", 1982.

    Examples
    --------
    >>> p, y = np.array([1.0, 3.0, 2.0]), np.array([4.0, -5.0, 6.0])
    >>> concordance_index(p, y)                     # 4 before 5 and 4 before 6; 5 may exceed 6
    1.0
    >>> concordance_index(p[::-1], y)               # 2 > 1, but 2 < 3
    0.5
    """
    y, p = np.ravel(shaped(y, p)).astype(np.float64), np.ravel(p)
    if np.isnan(p).any():
        return float("nan")
    w, time, censored = row_weights(p, sample_weight), np.abs(y), y < 0
    order = np.lexsort((censored, time))  # of equal times, events come first
    p, w, time, censored = p[order], w[order], time[order], censored[order]
    begins = np.append(True, (time[1:] != time[:-1]) | (censored[1:] != censored[:-1]))
    later = np.append(np.flatnonzero(begins)[1:], len(p))[np.cumsum(begins) - 1][~censored]
    rank = np.unique(p, return_inverse=True)[1]
    longer, known = _weights_from(later, rank, w, rank[~censored])
    total = (w[~censored] * known).sum()
    return float((w[~censored] * longer).sum() / total) if total > 0 else float("nan")


def _weights_from(first: Array, rank: Array, w: Array, of: Array) -> tuple[Array, Array]:
    """For each i the weight of the rows from `first[i]` on: of rank > `of[i]`, and of any rank.

    Rows of equal rank count half. The rows from one on are blocks of 1, 2, 4 … rows, at most one
    of each size; rows are sorted by rank within all blocks of a size at once.
    """
    n = len(rank)
    blocks, longer, first = np.arange(n), np.zeros(len(first)), first.copy()
    sums = np.append(0, np.cumsum(w))
    known = sums[-1] - sums[first]
    size = 1
    while size <= n:
        key = blocks // size * n + rank
        order = np.argsort(key, kind="stable")
        key, sums = key[order], np.append(0, np.cumsum(w[order]))
        own = np.flatnonzero((first & size > 0) & (first < n))
        block = first[own] // size * n
        end = sums[np.searchsorted(key, block + n)]
        for side in ("left", "right"):
            longer[own] += (end - sums[np.searchsorted(key, block + of[own], side)]) / 2
        first[own] += size
        size *= 2
    return longer, known
