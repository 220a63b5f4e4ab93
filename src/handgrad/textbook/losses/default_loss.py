"""Default loss: the one that the output of a net and the targets ask for."""

import numpy as np

from handgrad.textbook.kinds import ClassProbabilities, PredictionKind, Probabilities
from handgrad.textbook.losses.binary import BinaryCrossEntropyLoss
from handgrad.textbook.losses.classification import CrossEntropyLoss, SoftmaxCrossEntropyLoss
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.regression import MSELoss
from handgrad.textbook.module import Array


def default_loss(output: PredictionKind | None, n_out: int | None, y: Array) -> Loss | None:
    """The loss for outputs of that kind and the targets `y`; None where they allow several.

    >>> from handgrad.textbook.layers import Softmax
    >>> default_loss(Softmax.output_kind, 3, np.array([0, 2]))
    CrossEntropyLoss()
    >>> default_loss(None, 1, np.array([0.5, 2.0]))
    MSELoss()
    """
    whole, k = y.dtype.kind in "iub", n_out or 1
    if isinstance(output, ClassProbabilities):
        return CrossEntropyLoss() if whole and y.ndim == 1 else None
    if isinstance(output, Probabilities):
        fits = y.size == len(y) * k if y.ndim else False
        return BinaryCrossEntropyLoss() if fits and np.isin(y, (0, 1)).all() else None
    if whole:
        return SoftmaxCrossEntropyLoss() if y.ndim == 1 and k > 1 else None
    return MSELoss() if y.ndim and y.size == len(y) * k else None
