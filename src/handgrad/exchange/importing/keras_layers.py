"""Conversion of Keras layers, with the channels moved to the front."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.exchange.importing.parts import (
    ACTIVATIONS,
    COPY,
    batch_norm,
    convolution,
    embedding,
    layer_norm,
    linear,
    pooling,
    recurrent,
    refused,
    reshaped,
    same_padding,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    ELU,
    GRU,
    LSTM,
    RNN,
    Array,
    AvgPool2d,
    BatchNorm,
    BatchNorm2d,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxOverTime,
    MaxPool2d,
    MeanOverTime,
    ReLU,
    Reshape,
    Softmax,
    Standardize,
    Transpose,
)
from handgrad.textbook.layers.recurrence import RecurrentLayer


@dataclass(frozen=True)
class KerasLayer:
    """A Keras layer: its class, config and arrays."""

    kind: str
    config: Mapping[str, Any]
    arrays: Sequence[Array]
    axes: int | None = None  # of an input row, if known

    def refused(self, expected: str, hint: str = COPY) -> SettingError:
        """SettingError for a layer that has no counterpart."""
        return refused(self.place, expected, hint)

    @property
    def place(self) -> str:
        """Name in errors."""
        return f"layer {self.config.get('name')!r}, {self.kind}"

    def check_settings(self, **expected: object) -> None:
        """Raise an error if a setting differs from the expected value."""
        for name, value in expected.items():
            setting = self.config.get(name, value)
            if {*setting} != {value} if isinstance(setting, list) else setting != value:
                raise self.refused(f"{name}={value!r}, not {setting!r}")

    def named_arrays(self, *names: str) -> dict[str, Array]:
        """Arrays by name; an error if the file has more or fewer."""
        if len(names) != len(self.arrays):
            raise self.refused(f"a built layer, saved with {', '.join(names)}")
        return dict(zip(names, self.arrays, strict=True))

    def check_feature_axis(self) -> None:
        """Raise an error if the axis is not that of the features."""
        axis, last = self.config.get("axis", -1), self.axes or 1
        if axis not in (-1, last, [-1], [last]):
            raise self.refused("axis=-1, the features")


def _dense(layer: KerasLayer) -> Layer:
    arrays = layer.named_arrays("kernel", *(["bias"] if layer.config["use_bias"] else []))
    return linear(arrays["kernel"].T, arrays.get("bias"))


def _convolution(layer: KerasLayer) -> Layer:
    layer.check_settings(data_format="channels_last", groups=1, dilation_rate=1)
    arrays = layer.named_arrays("kernel", *(["bias"] if layer.config["use_bias"] else []))
    W = np.moveaxis(arrays["kernel"], (-1, -2), (0, 1))  # (n_out, n_in, *kernel_size)
    stride, padding = layer.config["strides"], [0] * (W.ndim - 2)
    if layer.config["padding"] == "same":
        padding = same_padding(W.shape[2:], stride) or []
    if not padding or layer.config["padding"] not in ("same", "valid"):
        raise layer.refused(
            'padding="valid", or "same" with strides=1 and an odd kernel_size',
            "an odd kernel_size, or strides=1 followed by pooling",
        )
    return convolution(np.ascontiguousarray(W), arrays.get("bias"), stride, padding)


def _pooling(layer: KerasLayer) -> Layer:
    layer.check_settings(data_format="channels_last", padding="valid")
    kind = MaxPool2d if "Max" in layer.kind else AvgPool2d
    return pooling(kind, layer.config["pool_size"], layer.config["strides"])


def _embedding(layer: KerasLayer) -> Layer:
    E = layer.named_arrays("embeddings")["embeddings"]
    return embedding(E, 0 if layer.config.get("mask_zero") else None)


def _recurrent(layer: KerasLayer) -> Layer:
    layer.check_settings(activation="tanh", recurrent_activation="sigmoid", reset_after=True)
    layer.check_settings(return_state=False, go_backwards=False, zero_output_for_mask=False)
    layer.check_settings(stateful=False)
    config = layer.config
    arrays = layer.named_arrays(
        "kernel", "recurrent_kernel", *(["bias"] if config["use_bias"] else [])
    )
    layer_class, order = RECURRENT[layer.kind]
    W, U, *biases = (_gates(array, order) for array in arrays.values())
    b, v = [*(biases[0] if biases and biases[0].ndim > 1 else biases), None, None][:2]
    return recurrent(layer_class, W.T, U.T, b, v, return_sequences=config["return_sequences"])


def _gates(array: Array, order: Sequence[int]) -> Array:
    """Reorder the gates of weights or biases."""
    parts = np.split(array, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


def _over_time(layer: KerasLayer) -> Layer:
    layer.check_settings(data_format="channels_last", keepdims=False)
    return MaxOverTime() if "Max" in layer.kind else MeanOverTime()


def _reshape(layer: KerasLayer) -> Layer:
    shape = layer.config["target_shape"]
    if not shape or min(shape) < 1:
        raise layer.refused("a target_shape of positive numbers", "the size itself in place of −1")
    return reshaped(shape)


def _permute(layer: KerasLayer) -> Layer:
    return Transpose(*layer.config["dims"])


def _batch_norm(layer: KerasLayer) -> Layer:
    layer.check_feature_axis()
    config = layer.config
    names = [name for name, key in (("gamma", "scale"), ("beta", "center")) if config[key]]
    arrays = layer.named_arrays(*names, "mean", "var")
    parameters = (arrays.get("gamma"), arrays.get("beta"), arrays["mean"], arrays["var"])
    kind = BatchNorm2d if layer.axes == 3 else BatchNorm
    return batch_norm(*parameters, config["epsilon"], round(1 - config["momentum"], 12), kind)


def _layer_norm(layer: KerasLayer) -> Layer:
    layer.check_feature_axis()
    config = layer.config
    if config.get("rms_scaling"):
        raise layer.refused("LayerNormalization(rms_scaling=False)")
    names = [name for name, key in (("gamma", "scale"), ("beta", "center")) if config[key]]
    arrays = layer.named_arrays(*names)
    if not arrays:
        raise layer.refused("LayerNormalization with scale or center")
    n = next(iter(arrays.values())).size
    return layer_norm(n, arrays.get("gamma"), arrays.get("beta"), config["epsilon"])


def _normalization(layer: KerasLayer) -> Layer:
    layer.check_feature_axis()
    if layer.config.get("invert") or len(layer.arrays) < 2:
        raise layer.refused("Normalization(invert=False) adapted to data")
    mean, variance = (array.ravel() for array in layer.arrays[:2])
    return Standardize(mean, np.maximum(np.sqrt(variance), LEAST_SCALE))


def _relu(layer: KerasLayer) -> Layer:
    config = layer.config
    if config.get("max_value") is not None or config.get("threshold"):
        raise layer.refused("ReLU() without max_value and threshold")
    return LeakyReLU(config["negative_slope"]) if config.get("negative_slope") else ReLU()


def _softmax(layer: KerasLayer) -> Layer:
    layer.check_feature_axis()
    return Softmax()


def _flatten(layer: KerasLayer) -> Layer:
    layer.check_settings(data_format="channels_last")
    return Flatten()


def activation_of(layer: KerasLayer) -> Layer | None:
    """Activation of a layer; None for the identity."""
    name = layer.config.get("activation", "linear")
    if name == "linear":
        return None
    if name == "leaky_relu":  # its slope differs from that of the layer
        return LeakyReLU(0.2)
    if name not in [*ACTIVATIONS]:
        raise layer.refused(f"the activation {', '.join(ACTIVATIONS)}, not {name!r}")
    return ACTIVATIONS[name]()


def check_padding(layer: KerasLayer, following: Sequence[str]) -> None:
    """Raise an error for an Embedding with padding that later layers do not ignore.

    Keras drops the mask at a Conv1D.
    """
    reader = next((kind for kind in following if kind not in POSITIONWISE), None)
    if reader not in SKIP_PADDING or {"GlobalMaxPooling1D", "Conv1D"} & {*following}:
        raise layer.refused(
            f"mask_zero=True before one of {', '.join(SKIP_PADDING)}, which ignore padding",
            "mask_zero=False, if 0 is an ordinary value",
        )


def axes_after(layer: Layer, axes: int | None) -> int | None:
    """Number of axes of a row after a layer, from `axes` before it."""
    if isinstance(layer, Flatten | MeanOverTime | MaxOverTime):
        return 1
    if isinstance(layer, Reshape):
        return len(layer.shape)
    if isinstance(layer, RecurrentLayer):
        return 2 if layer.return_sequences else 1
    return axes + 1 if axes and layer.integer_input else axes


def with_channels_first(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Iterate over the layers, with a Transpose wherever the channels must change their axis.

    Elementwise layers take both orders.
    """
    axes = 0  # of a row with channels first; 0 while they are last
    for layer in layers:
        target = layer.ndim - 1 if layer.feature_axis == 1 and layer.ndim else 0
        if target != axes and not isinstance(layer, ELEMENTWISE):
            yield from _transposes(axes, target)
            axes = target
        yield layer
    yield from _transposes(axes, 0)


def _transposes(axes: int, target: int) -> Iterator[Layer]:
    if axes:
        yield Transpose(*range(2, axes + 1), 1)
    if target:
        yield Transpose(target, *range(1, target))


LEAST_SCALE = 1e-7  # of Keras' Normalization
WITHOUT_LAYER = ("Activation", "Identity")  # classes that add no layer but their activation
WITH_ACTIVATION = ("Activation", "Dense", "Conv1D", "Conv2D")
# The layer class, and the position of each of its gates in Keras' arrays.
RECURRENT: dict[str, tuple[type[RecurrentLayer], list[int]]] = {
    "SimpleRNN": (RNN, [0]),
    "GRU": (GRU, [1, 0, 2]),
    "LSTM": (LSTM, [0, 1, 2, 3]),
}
SKIP_PADDING = (*RECURRENT, "GlobalAveragePooling1D")
POSITIONWISE = ("Activation", "Dense", "Dropout", "LayerNormalization", "ReLU", "LeakyReLU", "ELU")
ELEMENTWISE: tuple[type[Layer], ...] = (*({*ACTIVATIONS.values()} - {Softmax}), Dropout, LeakyReLU)
BUILDERS: dict[str, Callable[[KerasLayer], Layer]] = {
    "Dense": _dense,
    **dict.fromkeys(("Conv1D", "Conv2D"), _convolution),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _pooling),
    "Embedding": _embedding,
    **dict.fromkeys(RECURRENT, _recurrent),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalMaxPooling1D"), _over_time),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Normalization": _normalization,
    "ReLU": _relu,
    "Softmax": _softmax,
    "Dropout": lambda layer: Dropout(layer.config["rate"]),
    "LeakyReLU": lambda layer: LeakyReLU(layer.config["negative_slope"]),
    "ELU": lambda layer: ELU(layer.config["alpha"]),
}
