"""Files that hold nets and estimators, and what they have learned."""

from handgrad.files.inspection import FileEstimator, ModelFile, inspect
from handgrad.files.model import load, save
from handgrad.files.tensors import Tensor, shown
from handgrad.files.weights import load_weights

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
