"""The nets of the estimators: hidden layers with their activations, and an output without one."""

import copy
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.base.kinds import ClassProbabilities, Probabilities
from handgrad.estimators.base import ACTIVATIONS, NORMALIZATIONS, Activation, Base
from handgrad.layers import Dropout, Layer, Linear, Sigmoid, Softmax, defaults
from handgrad.layers.initializers import nothing_drawn
from handgrad.net import Net


def new_net(m: Base, sizes: Sequence[int], dtype: npt.DTypeLike) -> Net:
    """The net of an estimator, of these sizes from the input's to the output's.

    A hidden layer is normalized before its activation, and units are dropped after it; a loss of
    probabilities has them made of the last numbers. All weights and biases are drawn as
    scikit-learn draws them, in its order, (n_in, n_out): uniform in ±√(6/(n_in + n_out)), 2 in
    place of 6 for logistic units; the output layer goes by the last activation. Source: Glorot,
    Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    activations, layers = _activations(m.activation, len(sizes) - 2), list[Layer]()
    last = activations[-1] if activations else m.activation
    with defaults(), nothing_drawn(lambda shape: None):
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            if i > 0:
                layers += [NORMALIZATIONS[m.normalization](n_in)] if m.normalization else []
                if isinstance(given := activations[i - 1], Layer):
                    layers.append(copy.deepcopy(given))
                else:
                    layers += [kind() for kind in ACTIVATIONS[given]]
                layers += [Dropout(m.dropout)] if m.dropout else []
            layers.append(Linear(int(n_in), int(n_out)))
    linears = [layer for layer in layers if isinstance(layer, Linear)]
    if isinstance(m._loss.input_kind, Probabilities):
        of_classes = isinstance(m._loss.input_kind, ClassProbabilities)
        layers.append(Softmax() if of_classes else Sigmoid())
    net = Net(*layers, dtype=dtype)
    for linear, activation in zip(linears, [*activations, last], strict=True):
        n_out, n_in = linear.W.shape
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
        linear.W = m._random_state.uniform(-bound, bound, (n_in, n_out)).T
        linear.b = m._random_state.uniform(-bound, bound, n_out)
    if m.dropout:  # only then, since scikit-learn draws nothing here
        net.seed(int(m._random_state.randint(2**31 - 1)))
    return net


def _activations(given: Activation | Sequence[Activation], hidden: int) -> list[Activation]:
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
