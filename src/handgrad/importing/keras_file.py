"""A net from a `.keras` file of a `Sequential`, read without Keras."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.base.errors import SettingError
from handgrad.base.install import install_hint
from handgrad.files import FileError, reason
from handgrad.importing.keras_layers import (
    MADE,
    NOTHING,
    RECURRENT,
    WITH_ACTIVATION,
    KerasLayer,
    activation,
    axes_behind,
    check_padding,
    with_channels_first,
)
from handgrad.importing.parts import floating_array, net_of, refused
from handgrad.layers import Array, Layer
from handgrad.net import Net

if TYPE_CHECKING:
    from h5py import File

# The class of a layer and its settings.
Entry = Mapping[str, Any]

KINDS = (
    "a Sequential of Dense, Conv1D, Conv2D, MaxPooling2D, AveragePooling2D, Embedding, SimpleRNN, "
    "GRU, LSTM, GlobalAveragePooling1D, GlobalMaxPooling1D, BatchNormalization, "
    "LayerNormalization, Normalization, Dropout, Flatten, Reshape, Permute, Activation, ReLU, "
    "LeakyReLU, ELU, Softmax"
)
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def from_keras(path: str | Path) -> Net:
    """The net of the same layers and weights as a `Sequential` of Keras in a `.keras` file, `path`.

    The file is read without Keras, by h5py. The net predicts what the model does, in the type of
    its weights, to rounding; around convolutions a `Transpose` moves the channels, which come last
    in Keras. What has no counterpart is refused, naming the layer.
    """
    try:
        from h5py import File
    except ImportError as error:
        raise SettingError(
            "from_keras without the package h5py",
            "h5py, which reads the weights in a .keras file",
            install_hint("keras"),
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
        layers = _layers(config["config"]["layers"], file)
        return net_of([*with_channels_first(layers)], str(path))


def _layers(entries: Sequence[Entry], file: File) -> Iterator[Layer]:
    seen: Counter[str] = Counter()
    axes: int | None = None  # of a row
    for i, entry in enumerate(entries):
        kind, said = entry["class_name"], entry["config"]
        layer = KerasLayer(kind, said, _arrays(kind, seen, file), axes)
        if said.get("mask_zero"):
            check_padding(layer, [other["class_name"] for other in entries[i + 1 :]])
        if kind == "InputLayer":
            axes = len(said["batch_shape"]) - 1
        elif kind in MADE:
            made = MADE[kind](layer)
            axes = axes_behind(made, axes)
            yield made
        elif kind not in NOTHING:
            raise layer.refused(KINDS)
        if kind in WITH_ACTIVATION and (found := activation(layer)):
            yield found


def _arrays(kind: str, seen: Counter[str], file: File) -> list[Array]:
    """What the file has for the next layer of a kind, whose group is named as Keras does it."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    number = f"_{seen[kind]}" if seen[kind] else ""
    seen[kind] += 1
    within = "cell/" if kind in RECURRENT else ""
    group = file.get(f"layers/{words}{number}/{within}vars", {})
    return [floating_array(group[str(i)]) for i in range(len(group))]
