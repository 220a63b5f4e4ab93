"""Layers of the textbook, one family in each file."""

from handgrad.textbook.layers import initializers
from handgrad.textbook.layers.activations import (
    ELU,
    GELU,
    SELU,
    GELUTanh,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from handgrad.textbook.layers.attention import MultiheadAttention
from handgrad.textbook.layers.augmentation import GaussianNoise, RandomHorizontalFlip, RandomShift
from handgrad.textbook.layers.convolution import Conv1d, Conv2d
from handgrad.textbook.layers.defaults import defaults as defaults
from handgrad.textbook.layers.dropout import Dropout
from handgrad.textbook.layers.embedding import Embedding
from handgrad.textbook.layers.embedding import EnsembleEmbedding as EnsembleEmbedding
from handgrad.textbook.layers.embedding import TabularEmbedding as TabularEmbedding
from handgrad.textbook.layers.ensemble import EnsembleLinear as EnsembleLinear
from handgrad.textbook.layers.feature_scale import FeatureScale
from handgrad.textbook.layers.gated import SwiGLU
from handgrad.textbook.layers.layer import Layer
from handgrad.textbook.layers.linear import Linear
from handgrad.textbook.layers.normalization import BatchNorm, BatchNorm2d, LayerNorm, RMSNorm
from handgrad.textbook.layers.periodic import (
    EnsemblePeriodicEmbedding as EnsemblePeriodicEmbedding,
)
from handgrad.textbook.layers.pooling import AvgPool2d, MaxOverTime, MaxPool2d, MeanOverTime
from handgrad.textbook.layers.positions import (
    PositionEmbedding,
    RotaryEmbedding,
    SinusoidalEncoding,
)
from handgrad.textbook.layers.recurrence import GRU, LSTM, RNN
from handgrad.textbook.layers.shapes import Flatten, Reshape, Transpose
from handgrad.textbook.layers.softmax import Softmax
from handgrad.textbook.layers.standardize import Standardize
from handgrad.textbook.layers.transposed_convolution import ConvTranspose1d, ConvTranspose2d
from handgrad.textbook.module import Array

# Layers of the nets for tables are imported `as` themselves: hg.tables has them.
__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RMSNorm",
    "RNN",
    "SELU",
    "Array",
    "AvgPool2d",
    "BatchNorm",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "FeatureScale",
    "Flatten",
    "GELUTanh",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxOverTime",
    "MeanOverTime",
    "Mish",
    "MultiheadAttention",
    "PositionEmbedding",
    "MaxPool2d",
    "RandomHorizontalFlip",
    "RandomShift",
    "ReLU",
    "Reshape",
    "RotaryEmbedding",
    "SiLU",
    "Sigmoid",
    "SinusoidalEncoding",
    "Softmax",
    "Softplus",
    "Standardize",
    "SwiGLU",
    "Tanh",
    "Transpose",
    "initializers",
]
