"""The textbook's losses: each gives the mean over the batch, and its gradient."""

from handgrad.losses.classification import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    SoftmaxCrossEntropyLoss,
)
from handgrad.losses.loss import Loss
from handgrad.losses.regression import MAELoss, MSELoss

__all__ = [
    "BinaryCrossEntropyLoss",
    "CrossEntropyLoss",
    "Loss",
    "MAELoss",
    "MSELoss",
    "SoftmaxCrossEntropyLoss",
]
