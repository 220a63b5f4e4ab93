"""Files that hold what a net has learned."""

from handgrad.saving.weights import load_weights, save_weights

__all__ = ["load_weights", "save_weights"]
