"""Pictures, with Matplotlib: each takes and returns axes."""

from handgrad.plots.explanations import plot_partial_dependence, plot_permutation_importance
from handgrad.plots.functions import (
    plot_activations,
    plot_cross_entropy,
    plot_loss_functions,
    plot_schedule,
)
from handgrad.plots.live_plot import live_plot, train_and_plot
from handgrad.plots.predictions import (
    plot_calibration,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_predictions,
    plot_residuals,
    plot_roc,
)
from handgrad.plots.rows import plot_dataset, plot_decision_boundary, plot_hidden_space
from handgrad.plots.trainings import (
    plot_capacity_curve,
    plot_learning_curve,
    plot_learning_rate_search,
    plot_training_progress,
    plot_weights_over_time,
)

__all__ = [
    "live_plot",
    "plot_activations",
    "plot_calibration",
    "plot_capacity_curve",
    "plot_confusion_matrix",
    "plot_cross_entropy",
    "plot_dataset",
    "plot_decision_boundary",
    "plot_hidden_space",
    "plot_learning_curve",
    "plot_learning_rate_search",
    "plot_loss_functions",
    "plot_partial_dependence",
    "plot_permutation_importance",
    "plot_precision_recall",
    "plot_predictions",
    "plot_residuals",
    "plot_roc",
    "plot_schedule",
    "plot_training_progress",
    "plot_weights_over_time",
    "train_and_plot",
]
