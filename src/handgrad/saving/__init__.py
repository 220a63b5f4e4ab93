"""Files that hold nets, and what they have learned."""

from handgrad.saving.model import load, save
from handgrad.saving.weights import load_weights

__all__ = ["load", "load_weights", "save"]
