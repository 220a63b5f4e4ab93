"""Metrics: figures of a model beside its loss, functions of all predictions and targets."""

from handgrad.textbook.metrics.classification import (
    accuracy,
    balanced_accuracy,
    f1,
    precision,
    recall,
    top_k_accuracy,
    zero_one_loss,
)
from handgrad.textbook.metrics.probabilities import brier_score_loss, log_loss, roc_auc
from handgrad.textbook.metrics.regression import (
    mean_absolute_error,
    mean_squared_error,
    r2,
    root_mean_squared_error,
)
from handgrad.textbook.metrics.survival import concordance_index

__all__ = [
    "accuracy",
    "zero_one_loss",
    "balanced_accuracy",
    "top_k_accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "log_loss",
    "brier_score_loss",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_absolute_error",
    "r2",
    "concordance_index",
]
