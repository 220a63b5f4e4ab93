"""Construction of layers and nets from the weights of other libraries."""

import math
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    ELU,
    GELU,
    SELU,
    Array,
    AvgPool2d,
    BatchNorm,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Embedding,
    GELUTanh,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Mish,
    MultiheadAttention,
    ReLU,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Transpose,
)
from handgrad.textbook.layers.initializers import without_initialization
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.net import Net

AnyLayer = TypeVar("AnyLayer", bound=Layer)
COPY = "build the net with hg.Net(…) and copy the weights of each layer: layer.W = …"

MOST_AXES = 64  # of an array in NumPy
FITTING = "a file or module with matching shapes"

# Activations without settings, by their names in other libraries, in lower case.
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
    """Linear layer with weights (n_out, n_in) and a bias (n_out,), zeros for None."""
    n_out, n_in = W.shape
    return _with_weights(Linear, (n_in, n_out), W=W, b=None if b is None else np.ravel(b))


def convolution(
    W: Array,
    b: Array | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Conv1d | Conv2d:
    """Conv1d or Conv2d with weights (n_out, n_in/groups, *kernel_size), a bias as in `linear`."""
    n_out, of_group, *kernel_size = W.shape
    kind: Callable[..., Conv1d | Conv2d] = Conv1d if len(kernel_size) == 1 else Conv2d
    settings: dict[str, object] = {
        "stride": int_or_tuple(stride),
        "padding": int_or_tuple(padding),
        "dilation": int_or_tuple(dilation),
        "groups": groups,
    }
    sizes = (of_group * groups, n_out, int_or_tuple(kernel_size))
    return _with_weights(kind, sizes, settings, W=W, b=b)


def transposed_convolution(
    W: Array, b: Array | None, stride: Sequence[int], padding: Sequence[int]
) -> ConvTranspose1d | ConvTranspose2d:
    """ConvTranspose1d or 2d with weights (n_in, n_out, *kernel_size), a bias as in `linear`."""
    n_in, n_out, *kernel_size = W.shape
    kind: Callable[..., ConvTranspose1d | ConvTranspose2d] = (
        ConvTranspose1d if len(kernel_size) == 1 else ConvTranspose2d
    )
    settings = {"stride": int_or_tuple(stride), "padding": int_or_tuple(padding)}
    return _with_weights(kind, (n_in, n_out, int_or_tuple(kernel_size)), settings, W=W, b=b)


def pooling(
    kind: Callable[..., MaxPool2d | AvgPool2d],
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] = (0, 0),
) -> MaxPool2d | AvgPool2d:
    """MaxPool2d or AvgPool2d with this window size."""
    size, step, border = (int_or_tuple(sizes) for sizes in (kernel_size, stride, padding))
    settings = {"stride": None if step == size else step, "padding": border}
    return kind(size, **_changed(kind, settings))


def reshaped(sizes: Sequence[int]) -> Reshape:
    """Reshape of each row to these sizes."""
    if len(sizes) > MOST_AXES - 1:
        raise SettingError(
            f"rows of {len(sizes)} axes", f"at most {MOST_AXES - 1}, as in NumPy", "fewer axes"
        )
    return Reshape(*sizes)


def recurrent(
    kind: type[RecurrentLayer],
    W: Array,
    U: Array,
    b: Array | None,
    v: Array | None,
    return_sequences: bool,
) -> RecurrentLayer:
    """RNN, GRU or LSTM with weights and biases as in the layer; zeros for None."""
    sizes, settings = (W.shape[1], U.shape[1]), {"return_sequences": return_sequences}
    return _with_weights(kind, sizes, settings, W=W, U=U, b=b, v=v)


def embedding(E: Array, padding: int | None = None) -> Embedding:
    """Embedding with this table (n_values, size)."""
    return _with_weights(Embedding, E.shape, {"padding": padding}, E=E)


def attention(
    n_heads: int, W: Array, b: Array | None, Wo: Array, bo: Array | None
) -> MultiheadAttention:
    """MultiheadAttention with weights as in the layer; zeros for biases that are None."""
    return _with_weights(MultiheadAttention, (len(Wo), n_heads), W=W, b=b, Wo=Wo, bo=bo)


def _with_weights(
    kind: Callable[..., AnyLayer],
    sizes: Sequence[int | tuple[int, ...]],
    settings: Mapping[str, object] = {},
    **arrays: Array | None,
) -> AnyLayer:
    """Layer of these sizes and settings, with the arrays that are not None."""
    weights = {name: array for name, array in arrays.items() if array is not None}
    dtype = next(iter(weights.values())).dtype
    largest = max(array.size for array in weights.values())

    def allow(shape: tuple[int, ...]) -> None:
        if math.prod(shape) > largest:  # sizes that do not match, possibly huge
            raise SettingError(
                f"a layer of sizes {tuple(sizes)} with weights of at most {largest} numbers",
                f"weights of shape {shape}, {math.prod(shape)} numbers",
                FITTING,
            )

    with without_initialization(allow):
        layer = kind(*sizes, **_changed(kind, {**settings, "dtype": dtype}))
    return fill(layer, **weights)


def _changed(kind: Callable[..., Layer], settings: Mapping[str, object]) -> dict[str, object]:
    """Settings that differ from the defaults of a layer class."""
    parameters = signature(kind).parameters
    return {name: value for name, value in settings.items() if value != parameters[name].default}


def int_or_tuple(sizes: Sequence[int]) -> int | tuple[int, ...]:
    """Setting of a window: one number if it is equal for all axes, else a tuple.

    >>> int_or_tuple((3, 3)), int_or_tuple((3, 5))
    (3, (3, 5))
    """
    return sizes[0] if len({*sizes}) == 1 else tuple(sizes)


def same_padding(kernel_size: Sequence[int], stride: Sequence[int]) -> list[int] | None:
    """Padding of each axis for "same"; None if its two sides would differ.

    >>> same_padding((3, 5), (1, 1)), same_padding((2, 2), (1, 1))
    ([1, 2], None)
    """
    if any(s != 1 for s in stride) or not all(k % 2 for k in kernel_size):
        return None
    return [k // 2 for k in kernel_size]


def batch_norm(
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    eps: float,
    momentum: float,
    kind: type[BatchNorm] = BatchNorm,
) -> BatchNorm:
    """BatchNorm with arrays (n_features,); ones and zeros for missing gamma and beta."""
    layer = kind(mean.size, eps=eps, momentum=momentum, dtype=mean.dtype)
    arrays = {"gamma": gamma, "beta": beta, "running_mean": mean, "running_var": var}
    return fill(layer, **{name: a for name, a in arrays.items() if a is not None})


def over_channels(norm: BatchNorm) -> list[Layer]:
    """BatchNorm over the channels of sequences (n, channels, t)."""
    return [Transpose(2, 1), norm, Transpose(2, 1)]


def layer_norm(n: int, gamma: Array | None, beta: Array | None, eps: float) -> LayerNorm:
    """LayerNorm over `n` features."""
    arrays = {name: a for name, a in (("gamma", gamma), ("beta", beta)) if a is not None}
    dtype = next((a.dtype for a in arrays.values()), np.dtype(np.float32))
    return fill(LayerNorm(n, eps=eps, dtype=dtype), **arrays)


def rms_norm(n: int, gamma: Array | None, eps: float | None) -> RMSNorm:
    """RMSNorm over `n` features; without `eps` with that of their type, as PyTorch has it."""
    dtype = np.dtype(np.float32) if gamma is None else gamma.dtype
    norm = RMSNorm(n, eps=float(np.finfo(dtype).eps) if eps is None else eps, dtype=dtype)
    return norm if gamma is None else fill(norm, gamma=gamma)


def fill(layer: AnyLayer, **arrays: Array) -> AnyLayer:
    """Copy arrays into a layer; raise an error for another shape."""
    for name, array in arrays.items():
        parameter = getattr(layer, name)
        if parameter.shape != array.shape:
            raise SettingError(
                f"{name} of shape {array.shape} for {layer!r}",
                f"shape {parameter.shape}",
                FITTING,
            )
        setattr(layer, name, array)
    return layer


def net_of(layers: Sequence[Layer], what: str) -> Net:
    """Net of these layers, in float64 if any layer is."""
    if not layers:
        raise SettingError(f"{what} without a layer", "at least one layer", "a net with layers")
    return Net(*layers, dtype=common_dtype(layers))


def common_dtype(layers: Sequence[Layer]) -> np.dtype[np.floating]:
    """float64 if the arrays of any layer are, else float32."""
    arrays = [
        a for each in layers for a in (each.named_parameters() | each.named_states()).values()
    ]
    double = any(array.dtype == np.float64 for array in arrays)
    return np.dtype(np.float64 if double else np.float32)


def refused(name: str, kinds: str, hint: str = COPY) -> SettingError:
    """SettingError for a part of another library's net that has no counterpart."""
    return SettingError(f"{name}, which has no counterpart in handgrad", kinds, hint)


def floating_array(values: npt.ArrayLike) -> Array:
    """Array as float64 if it is float64, else as float32."""
    array = np.asarray(values)
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32)
