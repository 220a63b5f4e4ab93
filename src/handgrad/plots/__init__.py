"""Pictures, with Matplotlib: each takes and returns axes."""

from handgrad.plots.training_progress import plot_training_progress

__all__ = ["plot_training_progress"]
