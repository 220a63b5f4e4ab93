"""Files that hold nets and estimators, and what they have learned."""

from handgrad.saving.inspection import FileEstimator, ModelFile, inspect
from handgrad.saving.model import load, save
from handgrad.saving.tensors import Tensor, shown
from handgrad.saving.weights import load_weights

__all__ = [
    "FileEstimator",
    "ModelFile",
    "Tensor",
    "inspect",
    "load",
    "load_weights",
    "save",
    "shown",
]
