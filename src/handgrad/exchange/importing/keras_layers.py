"""Layers of Keras as layers of handgrad, with the channels moved to the front."""

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
    padding_that_keeps,
    pooling,
    recurrent,
    refused,
    reshaped,
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
    """A Keras layer: its class, settings and arrays."""

    kind: str
    said: Mapping[str, Any]
    arrays: Sequence[Array]
    axes: int | None = None  # of the rows that come in, where that is known

    def refused(self, expected: str, hint: str = COPY) -> SettingError:
        """SettingError for a layer without counterpart."""
        return refused(self.place, expected, hint)

    @property
    def place(self) -> str:
        """Name in errors."""
        return f"layer {self.said.get('name')!r}, {self.kind}"

    def settled(self, **expected: object) -> None:
        """Raise an error if a setting differs from the expected value."""
        for name, value in expected.items():
            found = self.said.get(name, value)
            if {*found} != {value} if isinstance(found, list) else found != value:
                raise self.refused(f"{name}={value!r}, not {found!r}")

    def named(self, *names: str) -> dict[str, Array]:
        """Arrays by name; an error if the file has another number."""
        if len(names) != len(self.arrays):
            raise self.refused(f"one with {', '.join(names)} in the file, that was built and saved")
        return dict(zip(names, self.arrays, strict=True))

    def over_features(self) -> None:
        """Raise an error if the axis is not that of the features."""
        axis, last = self.said.get("axis", -1), self.axes or 1
        if axis not in (-1, last, [-1], [last]):
            raise self.refused("axis=-1, the features")


def _dense(layer: KerasLayer) -> Layer:
    found = layer.named("kernel", *(["bias"] if layer.said["use_bias"] else []))
    return linear(found["kernel"].T, found.get("bias"))


def _convolution(layer: KerasLayer) -> Layer:
    layer.settled(data_format="channels_last", groups=1, dilation_rate=1)
    found = layer.named("kernel", *(["bias"] if layer.said["use_bias"] else []))
    W = np.moveaxis(found["kernel"], (-1, -2), (0, 1))  # (n_out, n_in, *kernel_size)
    stride, padding = layer.said["strides"], [0] * (W.ndim - 2)
    if layer.said["padding"] == "same":
        padding = padding_that_keeps(W.shape[2:], stride) or []
    if not padding or layer.said["padding"] not in ("same", "valid"):
        raise layer.refused(
            'padding="valid", or "same" with strides=1 around windows of an odd size',
            "an odd kernel_size, or strides=1 and pooling behind it",
        )
    return convolution(np.ascontiguousarray(W), found.get("bias"), stride, padding)


def _pooling(layer: KerasLayer) -> Layer:
    layer.settled(data_format="channels_last", padding="valid")
    kind = MaxPool2d if "Max" in layer.kind else AvgPool2d
    return pooling(kind, layer.said["pool_size"], layer.said["strides"])


def _embedding(layer: KerasLayer) -> Layer:
    E = layer.named("embeddings")["embeddings"]
    return embedding(E, 0 if layer.said.get("mask_zero") else None)


def _recurrent(layer: KerasLayer) -> Layer:
    layer.settled(activation="tanh", recurrent_activation="sigmoid", reset_after=True)
    layer.settled(return_state=False, go_backwards=False, zero_output_for_mask=False)
    layer.settled(stateful=False)
    said = layer.said
    found = layer.named("kernel", "recurrent_kernel", *(["bias"] if said["use_bias"] else []))
    made, order = RECURRENT[layer.kind]
    W, U, *biases = (_gates(array, order) for array in found.values())
    b, v = [*(biases[0] if biases and biases[0].ndim > 1 else biases), None, None][:2]
    return recurrent(made, W.T, U.T, b, v, return_sequences=said["return_sequences"])


def _gates(array: Array, order: Sequence[int]) -> Array:
    """Reorder the gates of weights or biases."""
    parts = np.split(array, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


def _over_time(layer: KerasLayer) -> Layer:
    layer.settled(data_format="channels_last", keepdims=False)
    return MaxOverTime() if "Max" in layer.kind else MeanOverTime()


def _reshape(layer: KerasLayer) -> Layer:
    shape = layer.said["target_shape"]
    if not shape or min(shape) < 1:
        raise layer.refused("all sizes of target_shape as numbers", "none of −1")
    return reshaped(shape)


def _permute(layer: KerasLayer) -> Layer:
    return Transpose(*layer.said["dims"])


def _batch_norm(layer: KerasLayer) -> Layer:
    layer.over_features()
    said = layer.said
    own = [name for name, told in (("gamma", said["scale"]), ("beta", said["center"])) if told]
    found = layer.named(*own, "mean", "var")
    arrays = (found.get("gamma"), found.get("beta"), found["mean"], found["var"])
    kind = BatchNorm2d if layer.axes == 3 else BatchNorm
    return batch_norm(*arrays, said["epsilon"], round(1 - said["momentum"], 12), kind)


def _layer_norm(layer: KerasLayer) -> Layer:
    layer.over_features()
    said = layer.said
    if said.get("rms_scaling"):
        raise layer.refused("LayerNormalization(rms_scaling=False)")
    own = [name for name, told in (("gamma", said["scale"]), ("beta", said["center"])) if told]
    found = layer.named(*own)
    if not found:
        raise layer.refused("LayerNormalization with scale or center")
    n = next(iter(found.values())).size
    return layer_norm(n, found.get("gamma"), found.get("beta"), said["epsilon"])


def _normalization(layer: KerasLayer) -> Layer:
    layer.over_features()
    if layer.said.get("invert") or len(layer.arrays) < 2:
        raise layer.refused("Normalization(invert=False) that was adapted to data")
    mean, variance = (array.ravel() for array in layer.arrays[:2])
    return Standardize(mean, np.maximum(np.sqrt(variance), LEAST_SCALE))


def _relu(layer: KerasLayer) -> Layer:
    said = layer.said
    if said.get("max_value") is not None or said.get("threshold"):
        raise layer.refused("ReLU(), without a largest value or a threshold")
    return LeakyReLU(said["negative_slope"]) if said.get("negative_slope") else ReLU()


def _softmax(layer: KerasLayer) -> Layer:
    layer.over_features()
    return Softmax()


def _flatten(layer: KerasLayer) -> Layer:
    layer.settled(data_format="channels_last")
    return Flatten()


def activation(layer: KerasLayer) -> Layer | None:
    """Activation of a layer; None for the identity."""
    name = layer.said.get("activation", "linear")
    if name == "linear":
        return None
    if name == "leaky_relu":  # with another slope than elsewhere
        return LeakyReLU(0.2)
    if name not in [*ACTIVATIONS]:
        raise layer.refused(f"the activation {', '.join(ACTIVATIONS)}, not {name!r}")
    return ACTIVATIONS[name]()


def check_padding(layer: KerasLayer, following: Sequence[str]) -> None:
    """Refuse an Embedding with padding, if anything looks at what stands at the places of it.

    Keras forgets of padding where there is a Conv1D.
    """
    looks = next((kind for kind in following if kind not in BY_PLACE), None)
    if looks not in SKIP_PADDING or {"GlobalMaxPooling1D", "Conv1D"} & {*following}:
        raise layer.refused(
            f"mask_zero=True before one of {', '.join(SKIP_PADDING)}, which leave padding out",
            "mask_zero=False, if padding is read as any other code",
        )


def axes_behind(layer: Layer, axes: int | None) -> int | None:
    """Number of axes of a row after a layer, from `axes` before it."""
    if isinstance(layer, Flatten | MeanOverTime | MaxOverTime):
        return 1
    if isinstance(layer, Reshape):
        return len(layer.shape)
    if isinstance(layer, RecurrentLayer):
        return 2 if layer.return_sequences else 1
    return axes + 1 if axes and layer.integer_input else axes


def with_channels_first(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers, and a Transpose wherever one wants the channels on another axis than they are.

    What goes number by number is left where it is.
    """
    axes = 0  # of a row whose channels come first; 0 while they come last
    for layer in layers:
        wanted = layer.ndim - 1 if layer.feature_axis == 1 and layer.ndim else 0
        if wanted != axes and not isinstance(layer, BY_NUMBER):
            yield from _moves(axes, wanted)
            axes = wanted
        yield layer
    yield from _moves(axes, 0)


def _moves(axes: int, wanted: int) -> Iterator[Layer]:
    if axes:
        yield Transpose(*range(2, axes + 1), 1)
    if wanted:
        yield Transpose(wanted, *range(1, wanted))


LEAST_SCALE = 1e-7  # that Keras divides by
NOTHING = ("Activation", "Identity")  # beside the activation, if there is one
WITH_ACTIVATION = ("Activation", "Dense", "Conv1D", "Conv2D")
# The layer of each, and where Keras has its gates.
RECURRENT: dict[str, tuple[type[RecurrentLayer], list[int]]] = {
    "SimpleRNN": (RNN, [0]),
    "GRU": (GRU, [1, 0, 2]),
    "LSTM": (LSTM, [0, 1, 2, 3]),
}
SKIP_PADDING = (*RECURRENT, "GlobalAveragePooling1D")
BY_PLACE = ("Activation", "Dense", "Dropout", "LayerNormalization", "ReLU", "LeakyReLU", "ELU")
BY_NUMBER: tuple[type[Layer], ...] = (*({*ACTIVATIONS.values()} - {Softmax}), Dropout, LeakyReLU)
MADE: dict[str, Callable[[KerasLayer], Layer]] = {
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
    "Dropout": lambda layer: Dropout(layer.said["rate"]),
    "LeakyReLU": lambda layer: LeakyReLU(layer.said["negative_slope"]),
    "ELU": lambda layer: ELU(layer.said["alpha"]),
}
