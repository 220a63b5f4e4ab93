"""A net from a `.keras` file of a dense net, read without Keras."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.files import FileError, reason
from handgrad.importing.parts import (
    ACTIVATIONS,
    batch_norm,
    floating_array,
    layer_norm,
    linear,
    net_of,
    refused,
)
from handgrad.layers import ELU, Array, Dropout, Layer, LeakyReLU, ReLU, Softmax, Standardize
from handgrad.net import Net

if TYPE_CHECKING:
    from h5py import File

# The class of a layer and its settings.
Entry = Mapping[str, Any]

KINDS = (
    "a Sequential of Dense, BatchNormalization, LayerNormalization, Normalization, Dropout, "
    "Flatten, Activation, ReLU, LeakyReLU, ELU, Softmax"
)
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def from_keras(path: str | Path) -> Net:
    """The net of the same layers and weights as a `Sequential` of Keras in a `.keras` file, `path`.

    The file is read without Keras, by h5py. The net predicts what the model does, in the type of
    its weights, to rounding. What has no counterpart is refused, naming the layer.
    """
    try:
        from h5py import File
    except ImportError as error:
        raise SettingError(
            "from_keras without the package h5py",
            "h5py, which reads the weights in a .keras file",
            "pip install 'handgrad[keras]'",
        ) from error
    try:
        with zipfile.ZipFile(path) as parts:
            config, weights = json.loads(parts.read(CONFIG)), BytesIO(parts.read(WEIGHTS))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise FileError(
            f"{path}, which is no file that Keras 3 writes: {error}",
            f"a .keras file, with {CONFIG} and {WEIGHTS} in it",
            'model.save("model.keras")',
        ) from error
    except OSError as error:
        raise FileError(
            f"{path} could not be read: {reason(error)}", "a .keras file", "check the name"
        ) from error
    if config.get("class_name") != "Sequential":
        raise refused(f"a model of the class {config.get('class_name')}", KINDS)
    with File(weights, "r") as file:
        return net_of([*_layers(config["config"]["layers"], file)], str(path))


def _layers(entries: Sequence[Entry], file: File) -> Iterator[Layer]:
    seen: Counter[str] = Counter()
    for entry in entries:
        kind, said = entry["class_name"], entry["config"]
        layer = KerasLayer(f"layer {said.get('name')!r}, {kind}", said, _arrays(kind, seen, file))
        if kind in MADE:
            yield MADE[kind](layer)
        elif kind not in NOTHING:
            raise layer.refused(KINDS)
        activation = said.get("activation", "linear")
        if activation in OWN_ACTIVATIONS:
            yield OWN_ACTIVATIONS[activation]()
        elif activation in ACTIVATIONS:
            yield ACTIVATIONS[activation]()
        elif activation != "linear":
            raise layer.refused(f"the activation {', '.join(ACTIVATIONS)}, not {activation!r}")


def _arrays(kind: str, seen: Counter[str], file: File) -> list[Array]:
    """What the file has for the next layer of a kind, whose group is named as Keras does it."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    number = f"_{seen[kind]}" if seen[kind] else ""
    seen[kind] += 1
    group = file.get(f"layers/{words}{number}/vars", {})
    return [floating_array(group[str(i)]) for i in range(len(group))]


@dataclass(frozen=True)
class KerasLayer:
    """A layer as its file has it: what to call it in an error, its settings, its arrays."""

    name: str
    said: Mapping[str, Any]
    arrays: Sequence[Array]

    def refused(self, expected: str) -> SettingError:
        """What is said of one that has no counterpart."""
        return refused(self.name, expected)

    def named(self, *names: str) -> dict[str, Array]:
        """The arrays by these names, of which the file has as many."""
        if len(names) != len(self.arrays):
            raise self.refused(f"one with {', '.join(names)} in the file, that was built and saved")
        return dict(zip(names, self.arrays, strict=True))

    def over_features(self) -> None:
        """Refuse one that goes along another axis than that of the features."""
        axis = self.said.get("axis", -1)
        if axis not in (-1, 1, [-1], [1]):
            raise self.refused("axis=-1, the features")


def _dense(layer: KerasLayer) -> Layer:
    found = layer.named("kernel", *(["bias"] if layer.said["use_bias"] else []))
    return linear(found["kernel"].T, found.get("bias"))


def _batch_norm(layer: KerasLayer) -> Layer:
    layer.over_features()
    said = layer.said
    own = [name for name, told in (("gamma", said["scale"]), ("beta", said["center"])) if told]
    found = layer.named(*own, "mean", "var")
    arrays = (found.get("gamma"), found.get("beta"), found["mean"], found["var"])
    return batch_norm(*arrays, said["epsilon"], round(1 - said["momentum"], 12))


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


LEAST_SCALE = 1e-7  # that Keras divides by
NOTHING = ("InputLayer", "Flatten", "Activation")  # beside the activation, if there is one
MADE: dict[str, Callable[[KerasLayer], Layer]] = {
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Normalization": _normalization,
    "ReLU": _relu,
    "Softmax": _softmax,
    "Dropout": lambda layer: Dropout(layer.said["rate"]),
    "LeakyReLU": lambda layer: LeakyReLU(layer.said["negative_slope"]),
    "ELU": lambda layer: ELU(layer.said["alpha"]),
}
# Where a word is one thing in Keras and another elsewhere.
OWN_ACTIVATIONS: dict[str, Callable[[], Layer]] = {"leaky_relu": lambda: LeakyReLU(0.2)}
