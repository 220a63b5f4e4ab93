"""Files of nets and estimators.

`save` writes each layer as the arguments of its constructor (`architecture`), as JSON in the
metadata of a safetensors file with the weights. `load` trusts nothing: `tensors` bounds the
header, layers are built by their constructors without drawing weights, and each array is compared
with the file before it is filled. What would not come back as it was is refused before it is
written.
"""

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
