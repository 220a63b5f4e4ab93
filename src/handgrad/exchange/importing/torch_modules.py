"""`from_torch`: converts an `nn.Sequential` of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from handgrad.exchange.importing.parts import (
    ACTIVATIONS,
    COPY,
    attention,
    batch_norm,
    convolution,
    embedding,
    floating_array,
    layer_norm,
    linear,
    net_of,
    of_steps,
    padding_that_keeps,
    pooling,
    recurrent,
    refused,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    Array,
    AvgPool2d,
    BatchNorm2d,
    Dropout,
    Flatten,
    GELUTanh,
    Layer,
    LeakyReLU,
    MaxPool2d,
    Reshape,
    Softmax,
    Softplus,
)
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.net import Net, Residual

if TYPE_CHECKING:
    from torch.nn import Module, Sequential

KINDS = (
    "Linear, Conv1d, Conv2d, MaxPool2d, AvgPool2d, BatchNorm1d, BatchNorm2d, LayerNorm, Dropout, "
    "Identity, Flatten, Unflatten, Embedding, RNN, GRU, LSTM, MultiheadAttention, "
    "TransformerEncoderLayer, TransformerEncoder, nested Sequential, and ReLU, LeakyReLU, Tanh, "
    "Sigmoid, SiLU, GELU, ELU, SELU, Softplus, Mish, Softmax"
)


def from_torch(sequential: object) -> Net:
    """Convert an `nn.Sequential` of PyTorch to a net.

    Predictions agree with evaluation mode to rounding, in the dtype of the weights. Nested
    modules are flattened; a layer without bias gets a bias of zeros, which is trained like any
    other. Recurrent modules return their first output, h of every step; attention is
    self-attention.

    Parameters
    ----------
    sequential : nn.Sequential
        Module to convert.

    Returns
    -------
    Net
        The net with the same layers and weights.

    Raises
    ------
    SettingError
        For a module that has no counterpart.

    Examples
    --------
    >>> import handgrad as hg
    >>> hg.exchange.from_torch(42)
    Traceback (most recent call last):
    ...
    handgrad.textbook.errors.SettingError: 42, of type int
      expected: an nn.Sequential of PyTorch
      try: hg.exchange.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))
    """
    if type(sequential).__name__ != "Sequential" or not hasattr(sequential, "__getitem__"):
        raise SettingError(
            f"{sequential!r}, of type {type(sequential).__name__}",
            "an nn.Sequential of PyTorch",
            "hg.exchange.from_torch(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))",
        )
    return net_of([*_layers(cast("Sequential", sequential))], "an nn.Sequential")


@dataclass(frozen=True)
class Part:
    """A module, its path for errors, and the number of axes of its rows, if known."""

    module: Module
    path: str
    axes: int | None = None

    def refused(self, expected: str, hint: str = COPY) -> SettingError:
        """SettingError for a module without counterpart."""
        return refused(f"module {self.path}, {self.module!r}", expected, hint)

    def array(self, name: str) -> Array:
        """Tensor of the module as an array."""
        return floating_array(getattr(self.module, name).detach().cpu().numpy())

    def array_or_none(self, name: str) -> Array | None:
        """The same, or None if the module has none."""
        return None if getattr(self.module, name, None) is None else self.array(name)

    def settled(self, **expected: object) -> None:
        """Raise an error if a setting differs from the expected value."""
        for name, value in expected.items():
            found = getattr(self.module, name)
            if {*found} != {value} if isinstance(found, tuple | list) else found != value:
                raise self.refused(f"{name}={value!r}, not {found!r}")


def _modules(sequential: Sequential, path: str) -> Iterator[tuple[str, Module]]:
    """All modules with their paths, also nested ones."""
    for i, module in enumerate(sequential):  # named_children leaves out one that comes again
        kind = type(module).__name__
        if kind == "Sequential":
            yield from _modules(module, f"{path}{i}.")
        elif kind == "TransformerEncoder":
            yield from _modules(module.layers, f"{path}{i}.layers.")
            if module.norm is not None:
                yield f"{path}{i}.norm", module.norm
        else:
            yield f"{path}{i}", module


def _layers(sequential: Sequential) -> Iterator[Layer]:
    axes: int | None = None
    for place, module in _modules(sequential, ""):
        made = _made(Part(module, place, axes))
        yield from made
        kind, last = type(module).__name__, made[-1] if made else None
        axes = len(last.shape) if isinstance(last, Reshape) else AXES_OF_ROWS.get(kind, axes)


def _made(part: Part) -> Sequence[Layer]:
    """Layers of a module."""
    kind = type(part.module).__name__
    if kind == "Identity":
        return []
    if kind.lower() in ACTIVATIONS and kind not in MADE:
        return [ACTIVATIONS[kind.lower()]()]
    if kind not in MADE:
        raise part.refused(KINDS)
    made = MADE[kind](part)
    return [made] if isinstance(made, Layer) else made


def _linear(part: Part) -> Layer:
    return linear(part.array("weight"), part.array_or_none("bias"))


def _convolution(part: Part) -> Layer:
    module = part.module
    part.settled(groups=1, dilation=1, padding_mode="zeros")
    padding = {"valid": [0], "same": padding_that_keeps(module.kernel_size, module.stride)}
    found = padding.get(module.padding, module.padding)
    if found is None:
        raise part.refused('padding="same" around windows of an odd size', "an odd kernel_size")
    return convolution(part.array("weight"), part.array_or_none("bias"), module.stride, found)


def _pooling(part: Part) -> Layer:
    module = part.module
    part.settled(ceil_mode=False)
    windows = [_pair(each) for each in (module.kernel_size, module.stride, module.padding)]
    if type(module).__name__ == "MaxPool2d":
        part.settled(dilation=1, return_indices=False)
        return pooling(MaxPool2d, *windows)
    part.settled(divisor_override=None)
    if windows[2] != (0, 0):
        part.settled(count_include_pad=True)
    return pooling(AvgPool2d, *windows)


def _pair(setting: int | tuple[int, int]) -> tuple[int, int]:
    return (setting, setting) if isinstance(setting, int) else setting


def _batch_norm(part: Part) -> Layer | Sequence[Layer]:
    module, mean = part.module, part.array_or_none("running_mean")
    if mean is None or module.momentum is None:
        raise part.refused("running statistics and a momentum")
    arrays = (
        part.array_or_none("weight"),
        part.array_or_none("bias"),
        mean,
        part.array("running_var"),
    )
    if type(module).__name__ == "BatchNorm2d":
        return batch_norm(*arrays, module.eps, module.momentum, BatchNorm2d)
    norm = batch_norm(*arrays, module.eps, module.momentum)
    return of_steps(norm) if part.axes == 2 else norm


def _layer_norm(part: Part) -> Layer:
    shape = part.module.normalized_shape
    if len(shape) != 1:
        raise part.refused("LayerNorm over the last axis")
    arrays = part.array_or_none("weight"), part.array_or_none("bias")
    return layer_norm(shape[0], *arrays, part.module.eps)


def _flatten(part: Part) -> Layer:
    part.settled(start_dim=1, end_dim=-1)
    return Flatten()


def _unflatten(part: Part) -> Layer:
    if part.module.dim not in (1, -1) or part.axes not in (1, None):
        raise part.refused("Unflatten(1, …) of rows of numbers side by side")
    return Reshape(*part.module.unflattened_size)


def _embedding(part: Part) -> Layer:
    part.settled(max_norm=None)
    return embedding(part.array("weight"))


def _recurrent(part: Part) -> Layer:
    module, kind = part.module, type(part.module).__name__
    if not module.batch_first:
        raise part.refused("batch_first=True", f"nn.{kind}(…, batch_first=True)")
    if module.num_layers != 1 or module.bidirectional:
        raise part.refused(
            "one layer, one direction", f"nn.{kind}s of one layer each, one behind another"
        )
    part.settled(proj_size=0)
    if kind == "RNN":
        part.settled(nonlinearity="tanh")
    arrays = part.array("weight_ih_l0"), part.array("weight_hh_l0")
    biases = part.array_or_none("bias_ih_l0"), part.array_or_none("bias_hh_l0")
    return recurrent(RECURRENT[kind], *arrays, *biases, return_sequences=True)


def _attention(part: Part) -> Layer:
    module = part.module
    if not module.batch_first:
        raise part.refused("batch_first=True", "a module that is built with batch_first=True")
    if module.in_proj_weight is None:
        raise part.refused("queries, keys and values of as many features", "no kdim, no vdim")
    part.settled(bias_k=None, add_zero_attn=False)
    out = Part(module.out_proj, f"{part.path}.out_proj")
    return attention(
        *(module.num_heads, part.array("in_proj_weight"), part.array_or_none("in_proj_bias")),
        *(out.array("weight"), out.array_or_none("bias")),
    )


def _encoder_layer(part: Part) -> Sequence[Layer]:
    """Transformer encoder layer: attention and two Linears, with residuals and norms."""
    module = part.module

    def made(*names: str) -> list[Layer]:
        parts = (Part(getattr(module, name), f"{part.path}.{name}", 2) for name in names)
        return [layer for each in parts for layer in _made(each)]

    first, second = made("self_attn", "dropout1"), made("linear1")
    activation = getattr(module.activation, "__name__", "")  # of a function, as relu
    if activation in ACTIVATIONS:
        second.append(ACTIVATIONS[activation]())
    else:
        second += made("activation")
    second += made("dropout", "linear2", "dropout2")
    if module.norm_first:
        return [Residual(*made("norm1"), *first), Residual(*made("norm2"), *second)]
    return [Residual(*first), *made("norm1"), Residual(*second), *made("norm2")]


def _softmax(part: Part) -> Layer:
    dim = part.module.dim
    if dim != -1 and (dim != 1 or (part.axes or 1) > 1):
        raise part.refused("Softmax(dim=-1), over the features")
    return Softmax()


def _softplus(part: Part) -> Layer:
    module = part.module
    if module.beta != 1 or module.threshold < 20:  # above 20 log(1 + eˣ) is x in float32
        raise part.refused("Softplus(beta=1, threshold=20)")
    return Softplus()


RECURRENT: dict[str, type[RecurrentLayer]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
# How many axes a row has behind a module, where it says so.
AXES_OF_ROWS = dict.fromkeys(
    [*RECURRENT, "Conv1d", "MultiheadAttention", "TransformerEncoderLayer"], 2
) | {"Flatten": 1, "Conv2d": 3, "BatchNorm2d": 3, "MaxPool2d": 3, "AvgPool2d": 3}
MADE: dict[str, Callable[[Part], Layer | Sequence[Layer]]] = {
    **dict.fromkeys(RECURRENT, _recurrent),
    "Linear": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "MaxPool2d": _pooling,
    "AvgPool2d": _pooling,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Embedding": _embedding,
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder_layer,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Dropout": lambda part: Dropout(part.module.p),
    "LeakyReLU": lambda part: LeakyReLU(part.module.negative_slope),
    "ELU": lambda part: ELU(part.module.alpha),
    "GELU": lambda part: GELUTanh() if part.module.approximate == "tanh" else GELU(),
}
