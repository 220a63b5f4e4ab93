"""Losses: the mean over a batch, and its gradient with respect to the predictions."""

from handgrad.textbook import kinds
from handgrad.textbook.losses.binary import (
    BinaryCrossEntropyLoss,
    FocalLoss,
    HingeLoss,
    SigmoidBinaryCrossEntropyLoss,
)
from handgrad.textbook.losses.classification import (
    CrossEntropyLoss,
    LabelSmoothingCrossEntropyLoss,
    MultiMarginLoss,
    SoftmaxCrossEntropyLoss,
    SoftTargetCrossEntropyLoss,
)
from handgrad.textbook.losses.loss import Loss
from handgrad.textbook.losses.regression import (
    GammaDevianceLoss,
    HuberLoss,
    MAELoss,
    MSELoss,
    PoissonNLLLoss,
    QuantileLoss,
    TweedieDevianceLoss,
)
from handgrad.textbook.losses.survival import LogisticHazardLoss
from handgrad.textbook.losses.weighting import mean_weights as mean_weights
from handgrad.textbook.losses.weighting import weighted_mean as weighted_mean

__all__ = [
    "BinaryCrossEntropyLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "GammaDevianceLoss",
    "HingeLoss",
    "HuberLoss",
    "LabelSmoothingCrossEntropyLoss",
    "LogisticHazardLoss",
    "Loss",
    "MAELoss",
    "MSELoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "QuantileLoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftTargetCrossEntropyLoss",
    "SoftmaxCrossEntropyLoss",
    "TweedieDevianceLoss",
    "kinds",
]
