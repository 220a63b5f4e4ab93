"""Layers for single modules of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    over_channels,
    pooling,
    recurrent,
    refused,
    rms_norm,
    same_padding,
    transposed_convolution,
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
from handgrad.textbook.layers.windows import spans as spans_of
from handgrad.textbook.net import Bidirectional, Residual

if TYPE_CHECKING:
    from torch.nn import Module, Sequential

SUPPORTED = (
    "Linear, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, MaxPool2d, AvgPool2d, "
    "BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm, "
    "Dropout, Identity, Flatten, Unflatten, Embedding, RNN, GRU, LSTM, MultiheadAttention, "
    "TransformerEncoderLayer, TransformerEncoder, nested Sequential, and ReLU, LeakyReLU, Tanh, "
    "Sigmoid, SiLU, GELU, ELU, SELU, Softplus, Mish, Softmax"
)


@dataclass(frozen=True)
class TorchLayer:
    """A module, its path for errors, and the number of axes of an input row, if known."""

    module: Module
    path: str
    axes: int | None = None

    def refused(self, expected: str, hint: str = COPY) -> SettingError:
        """SettingError for a module that has no counterpart."""
        path = f"{self.path}, " if self.path else ""
        return refused(f"module {path}{self.module!r}", expected, hint)

    def array(self, name: str) -> Array:
        """Tensor of the module as an array."""
        return floating_array(getattr(self.module, name).detach().cpu().numpy())

    def array_or_none(self, name: str) -> Array | None:
        """The same; None if the module has no such tensor."""
        return None if getattr(self.module, name, None) is None else self.array(name)

    def check_settings(self, **expected: object) -> None:
        """Raise an error if a setting differs from the expected value."""
        for name, value in expected.items():
            setting = getattr(self.module, name)
            if {*setting} != {value} if isinstance(setting, tuple | list) else setting != value:
                raise self.refused(f"{name}={value!r}, not {setting!r}")


def leaves(module: Module, path: str) -> Iterator[tuple[str, Module]]:
    """Iterate over the modules that are called one after another, and their paths."""
    kind = type(module).__name__
    if kind == "TransformerEncoder":
        yield from _leaves_of(module.layers, f"{path}.layers")
        if module.norm is not None:
            yield f"{path}.norm", module.norm
    elif kind == "Sequential":
        yield from _leaves_of(cast("Sequential", module), path)
    else:
        yield path, module


def _leaves_of(modules: Iterable[Module], path: str) -> Iterator[tuple[str, Module]]:
    for i, module in enumerate(modules):  # named_children omits a repeated module
        yield from leaves(module, f"{path}.{i}" if path else str(i))


def chain(
    modules: Iterable[tuple[str, Module]], axes: int | None
) -> tuple[list[Layer], int | None]:
    """Layers of modules in a row, and the number of axes of an output row, if known."""
    layers = list[Layer]()
    for path, module in modules:
        new = _converted(TorchLayer(module, path, axes))
        kind, last = type(module).__name__, new[-1] if new else None
        axes = len(last.shape) if isinstance(last, Reshape) else AXES_OF_ROWS.get(kind, axes)
        layers += new
    return layers, axes


def _converted(layer: TorchLayer) -> Sequence[Layer]:
    """Layers of a module."""
    kind = type(layer.module).__name__
    if kind == "Identity":
        return []
    if kind.lower() in ACTIVATIONS and kind not in BUILDERS:
        return [ACTIVATIONS[kind.lower()]()]
    if kind not in BUILDERS:
        raise layer.refused(SUPPORTED, HINTS.get(kind, COPY))
    layers = BUILDERS[kind](layer)
    return [layers] if isinstance(layers, Layer) else layers


def _linear(layer: TorchLayer) -> Layer:
    return linear(layer.array("weight"), layer.array_or_none("bias"))


def _convolution(layer: TorchLayer) -> Layer:
    module = layer.module
    layer.check_settings(padding_mode="zeros")
    spans = spans_of(module.kernel_size, module.dilation)
    named_padding = {"valid": [0], "same": same_padding(spans, module.stride)}
    padding = named_padding.get(module.padding, module.padding)
    if padding is None:
        raise layer.refused('padding="same" with an odd kernel_size', "an odd kernel_size")
    arrays = layer.array("weight"), layer.array_or_none("bias")
    return convolution(*arrays, module.stride, padding, module.dilation, module.groups)


def _transposed_convolution(layer: TorchLayer) -> Layer:
    module = layer.module
    layer.check_settings(output_padding=0, groups=1, dilation=1)
    arrays = layer.array("weight"), layer.array_or_none("bias")
    return transposed_convolution(*arrays, module.stride, module.padding)


def _pooling(layer: TorchLayer) -> Layer:
    module = layer.module
    layer.check_settings(ceil_mode=False)
    windows = [_pair(each) for each in (module.kernel_size, module.stride, module.padding)]
    if type(module).__name__ == "MaxPool2d":
        layer.check_settings(dilation=1, return_indices=False)
        return pooling(MaxPool2d, *windows)
    layer.check_settings(divisor_override=None)
    if windows[2] != (0, 0):
        layer.check_settings(count_include_pad=True)
    return pooling(AvgPool2d, *windows)


def _pair(setting: int | tuple[int, int]) -> tuple[int, int]:
    return (setting, setting) if isinstance(setting, int) else setting


def _batch_norm(layer: TorchLayer) -> Layer | Sequence[Layer]:
    module, mean = layer.module, layer.array_or_none("running_mean")
    if mean is None or module.momentum is None:
        raise layer.refused("running statistics and a momentum")
    arrays = (
        layer.array_or_none("weight"),
        layer.array_or_none("bias"),
        mean,
        layer.array("running_var"),
    )
    if type(module).__name__ == "BatchNorm2d":
        return batch_norm(*arrays, module.eps, module.momentum, BatchNorm2d)
    norm = batch_norm(*arrays, module.eps, module.momentum)
    return over_channels(norm) if layer.axes == 2 else norm


def _layer_norm(layer: TorchLayer) -> Layer:
    shape = layer.module.normalized_shape
    if len(shape) != 1:
        raise layer.refused("LayerNorm over the last axis")
    arrays = layer.array_or_none("weight"), layer.array_or_none("bias")
    return layer_norm(shape[0], *arrays, layer.module.eps)


def _rms_norm(layer: TorchLayer) -> Layer:
    shape = layer.module.normalized_shape
    if len(shape) != 1:
        raise layer.refused("RMSNorm over the last axis")
    gamma, eps = layer.array_or_none("weight"), layer.module.eps
    if gamma is None and eps is None:
        raise layer.refused("a weight or eps=, without which eps is that of the rows' type")
    return rms_norm(shape[0], gamma, eps)


def _flatten(layer: TorchLayer) -> Layer:
    layer.check_settings(start_dim=1, end_dim=-1)
    return Flatten()


def _unflatten(layer: TorchLayer) -> Layer:
    if layer.module.dim not in (1, -1) or layer.axes not in (1, None):
        raise layer.refused("Unflatten(1, …) of flat rows")
    return Reshape(*layer.module.unflattened_size)


def _embedding(layer: TorchLayer) -> Layer:
    layer.check_settings(max_norm=None)
    return embedding(layer.array("weight"))


def _recurrent(layer: TorchLayer) -> Sequence[Layer]:
    """The layers of a recurrent module, in both directions if it has them."""
    module, kind = layer.module, type(layer.module).__name__
    if not module.batch_first:
        raise layer.refused("batch_first=True", f"nn.{kind}(…, batch_first=True)")
    layer.check_settings(proj_size=0)
    if kind == "RNN":
        layer.check_settings(nonlinearity="tanh")

    def direction(which: str) -> Layer:
        W, U = layer.array(f"weight_ih_{which}"), layer.array(f"weight_hh_{which}")
        b, v = (layer.array_or_none(f"bias_{of}_{which}") for of in ("ih", "hh"))
        return recurrent(RECURRENT[kind], W, U, b, v, return_sequences=True)

    return [
        Bidirectional(direction(f"l{i}"), direction(f"l{i}_reverse"))
        if module.bidirectional
        else direction(f"l{i}")
        for i in range(module.num_layers)
    ]


def _attention(layer: TorchLayer) -> Layer:
    module = layer.module
    if not module.batch_first:
        raise layer.refused("batch_first=True", "a module that is built with batch_first=True")
    if module.in_proj_weight is None:
        raise layer.refused("queries, keys and values of equal size", "no kdim and no vdim")
    layer.check_settings(bias_k=None, add_zero_attn=False)
    out = TorchLayer(module.out_proj, f"{layer.path}.out_proj")
    return attention(
        *(module.num_heads, layer.array("in_proj_weight"), layer.array_or_none("in_proj_bias")),
        *(out.array("weight"), out.array_or_none("bias")),
    )


def _encoder_layer(layer: TorchLayer) -> Sequence[Layer]:
    """Transformer encoder layer: attention and two Linears, with residuals and norms."""
    module = layer.module

    def converted(*names: str) -> list[Layer]:
        parts = (TorchLayer(getattr(module, name), f"{layer.path}.{name}", 2) for name in names)
        return [one for part in parts for one in _converted(part)]

    first, second = converted("self_attn", "dropout1"), converted("linear1")
    activation = getattr(module.activation, "__name__", "")  # of a function such as relu
    if activation in ACTIVATIONS:
        second.append(ACTIVATIONS[activation]())
    else:
        second += converted("activation")
    second += converted("dropout", "linear2", "dropout2")
    if module.norm_first:
        return [Residual(*converted("norm1"), *first), Residual(*converted("norm2"), *second)]
    return [Residual(*first), *converted("norm1"), Residual(*second), *converted("norm2")]


def _softmax(layer: TorchLayer) -> Layer:
    dim = layer.module.dim
    if dim != -1 and (dim != 1 or (layer.axes or 1) > 1):
        raise layer.refused("Softmax(dim=-1), over the features")
    return Softmax()


def _softplus(layer: TorchLayer) -> Layer:
    module = layer.module
    if module.beta != 1 or module.threshold < 20:  # above 20 log(1 + eˣ) is x in float32
        raise layer.refused("Softplus(beta=1, threshold=20)")
    return Softplus()


HINTS = {
    "AdaptiveAvgPool2d": "nn.AvgPool2d(7), with the height of the pictures there for 7, or "
    "hg.exchange.from_onnx of the exported module"
}
RECURRENT: dict[str, type[RecurrentLayer]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
# Axes of an output row, for modules that determine them.
AXES_OF_ROWS = dict.fromkeys(
    [*RECURRENT, "Conv1d", "ConvTranspose1d", "MultiheadAttention", "TransformerEncoderLayer"], 2
) | {
    "Flatten": 1,
    **dict.fromkeys(("Conv2d", "ConvTranspose2d", "BatchNorm2d", "MaxPool2d", "AvgPool2d"), 3),
}
BUILDERS: dict[str, Callable[[TorchLayer], Layer | Sequence[Layer]]] = {
    **dict.fromkeys(RECURRENT, _recurrent),
    "Linear": _linear,
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "ConvTranspose1d": _transposed_convolution,
    "ConvTranspose2d": _transposed_convolution,
    "MaxPool2d": _pooling,
    "AvgPool2d": _pooling,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "LayerNorm": _layer_norm,
    "RMSNorm": _rms_norm,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "Embedding": _embedding,
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _encoder_layer,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Dropout": lambda layer: Dropout(layer.module.p),
    "LeakyReLU": lambda layer: LeakyReLU(layer.module.negative_slope),
    "ELU": lambda layer: ELU(layer.module.alpha),
    "GELU": lambda layer: GELUTanh() if layer.module.approximate == "tanh" else GELU(),
}
