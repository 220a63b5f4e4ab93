"""Nets that were trained elsewhere, as nets of handgrad."""

from handgrad.importing.keras_file import from_keras
from handgrad.importing.onnx_file import from_onnx
from handgrad.importing.scikit_learn import from_sklearn
from handgrad.importing.torch_modules import from_torch

__all__ = ["from_keras", "from_onnx", "from_sklearn", "from_torch"]
