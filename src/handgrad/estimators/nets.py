"""The nets of the estimators: hidden layers with their activations, and an output without one."""

import copy
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.base.kinds import ClassProbabilities, Probabilities
from handgrad.layers import (
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    defaults,
)
from handgrad.layers.initializers import nothing_drawn
from handgrad.losses import Loss
from handgrad.net import Net

Activation = str | Layer
ACTIVATIONS: dict[str, type[Layer] | None] = {
    "identity": None,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
}
NORMALIZATIONS: dict[str, type[BatchNorm | LayerNorm]] = {"batch": BatchNorm, "layer": LayerNorm}


def activations_of(given: Activation | Sequence[Activation], hidden: int) -> list[Activation]:
    """An activation for each hidden layer, from one for all, or from as many as there are."""
    each = [given] * hidden if isinstance(given, str | Layer) else [*given]
    if len(each) != hidden:
        names = [a if isinstance(a, str) else type(a).__name__ for a in each[:1]]
        raise SettingError(
            f"{len(each)} activations for {hidden} hidden layers",
            "one activation, or one for each hidden layer",
            f"activation={names * hidden}",
        )
    for activation in each:
        if not isinstance(activation, Layer) and str(activation) not in ACTIVATIONS:
            raise SettingError(
                f"activation {activation!r}",
                f"one of {', '.join(ACTIVATIONS)}, or a layer, as hg.GELU()",
                did_you_mean(activation, ACTIVATIONS, "'relu'"),
            )
    return each


def new_net(
    sizes: Sequence[int],
    activations: Sequence[Activation],
    normalization: str | None,
    dropout: float,
    loss: Loss,
    dtype: npt.DTypeLike,
) -> Net:
    """A net of these sizes, from the input's to the output's, whose weights are zeros.

    A hidden layer is normalized before its activation, and units are dropped after it; a loss of
    probabilities has them made of the last numbers.
    """
    layers: list[Layer] = []
    with defaults(), nothing_drawn(lambda shape: None):
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            if i > 0:
                layers += [NORMALIZATIONS[normalization](n_in)] if normalization else []
                layers += _activation(activations[i - 1])
                layers += [Dropout(dropout)] if dropout else []
            layers.append(Linear(int(n_in), int(n_out)))
    if isinstance(loss.input_kind, Probabilities):
        of_classes = isinstance(loss.input_kind, ClassProbabilities)
        layers.append(Softmax() if of_classes else Sigmoid())
    return Net(*layers, dtype=dtype)


def draw_weights(
    linears: Sequence[Linear],
    activations: Sequence[Activation],
    random_state: np.random.RandomState,
) -> None:
    """Draw all weights and biases as scikit-learn draws them: in its order, (n_in, n_out).

    Uniform in ±√(6/(n_in + n_out)), 2 in place of 6 for logistic units. The last of `activations`
    holds for the output layer too. Source: Glorot, Bengio, "Understanding the difficulty of
    training deep feedforward neural networks", 2010.
    """
    for i, linear in enumerate(linears):
        n_out, n_in = linear.W.shape
        logistic = activations[min(i, len(activations) - 1)] == "logistic"
        bound = np.sqrt((2.0 if logistic else 6.0) / (n_in + n_out))
        linear.W = random_state.uniform(-bound, bound, (n_in, n_out)).T
        linear.b = random_state.uniform(-bound, bound, n_out)


def _activation(given: Activation) -> list[Layer]:
    if isinstance(given, Layer):
        return [copy.deepcopy(given)]
    kind = ACTIVATIONS[given]
    return [] if kind is None else [kind()]
