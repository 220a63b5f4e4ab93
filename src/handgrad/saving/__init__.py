"""Files that hold nets and estimators, and what they have learned."""

from handgrad.saving.inspection import FileEstimator, ModelFile, inspect
from handgrad.saving.model import load, save
from handgrad.saving.parameters import load_weights
from handgrad.saving.tensors import Tensor, shown

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
