"""Losses: each gives the mean over the batch, and its gradient."""

from handgrad.losses.binary import (
    BinaryCrossEntropyLoss,
    FocalLoss,
    HingeLoss,
    SigmoidBinaryCrossEntropyLoss,
)
from handgrad.losses.classification import (
    CrossEntropyLoss,
    LabelSmoothingCrossEntropyLoss,
    MultiMarginLoss,
    SoftmaxCrossEntropyLoss,
    SoftTargetCrossEntropyLoss,
)
from handgrad.losses.loss import Loss
from handgrad.losses.regression import (
    HuberLoss,
    MAELoss,
    MSELoss,
    PoissonNLLLoss,
    QuantileLoss,
)
from handgrad.losses.weighting import mean_weights as mean_weights
from handgrad.losses.weighting import weighted_mean as weighted_mean

__all__ = [
    "BinaryCrossEntropyLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "HingeLoss",
    "HuberLoss",
    "LabelSmoothingCrossEntropyLoss",
    "Loss",
    "MAELoss",
    "MSELoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "QuantileLoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftTargetCrossEntropyLoss",
    "SoftmaxCrossEntropyLoss",
]
