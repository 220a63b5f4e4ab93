"""Plots with Matplotlib: each takes and returns axes."""

from handgrad.textbook.install import require

require("a picture", plots=["matplotlib", "PIL"])

from handgrad.plots.attention import plot_attention
from handgrad.plots.explanations import (
    plot_contributions,
    plot_partial_dependence,
    plot_permutation_importance,
)
from handgrad.plots.functions import (
    plot_activations,
    plot_cross_entropy,
    plot_loss_functions,
    plot_schedule,
)
from handgrad.plots.kernels import plot_feature_maps, plot_kernels
from handgrad.plots.live_plot import live_plot, train_and_plot
from handgrad.plots.loss_planes import plot_loss_plane, plot_optimizer_race
from handgrad.plots.nets import plot_net, plot_neurons
from handgrad.plots.predictions import (
    plot_calibration,
    plot_confusion_matrix,
    plot_precision_recall,
    plot_predictions,
    plot_residuals,
    plot_roc,
)
from handgrad.plots.rows import plot_dataset, plot_decision_boundary, plot_hidden_space
from handgrad.plots.saliency import plot_saliency
from handgrad.plots.surfaces import plot_pairs, plot_regression_surface
from handgrad.plots.trainings import (
    plot_capacity_curve,
    plot_learning_curve,
    plot_learning_rate_search,
    plot_training_progress,
    plot_weights_over_time,
)
from handgrad.training.results import Predictions

__all__ = [
    "Predictions",
    "live_plot",
    "plot_activations",
    "plot_attention",
    "plot_calibration",
    "plot_capacity_curve",
    "plot_confusion_matrix",
    "plot_contributions",
    "plot_cross_entropy",
    "plot_dataset",
    "plot_decision_boundary",
    "plot_feature_maps",
    "plot_hidden_space",
    "plot_kernels",
    "plot_learning_curve",
    "plot_learning_rate_search",
    "plot_loss_functions",
    "plot_loss_plane",
    "plot_net",
    "plot_neurons",
    "plot_optimizer_race",
    "plot_pairs",
    "plot_partial_dependence",
    "plot_permutation_importance",
    "plot_precision_recall",
    "plot_predictions",
    "plot_regression_surface",
    "plot_residuals",
    "plot_roc",
    "plot_saliency",
    "plot_schedule",
    "plot_training_progress",
    "plot_weights_over_time",
    "train_and_plot",
]
