"""Every layer, loss and optimizer, one line each: what stands here is put through all contracts."""

from collections.abc import Callable

import numpy as np

import handgrad as hg

LAYERS: dict[str, Callable[[], hg.Layer]] = {
    "Linear": lambda: hg.Linear(4, 3, rng=0),
    "Tanh": lambda: hg.Tanh(),
    "ReLU": lambda: hg.ReLU(),
    "LeakyReLU": lambda: hg.LeakyReLU(0.1),
    "Sigmoid": lambda: hg.Sigmoid(),
    "Softmax": lambda: hg.Softmax(),
    "Standardize": lambda: hg.Standardize(np.array([1.0, -2.0, 3.0]), np.array([0.5, 2.0, 4.0])),
    "Net": lambda: hg.Net(hg.Linear(4, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1)),
}

LOSSES: dict[str, Callable[[], hg.Loss]] = {
    "CrossEntropyLoss": lambda: hg.CrossEntropyLoss(),
    "SoftmaxCrossEntropyLoss": lambda: hg.SoftmaxCrossEntropyLoss(),
    "LabelSmoothingCrossEntropyLoss": lambda: hg.LabelSmoothingCrossEntropyLoss(0.2),
    "MultiMarginLoss": lambda: hg.MultiMarginLoss(),
    "BinaryCrossEntropyLoss": lambda: hg.BinaryCrossEntropyLoss(),
    "SigmoidBinaryCrossEntropyLoss": lambda: hg.SigmoidBinaryCrossEntropyLoss(),
    "FocalLoss": lambda: hg.FocalLoss(gamma=1.5, alpha=0.3),
    "HingeLoss": lambda: hg.HingeLoss(),
    "MSELoss": lambda: hg.MSELoss(),
    "MAELoss": lambda: hg.MAELoss(),
    "HuberLoss": lambda: hg.HuberLoss(0.7),
    "QuantileLoss": lambda: hg.QuantileLoss(0.3),
    "PoissonNLLLoss": lambda: hg.PoissonNLLLoss(),
}

OPTIMIZERS: dict[str, Callable[[], hg.Optimizer]] = {
    "SGD": lambda: hg.SGD(0.1),
}
