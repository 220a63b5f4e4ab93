"""Metrics of predicted classes."""

from typing import Literal

import numpy as np

from handgrad.textbook.errors import SettingError, ShapeError, positive
from handgrad.textbook.metrics.shapes import decided, in_classes, mean, row_weights
from handgrad.textbook.module import Array

Average = Literal["binary", "macro", "weighted"]


def accuracy(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Accuracy: fraction of rows whose predicted class is the true one.

    The predicted class is the largest number, or 1 for a probability of at least ½. Each of several
    answers counts.

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
    >>> accuracy(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 1]))
    0.6666666666666666
    """
    true, predicted = decided(p, y)
    return float(mean(true == predicted, sample_weight))


def zero_one_loss(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """0-1 loss: fraction of rows whose predicted class is not the true one.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.
    """
    true, predicted = decided(p, y)
    return float(mean(true != predicted, sample_weight))


def balanced_accuracy(p: Array, y: Array, sample_weight: Array | None = None) -> float:
    """Balanced accuracy: the mean recall of the classes in `y`.

    A constant prediction for k classes has 1/k.

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
    >>> balanced_accuracy(np.array([0.1, 0.2, 0.1, 0.9]), np.array([0, 0, 1, 1]))   # (1 + ½)/2
    0.75
    """
    true, predicted = decided(p, y)
    if true.ndim > 1 and true.shape[1] > 1:
        raise ShapeError(
            f"balanced_accuracy of {true.shape[1]} answers for each row",
            "one class for each row",
            "'accuracy' or 'f1_macro', for several answers",
        )
    true, predicted = true.ravel(), predicted.ravel()
    both, _, present = _counts(true, predicted, sample_weight)
    rows = _counts(true, predicted, None)[2]
    return float(_share(both, present)[rows > 0].mean())


def top_k_accuracy(p: Array, y: Array, sample_weight: Array | None = None, k: int = 2) -> float:
    """Top-k accuracy: fraction of rows whose true class is among the k largest numbers.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.
    k : int, default 2
        Number of classes that count.

    Examples
    --------
    >>> p = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> top_k_accuracy(p, np.array([1, 2]))
    0.5
    """
    positive("k", k, whole=True)
    if not in_classes(p, y) or p.shape[1] <= k or p.shape[1] == 2:
        raise ShapeError(
            f"predictions of shape {p.shape}, for the best {k}",
            f"a column for each of at least {max(3, k + 1)} classes",
            "'accuracy', for fewer classes",
        )
    largest = np.argsort(p, axis=1, kind="stable")[:, -k:]
    return float(mean((largest == np.reshape(y, (-1, 1))).any(axis=1), sample_weight))


def precision(
    p: Array, y: Array, sample_weight: Array | None = None, average: Average = "binary"
) -> float:
    """Precision: fraction of the rows predicted as a class that belong to it; 0 without any.

    By name in a list of metrics: 'precision', 'precision_macro', 'precision_weighted'.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.
    average : {"binary", "macro", "weighted"}, default "binary"
        Class 1 of two, the mean over classes or answers, or that mean weighted by their rows.

    Examples
    --------
    >>> precision(np.array([0.9, 0.8, 0.1, 0.2]), np.array([1, 0, 1, 0]))           # 1 of 2
    0.5
    """
    return _averaged("precision", p, y, sample_weight, average)


def recall(
    p: Array, y: Array, sample_weight: Array | None = None, average: Average = "binary"
) -> float:
    """Recall: fraction of a class's rows that are predicted as it.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.
    average : {"binary", "macro", "weighted"}, default "binary"
        Class 1 of two, the mean over classes or answers, or that mean weighted by their rows.

    Examples
    --------
    >>> recall(np.array([0.9, 0.8, 0.1, 0.2]), np.array([1, 0, 1, 1]))              # 1 of 3
    0.3333333333333333
    """
    return _averaged("recall", p, y, sample_weight, average)


def f1(
    p: Array, y: Array, sample_weight: Array | None = None, average: Average = "binary"
) -> float:
    """F1 score: the harmonic mean of precision and recall.

    Parameters
    ----------
    p : array, (n,), (n, 1), (n, k) or (n, n_classes)
        Probabilities of class 1, of several answers for each row, or a number for each class.
    y : array, (n,) or (n, k)
        Classes, or 0 and 1 for several answers.
    sample_weight : array, (n,), optional
        Weight of each row.
    average : {"binary", "macro", "weighted"}, default "binary"
        Class 1 of two, the mean over classes or answers, or that mean weighted by their rows.

    Examples
    --------
    >>> f1(np.array([0.9, 0.8, 0.1, 0.2]), np.array([1, 0, 1, 1]))                  # 2·½·⅓/(½ + ⅓)
    0.4
    """
    return _averaged("f1", p, y, sample_weight, average)


def _averaged(
    name: str, p: Array, y: Array, sample_weight: Array | None, average: Average
) -> float:
    if average not in ("binary", "macro", "weighted"):
        raise SettingError(
            f"average = {average!r}", "'binary', 'macro' or 'weighted'", "average='macro'"
        )
    true, predicted = decided(p, y)
    columns = p.shape[1] if p.ndim == 2 else 1
    if average == "binary" and columns > (2 if in_classes(p, y) else 1):
        raise ShapeError(
            f"{name} of {columns} classes, or answers for each row",
            "two classes; the metric is that of class 1",
            f"'{name}_macro', the mean over all, or '{name}_weighted'",
        )
    if average == "binary":
        true, predicted = true.reshape(-1, 1) == 1, predicted.reshape(-1, 1) == 1
    elif columns == 1:
        true, predicted = true.ravel(), predicted.ravel()
    both, positive, present = _counts(true, predicted, sample_weight)
    share = {
        "precision": (both, positive),
        "recall": (both, present),
        "f1": (2 * both, positive + present),
    }
    weights = present if average == "weighted" and present.any() else None
    return float(np.average(_share(*share[name]), weights=weights))


def _counts(
    true: Array, predicted: Array, sample_weight: Array | None
) -> tuple[Array, Array, Array]:
    """Weighted counts of each class: true positives, predicted rows, true rows.

    The classes are those that occur, in order; or a column of truth values each.
    """
    w = row_weights(true, sample_weight)
    if true.ndim > 1:
        return w @ (true & predicted), w @ predicted, w @ true
    classes, (i_true, i_predicted) = np.unique([true, predicted], return_inverse=True)
    k = len(classes)
    both = np.bincount(i_true, w * (i_true == i_predicted), k)
    return both, np.bincount(i_predicted, w, k), np.bincount(i_true, w, k)


def _share(part: Array, whole: Array) -> Array:
    """Part / whole, 0 if the whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
