"""Import of nets from PyTorch, Keras, scikit-learn and ONNX."""

from handgrad.exchange.importing.keras_file import from_keras
from handgrad.exchange.importing.onnx_file import from_onnx
from handgrad.exchange.importing.scikit_learn import from_sklearn
from handgrad.exchange.importing.torch_modules import from_torch

__all__ = ["from_keras", "from_onnx", "from_sklearn", "from_torch"]
