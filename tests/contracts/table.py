"""Every layer, loss, optimizer and penalty, one line each: all are put through the contracts."""

from collections.abc import Callable
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input

LAYERS: dict[str, Callable[[], hg.Layer]] = {
    "Linear": lambda: hg.Linear(4, 3, rng=0),
    "Tanh": lambda: hg.Tanh(),
    "ReLU": lambda: hg.ReLU(),
    "LeakyReLU": lambda: hg.layers.LeakyReLU(0.1),
    "Sigmoid": lambda: hg.Sigmoid(),
    "SiLU": lambda: hg.layers.SiLU(),
    "GELU": lambda: hg.GELU(),
    "GELUTanh": lambda: hg.layers.GELUTanh(),
    "ELU": lambda: hg.layers.ELU(0.7),
    "SELU": lambda: hg.layers.SELU(),
    "Softplus": lambda: hg.layers.Softplus(),
    "Mish": lambda: hg.layers.Mish(),
    "Softmax": lambda: hg.Softmax(),
    "Standardize": lambda: hg.Standardize(np.array([1.0, -2.0, 3.0]), np.array([0.5, 2.0, 4.0])),
    "BatchNorm": lambda: hg.BatchNorm(3),
    "LayerNorm": lambda: hg.LayerNorm(3),
    "Dropout": lambda: hg.Dropout(0.3),
    "FeatureScale": lambda: hg.layers.FeatureScale(3),
    "Embedding": lambda: hg.Embedding(5, 3, rng=0),
    "TabularEmbedding": lambda: hg.tables.TabularEmbedding(5, 3, n_codes=2, n_numbers=1, rng=0),
    "MultiheadAttention": lambda: hg.MultiheadAttention(4, 2, causal=True, rng=0),
    "PositionEmbedding": lambda: hg.layers.PositionEmbedding(3, 4, rng=0),
    "SinusoidalEncoding": lambda: hg.layers.SinusoidalEncoding(3, 4),
    "MeanOverTime": lambda: hg.layers.MeanOverTime(),
    "MaxOverTime": lambda: hg.layers.MaxOverTime(),
    "RNN": lambda: hg.layers.RNN(3, 2, rng=0),
    "GRU": lambda: hg.GRU(3, 2, return_sequences=True, rng=0),
    "LSTM": lambda: hg.LSTM(3, 2, rng=0),
    "EnsembleLinear": lambda: hg.tables.EnsembleLinear(4, 3, 2, rng=0),
    "EnsembleEmbedding": lambda: hg.tables.EnsembleEmbedding(
        5, 3, 2, n_codes=2, n_numbers=1, rng=0
    ),
    "EnsemblePeriodicEmbedding": lambda: hg.tables.EnsemblePeriodicEmbedding(
        3, 2, 2, n_waves=2, rng=0
    ),
    "Reshape": lambda: hg.layers.Reshape(2, 3, 2),
    "Flatten": lambda: hg.Flatten(),
    "Transpose": lambda: hg.layers.Transpose(3, 1, 2),
    "Conv2d": lambda: hg.Conv2d(
        2, 4, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(1, 2), groups=2, rng=0
    ),
    "Conv1d": lambda: hg.layers.Conv1d(2, 3, 3, stride=2, padding=1, rng=0),
    "MaxPool2d": lambda: hg.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
    "AvgPool2d": lambda: hg.layers.AvgPool2d((3, 2), stride=(1, 2), padding=(1, 0)),
    "BatchNorm2d": lambda: hg.layers.BatchNorm2d(2),
    "RandomShift": lambda: hg.layers.RandomShift(1),
    "RandomHorizontalFlip": lambda: hg.layers.RandomHorizontalFlip(0.4),
    "GaussianNoise": lambda: hg.layers.GaussianNoise(0.3),
    "Net": lambda: hg.Net(hg.Linear(4, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1)),
    "Residual": lambda: hg.Residual(hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Linear(4, 3, rng=1)),
    "Parallel": lambda: hg.Parallel(
        hg.Linear(4, 2, rng=0), hg.Net(hg.Linear(4, 2, rng=1), hg.Tanh()), join="concatenate"
    ),
    # Added at the end: exported trainings pair layers with losses and rules in this order.
    "RMSNorm": lambda: hg.layers.RMSNorm(3),
    "SwiGLU": lambda: hg.layers.SwiGLU(),
    "RotaryEmbedding": lambda: hg.layers.RotaryEmbedding(4),
    "ConvTranspose2d": lambda: hg.layers.ConvTranspose2d(
        2, 3, (3, 2), stride=(1, 2), padding=(1, 0), rng=0
    ),
    "ConvTranspose1d": lambda: hg.layers.ConvTranspose1d(2, 3, 3, stride=2, padding=1, rng=0),
    "Bidirectional": lambda: hg.Bidirectional(
        hg.GRU(3, 2, return_sequences=True, rng=0),
        hg.layers.RNN(3, 1, return_sequences=True, rng=1),
    ),
    "TiedEmbedding": lambda: hg.TiedEmbedding(
        hg.Embedding(5, 3, rng=0), hg.Linear(3, 3, rng=1), hg.Tanh()
    ),
}

# Rows of more than one axis, of the shapes that go in beside (n, n_in): (n, 4, 3), for example.
MORE_AXES: dict[str, tuple[int, ...]] = {
    "Linear": (2, 4),
    "Tanh": (2, 3),
    "ReLU": (2, 3),
    "LeakyReLU": (2, 3),
    "Sigmoid": (2, 3),
    "SiLU": (2, 3),
    "GELU": (2, 3),
    "GELUTanh": (2, 3),
    "ELU": (2, 3),
    "SELU": (2, 3),
    "Softplus": (2, 3),
    "Mish": (2, 3),
    "Softmax": (4, 3),
    "Standardize": (2, 3),
    "BatchNorm": (2, 3),
    "LayerNorm": (4, 3),
    "RMSNorm": (4, 3),
    "SwiGLU": (2, 4),
    "Dropout": (2, 3),
    "FeatureScale": (2, 3),
    "Embedding": (2, 3),
    "Net": (2, 4),
    "Residual": (2, 3),
    "Parallel": (2, 4),
    "TiedEmbedding": (2, 3),
}


def rows_for(layer: hg.Layer, n: int, seed: int = 0) -> Any:
    """Random rows that a layer of the table takes; codes from 0 to 4, as floats beside numbers."""
    rng = np.random.default_rng(seed)
    shape = example_input(layer, 1).shape[1:]
    if not layer.integer_input:
        return rng.standard_normal((n, *shape))
    codes = rng.integers(0, 5, (n, *shape))
    return codes if layer.ndim is None else codes.astype(float)


LOSSES: dict[str, Callable[[], hg.Loss]] = {
    "CrossEntropyLoss": lambda: hg.CrossEntropyLoss(),
    "SoftmaxCrossEntropyLoss": lambda: hg.SoftmaxCrossEntropyLoss(),
    "LabelSmoothingCrossEntropyLoss": lambda: hg.losses.LabelSmoothingCrossEntropyLoss(0.2),
    "SoftTargetCrossEntropyLoss": lambda: hg.losses.SoftTargetCrossEntropyLoss(),
    "MultiMarginLoss": lambda: hg.losses.MultiMarginLoss(),
    "BinaryCrossEntropyLoss": lambda: hg.BinaryCrossEntropyLoss(),
    "SigmoidBinaryCrossEntropyLoss": lambda: hg.SigmoidBinaryCrossEntropyLoss(),
    "FocalLoss": lambda: hg.losses.FocalLoss(gamma=1.5, alpha=0.3),
    "HingeLoss": lambda: hg.losses.HingeLoss(),
    "MSELoss": lambda: hg.MSELoss(),
    "MAELoss": lambda: hg.losses.MAELoss(),
    "HuberLoss": lambda: hg.losses.HuberLoss(0.7),
    "QuantileLoss": lambda: hg.losses.QuantileLoss(0.3),
    "PoissonNLLLoss": lambda: hg.losses.PoissonNLLLoss(),
    "GammaDevianceLoss": lambda: hg.losses.GammaDevianceLoss(),
    "TweedieDevianceLoss": lambda: hg.losses.TweedieDevianceLoss(1.3),
    "LogisticHazardLoss": lambda: hg.losses.LogisticHazardLoss(),
}

OPTIMIZERS: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "SGD": lambda: hg.SGD(0.1),
    "Adagrad": lambda: hg.optimizers.Adagrad(0.1),
    "RMSprop": lambda: hg.optimizers.RMSprop(0.01),
    "Adam": lambda: hg.Adam(0.01),
    "AdamW": lambda: hg.AdamW(0.01, weight_decay=0.1),
    "NAdam": lambda: hg.optimizers.NAdam(0.01),
    "Lion": lambda: hg.optimizers.Lion(0.01, weight_decay=0.1),
    "LBFGS": lambda: hg.optimizers.LBFGS(),
    "Muon": lambda: hg.optimizers.Muon(0.01, weight_decay=0.1, clip_norm=0.5),
    "momentum": lambda: hg.SGD(0.1, momentum=0.9),
    "nesterov": lambda: hg.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "clipped": lambda: hg.Adam(0.01, clip_norm=0.5, clip_value=0.2, weight_decay=0.1),
    "EMA": lambda: hg.optimizers.EMA(hg.Adam(0.01), decay=0.9),
    "SWA": lambda: hg.optimizers.SWA(hg.SGD(0.1), start=3, every=2),
    "GradientAccumulation": lambda: hg.optimizers.GradientAccumulation(hg.AdamW(0.01), 2),
}

PENALTIES: dict[str, Callable[[], hg.penalties.Penalty]] = {
    "L1Penalty": lambda: hg.penalties.L1Penalty(0.3),
    "L2Penalty": lambda: hg.penalties.L2Penalty(0.3),
    "ElasticNetPenalty": lambda: hg.penalties.ElasticNetPenalty(0.3, l1_ratio=0.2),
}
