"""Files that hold nets, and what they have learned."""

from handgrad.saving.checkpoints import Checkpoints, checkpoints
from handgrad.saving.model import load, save
from handgrad.saving.weights import load_weights

__all__ = ["Checkpoints", "checkpoints", "load", "load_weights", "save"]
