"""Files that hold what a net has learned."""

from handgrad.saving.checkpoints import Checkpoints, checkpoints
from handgrad.saving.weights import load_weights, save_weights

__all__ = ["Checkpoints", "checkpoints", "load_weights", "save_weights"]
