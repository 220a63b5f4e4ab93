"""The textbook's layers: one family a file, one layer a page."""

from handgrad.layers.activations import LeakyReLU, ReLU, Sigmoid, Tanh
from handgrad.layers.layer import Array, Layer
from handgrad.layers.linear import Linear
from handgrad.layers.softmax import Softmax
from handgrad.layers.standardize import Standardize

__all__ = [
    "Array",
    "Layer",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Standardize",
    "Tanh",
]
