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
    BinaryLabels,
    ClassLabels,
    Counts,
    Distributions,
    NumericTargets,
    TargetKind,
)

__all__ = [
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
    "PredictionKind",
    "Probabilities",
    "Quantiles",
    "Scores",
    "TargetKind",
]
