"""Kinds of targets and predictions: inputs of a loss, outputs of a net."""

from handgrad.textbook.kinds.predictions import (
    ClassLogits,
    ClassProbabilities,
    ClassScores,
    Logits,
    LogRates,
    PredictionKind,
    Probabilities,
    Quantiles,
    Scores,
)
from handgrad.textbook.kinds.targets import (
    Amounts,
    BinaryLabels,
    ClassLabels,
    Counts,
    Distributions,
    NumericTargets,
    PositiveAmounts,
    RiskLabels,
    TargetKind,
)

__all__ = [
    "Amounts",
    "BinaryLabels",
    "ClassLabels",
    "ClassLogits",
    "ClassProbabilities",
    "ClassScores",
    "Counts",
    "Distributions",
    "LogRates",
    "Logits",
    "NumericTargets",
    "PositiveAmounts",
    "PredictionKind",
    "Probabilities",
    "Quantiles",
    "RiskLabels",
    "Scores",
    "TargetKind",
]
