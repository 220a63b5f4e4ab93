"""Pictures, with Matplotlib: each takes and returns axes."""

from handgrad.plots.activations import plot_activations
from handgrad.plots.curves import plot_capacity_curve, plot_learning_curve
from handgrad.plots.dataset import plot_dataset
from handgrad.plots.decision_boundary import plot_decision_boundary
from handgrad.plots.displays import (
    plot_calibration,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_residuals,
    plot_roc,
)
from handgrad.plots.explanations import plot_partial_dependence, plot_permutation_importance
from handgrad.plots.finishing import off_screen
from handgrad.plots.hidden_space import plot_hidden_space
from handgrad.plots.learning_rates import plot_learning_rate_search, plot_schedule
from handgrad.plots.live_plot import live_plot, train_and_plot
from handgrad.plots.losses import plot_cross_entropy, plot_loss_functions
from handgrad.plots.parameters import plot_weights_over_time
from handgrad.plots.predictions import plot_predictions
from handgrad.plots.training_progress import plot_training_progress

__all__ = [
    "live_plot",
    "off_screen",
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
