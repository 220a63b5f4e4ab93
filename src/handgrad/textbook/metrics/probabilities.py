"""Metrics of predicted probabilities, by scikit-learn."""

from collections.abc import Callable

import numpy as np

from handgrad.textbook.errors import DataError
from handgrad.textbook.metrics.shapes import answers, in_classes
from handgrad.textbook.module import Array


def roc_auc(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """The area under the ROC curve: how often a row of the class is ranked above one that is not.

    `p` (n,) or (n, 1) ranks the rows by how likely class 1 is, for two classes (n, 2) by its
    second column. With more classes it is the mean over them, each against the rest; with several
    answers a row, (n, k), the mean over those. Every class must have rows. ½ is guessing.

    >>> roc_auc(np.array([0.1, 0.6, 0.4, 0.9]), np.array([0, 0, 1, 1]))             # 3 of 4 pairs
    0.75
    """
    from sklearn.metrics import roc_auc_score

    if not in_classes(p, y):
        y = answers(p, y).reshape(len(p), -1)
        for column in y.T:
            _check_present(column, 2)
        p = p.reshape(y.shape)
        return float(roc_auc_score(y, p, sample_weight=sample_weight))
    _check_present(y, p.shape[1])
    if p.shape[1] == 2:
        return float(roc_auc_score(np.ravel(y), p[:, 1], sample_weight=sample_weight))
    of_class = np.ravel(y)[:, None] == np.arange(p.shape[1])
    return float(roc_auc_score(of_class, p, sample_weight=sample_weight))


def _check_present(y: Array, n_classes: int) -> None:
    missing = np.setdiff1d(np.arange(n_classes), y)
    if missing.size:
        raise DataError(
            f"roc_auc of {np.size(y)} rows, none of them of class {missing[0]}",
            "rows of every class",
            "more rows, or a split that keeps the shares of the classes, stratify=True",
        )


def log_loss(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """The mean of −log of the probability given to what is true; of 0 taken as the smallest number.

    It is `CrossEntropyLoss` or `BinaryCrossEntropyLoss` as a metric: `p` and `y` are as there.

    >>> round(log_loss(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0, 1])), 6)
    0.458145
    """
    from sklearn.metrics import log_loss as score

    return _mean_of(score, p, y, sample_weight)


def brier_score_loss(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """The mean squared difference of probabilities and what is true; of k > 2 classes, their sum.

    >>> round(brier_score_loss(np.array([0.9, 0.4]), np.array([1, 0])), 6)         # (0.01 + 0.16)/2
    0.085
    """
    from sklearn.metrics import brier_score_loss as score

    return _mean_of(score, p, y, sample_weight)


def _mean_of(score: Callable[..., float], p: Array, y: Array, sample_weight: Array | None) -> float:
    """The mean of a score over all that is predicted: for k answers a row, k."""
    if p.min() < 0 or p.max() > 1 + 1e-5:
        raise DataError(
            f"numbers from {p.min():.3g} to {p.max():.3g}",
            "probabilities, between 0 and 1",
            "a Softmax() or Sigmoid() at the end, or a loss on logits beside it",
        )
    if in_classes(p, y):
        # in float32 a row's sum is not 1 to the last digit
        p = p / p.sum(axis=1, keepdims=True, dtype=np.float64)
        labels = np.arange(p.shape[1])
        return float(score(np.ravel(y), p, labels=labels, sample_weight=sample_weight))
    y = answers(p, y).astype(int).reshape(len(p), -1)
    p = np.minimum(p.reshape(y.shape).astype(np.float64), 1)
    settings = {"labels": np.arange(2), "sample_weight": sample_weight}
    return float(np.mean([score(*each, **settings) for each in zip(y.T, p.T, strict=True)]))
