"""The textbook's layers: one family a file, one layer a page."""

from handgrad.base.page import Array
from handgrad.layers.activations import (
    ELU,
    SELU,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from handgrad.layers.attention import MultiheadAttention
from handgrad.layers.augmentation import GaussianNoise, RandomHorizontalFlip, RandomShift
from handgrad.layers.convolution import Conv1d, Conv2d
from handgrad.layers.defaults import defaults
from handgrad.layers.dropout import Dropout
from handgrad.layers.embedding import Embedding, EnsembleEmbedding, TabularEmbedding
from handgrad.layers.ensemble import EnsembleLinear
from handgrad.layers.feature_scale import FeatureScale
from handgrad.layers.gelu import GELU, GELUTanh
from handgrad.layers.layer import Layer
from handgrad.layers.linear import Linear
from handgrad.layers.normalization import BatchNorm, BatchNorm2d, LayerNorm
from handgrad.layers.periodic import EnsemblePeriodicEmbedding
from handgrad.layers.pooling import AvgPool2d, MaxPool2d
from handgrad.layers.pooling_over_time import MaxOverTime, MeanOverTime
from handgrad.layers.positions import PositionEmbedding, SinusoidalEncoding
from handgrad.layers.recurrence import GRU, LSTM, RNN
from handgrad.layers.shapes import Flatten, Reshape, Transpose
from handgrad.layers.softmax import Softmax
from handgrad.layers.standardize import Standardize

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Array",
    "AvgPool2d",
    "BatchNorm",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "EnsembleEmbedding",
    "EnsembleLinear",
    "EnsemblePeriodicEmbedding",
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
    "SiLU",
    "Sigmoid",
    "SinusoidalEncoding",
    "Softmax",
    "Softplus",
    "Standardize",
    "TabularEmbedding",
    "Tanh",
    "Transpose",
    "defaults",
]
