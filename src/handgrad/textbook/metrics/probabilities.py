"""Metrics of predicted probabilities."""

import numpy as np

from handgrad.textbook.errors import DataError
from handgrad.textbook.metrics.shapes import answers, in_classes, mean, row_weights
from handgrad.textbook.module import Array


def roc_auc(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Area under the ROC curve: how often a row of the class is ranked above one of another class.

    With several classes it is the mean over them, each against the rest; with several answers the
    mean over those. Each class must have rows. ½ is guessing.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.6, 0.4, 0.9]), np.array([0, 0, 1, 1]))             # 3 of 4 pairs
    0.75
    """
    if in_classes(p, y):
        _check_present(y, p.shape[1])
        of_class = np.reshape(y, (-1, 1)) == np.arange(p.shape[1])
        first = 1 if p.shape[1] == 2 else 0
        p, of_class = p[:, first:], of_class[:, first:]
    else:
        of_class = answers(p, y).reshape(len(p), -1)
        for column in of_class.T:
            _check_present(column, 2)
        p = p.reshape(of_class.shape)
    w = row_weights(p, sample_weight)
    return float(np.mean([_area(*each, w) for each in zip(p.T, of_class.T, strict=True)]))


def _area(p: Array, of_class: Array, w: Array) -> float:
    """The area under the curve of true positives over false ones, from the largest `p` down."""
    if np.isnan(p).any():
        return float("nan")
    order = np.argsort(-p)
    ranked = p[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of the rows with the same p
    true, false = (np.cumsum((w * of)[order])[last] for of in (of_class, ~of_class))
    area = np.trapezoid(np.append(0, true), np.append(0, false))
    return area / (true[-1] * false[-1])


def _check_present(y: Array, n_classes: int) -> None:
    missing = np.setdiff1d(np.arange(n_classes), y)
    if missing.size:
        raise DataError(
            f"roc_auc of {np.size(y)} rows, none of them of class {missing[0]}",
            "rows of every class",
            "more rows, or a split with equal class frequencies, stratify=True",
        )


def log_loss(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Log loss: the mean of −log of the true class's probability, with 0 as the smallest number.

    `CrossEntropyLoss` or `BinaryCrossEntropyLoss` as a metric.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.

    Examples
    --------
    >>> round(log_loss(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1])), 6)
    0.458145
    """
    p, y = _probabilities(p, y)
    of_truth = p[np.arange(len(p)), y] if y.ndim == 1 else np.where(y, p, 1 - p)
    smallest = np.finfo(np.float64).eps
    return float(mean(-np.log(np.clip(of_truth, smallest, 1 - smallest)), sample_weight))


def brier_score_loss(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Brier score: mean squared difference of probabilities and labels; for k > 2 classes, the sum.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.

    Examples
    --------
    >>> round(brier_score_loss(np.array([0.9, 0.4]), np.array([1, 0])), 6)         # (0.01 + 0.16)/2
    0.085
    """
    p, y = _probabilities(p, y)
    if y.ndim > 1:
        return float(mean((p - y) ** 2, sample_weight))
    p[np.arange(len(p)), y] -= 1
    return float(mean((p**2).sum(axis=1) / (2 if p.shape[1] == 2 else 1), sample_weight))


def _probabilities(p: Array, y: Array) -> tuple[Array, Array]:
    """Probabilities (n, k) in float64, and classes (n,), or what is true of k answers (n, k)."""
    if p.min() < 0 or p.max() > 1 + 1e-5:
        raise DataError(
            f"numbers from {p.min():.3g} to {p.max():.3g}",
            "probabilities, between 0 and 1",
            "a Softmax() or Sigmoid() at the end, or a loss on logits beside it",
        )
    if in_classes(p, y):
        # in float32 a row's sum is not 1 to the last digit
        return p / p.sum(axis=1, keepdims=True, dtype=np.float64), np.ravel(y).astype(int)
    y = answers(p, y).reshape(len(p), -1)
    return np.minimum(p.reshape(y.shape).astype(np.float64), 1), y
