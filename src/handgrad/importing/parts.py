"""Layers from the weights that another library has, and the net that they make."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from handgrad.base.errors import SettingError
from handgrad.layers import (
    ELU,
    GELU,
    SELU,
    Array,
    BatchNorm,
    GELUTanh,
    Layer,
    LayerNorm,
    Linear,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from handgrad.layers.initializers import nothing_drawn
from handgrad.net import Net

AnyLayer = TypeVar("AnyLayer", bound=Layer)

# Activations without settings, by the names that other libraries write in one way or another.
ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": ReLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "logistic": Sigmoid,
    "elu": ELU,
    "selu": SELU,
    "silu": SiLU,
    "swish": SiLU,
    "gelu": GELU,
    "gelutanh": GELUTanh,
    "mish": Mish,
    "softplus": Softplus,
    "softmax": Softmax,
}


def linear(W: Array, b: Array | None) -> Linear:
    """A Linear of these weights (n_out, n_in) and this bias (n_out,), zeros where it has none."""
    n_out, n_in = W.shape
    with nothing_drawn(lambda shape: None):
        layer = Linear(n_in, n_out, dtype=W.dtype)
    return filled(layer, W=W, **({} if b is None else {"b": np.ravel(b)}))


def batch_norm(
    gamma: Array | None, beta: Array | None, mean: Array, var: Array, eps: float, momentum: float
) -> BatchNorm:
    """A BatchNorm of these arrays (n_features,): ones and zeros where there is no gamma or beta."""
    layer = BatchNorm(mean.size, eps=eps, momentum=momentum, dtype=mean.dtype)
    given = {"gamma": gamma, "beta": beta, "running_mean": mean, "running_var": var}
    return filled(layer, **{name: a for name, a in given.items() if a is not None})


def layer_norm(n: int, gamma: Array | None, beta: Array | None, eps: float) -> LayerNorm:
    """A LayerNorm over `n` features."""
    known = {name: a for name, a in (("gamma", gamma), ("beta", beta)) if a is not None}
    dtype = next((a.dtype for a in known.values()), np.dtype(np.float32))
    return filled(LayerNorm(n, eps=eps, dtype=dtype), **known)


def filled(layer: AnyLayer, **arrays: Array) -> AnyLayer:
    """The layer with these numbers in its own arrays, whose shapes they must have."""
    for name, array in arrays.items():
        own = getattr(layer, name)
        if own.shape != array.shape:
            raise SettingError(
                f"{name} of shape {array.shape} for {layer!r}",
                f"shape {own.shape}",
                "a file or module whose sizes fit together",
            )
        setattr(layer, name, array)
    return layer


def net_of(layers: Sequence[Layer], what: str) -> Net:
    """The net of these layers, in float64 if any of them is."""
    if not layers:
        raise SettingError(f"{what} without a layer", "one layer at least", "a net with layers")
    arrays = [
        getattr(each, name) for each in layers for name in (*each.param_names, *each.state_names)
    ]
    double = any(array.dtype == np.float64 for array in arrays)
    return Net(*layers, dtype=np.float64 if double else np.float32)


def refused(name: str, kinds: str) -> SettingError:
    """What is said of a part of another library's net that no layer is."""
    return SettingError(
        f"{name}, which is no layer of handgrad's",
        kinds,
        "build the net of hg.Net(…), and copy the weights layer by layer: layer.W = …",
    )


def floating_array(values: npt.ArrayLike) -> Array:
    """Numbers as float64 if they are that, else as float32."""
    array = np.asarray(values)
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32)
