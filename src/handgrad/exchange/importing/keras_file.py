"""`from_keras`: reads a Sequential from a .keras file, without Keras."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from handgrad.exchange.importing.keras_layers import (
    BUILDERS,
    RECURRENT,
    WITH_ACTIVATION,
    WITHOUT_LAYER,
    KerasLayer,
    activation_of,
    axes_after,
    check_padding,
    with_channels_first,
)
from handgrad.exchange.importing.keras_weights import BY_KERAS, KerasWeights
from handgrad.exchange.importing.limits import (
    Budget,
    check_count,
    file_errors,
    layer_errors,
    limited,
    path_in_errors,
)
from handgrad.exchange.importing.parts import net_of, refused
from handgrad.files.architecture import MOST_LAYERS
from handgrad.files.paths import opened
from handgrad.files.tensors import shown, strict_json
from handgrad.textbook.errors import FileError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Layer
from handgrad.textbook.net import Net

# A layer in config.json: class_name and config.
Entry = Mapping[str, Any]

SUPPORTED = (
    "a Sequential of Dense, Conv1D, Conv2D, MaxPooling2D, AveragePooling2D, Embedding, SimpleRNN, "
    "GRU, LSTM, GlobalAveragePooling1D, GlobalMaxPooling1D, BatchNormalization, "
    "LayerNormalization, Normalization, Dropout, Flatten, Reshape, Permute, Activation, ReLU, "
    "LeakyReLU, ELU, Softmax"
)
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def from_keras(path: str | Path) -> Net:
    """Convert a Keras `Sequential` in a .keras file to a net.

    The file is read by h5py, without Keras. Predictions agree to rounding, in the dtype of the
    weights. A `Transpose` before and after convolutions moves the channels, which are last in
    Keras.

    Parameters
    ----------
    path : str or Path
        File written by `model.save("model.keras")`.

    Returns
    -------
    Net
        The net with the same layers and weights.

    Raises
    ------
    SettingError
        For a layer that has no counterpart.
    FileError
        For an unreadable or damaged file.
    """
    require("from_keras", keras=["h5py"])
    from h5py import File

    with (
        opened(path, "a .keras file", 'hg.exchange.from_keras("model.keras")') as (file, size),
        path_in_errors(path),
    ):
        with (
            file_errors("not a file of Keras 3", f"{CONFIG} and {WEIGHTS} in it", BY_KERAS),
            zipfile.ZipFile(file) as archive,
        ):
            config, weights = (_content(archive, name, size) for name in (CONFIG, WEIGHTS))
        entries = _entries(strict_json(config, CONFIG, BY_KERAS))
        with (
            file_errors(WEIGHTS, "the weights that Keras 3 writes", BY_KERAS),
            File(BytesIO(weights), "r") as h5_file,
        ):
            layers = limited(_layers(entries, KerasWeights(h5_file, Budget(size))), Budget(size))
            return net_of([*with_channels_first(layers)], "a Sequential")


def _content(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Read a part of the archive, stored or deflated, with a limit from its `size`."""
    info, limit = archive.getinfo(name), 4 * Budget(size).limit
    if info.file_size > limit:
        raise FileError(
            f"{name} of {info.file_size:,} bytes in a file of {size:,}",
            f"at most {limit:,} bytes",
            BY_KERAS,
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileError(f"{name}, compressed by method {info.compress_type}", "deflate", BY_KERAS)
    return archive.read(info)


def _entries(config: object) -> Sequence[Entry]:
    """Layers in config.json, each a class_name and a config."""
    model = config if isinstance(config, dict) else {}
    kind, model_config = model.get("class_name"), model.get("config")
    if isinstance(kind, str) and kind != "Sequential":
        raise refused(f"a model of the class {shown(kind)}", SUPPORTED)
    entries = model_config.get("layers") if isinstance(model_config, dict) else None
    if kind != "Sequential" or not isinstance(entries, list):
        raise FileError(f"{CONFIG} with {shown(config)}", "the layers of a Sequential", BY_KERAS)
    check_count(len(entries), MOST_LAYERS, "layers")
    for entry in entries:
        settings = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(settings, dict) or not isinstance(entry.get("class_name"), str):
            raise FileError(
                f"{CONFIG} with {shown(entry)} as a layer", "a class_name and a config", BY_KERAS
            )
    return entries


def _layers(entries: Sequence[Entry], weights: KerasWeights) -> Iterator[Layer]:
    counts: Counter[str] = Counter()
    axes: int | None = None  # of a row
    for i, entry in enumerate(entries):
        kind, settings = entry["class_name"], entry["config"]
        layer = KerasLayer(kind, settings, weights.arrays(_group(kind, counts)), axes)
        with layer_errors(layer.place, "settings or weights", BY_KERAS):
            if settings.get("mask_zero"):
                check_padding(layer, [other["class_name"] for other in entries[i + 1 :]])
            converted: list[Layer] = []
            if kind == "InputLayer":
                axes = len(settings["batch_shape"]) - 1
            elif kind in BUILDERS:
                converted.append(BUILDERS[kind](layer))
                axes = axes_after(converted[0], axes)
            elif kind not in WITHOUT_LAYER:
                raise layer.refused(SUPPORTED)
            if kind in WITH_ACTIVATION and (activation_layer := activation_of(layer)):
                converted.append(activation_layer)
        yield from converted


def _group(kind: str, counts: Counter[str]) -> str:
    """Path of the HDF5 group of the next layer of a class."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    suffix = f"_{counts[kind]}" if counts[kind] else ""
    counts[kind] += 1
    return f"layers/{words}{suffix}/{'cell/' if kind in RECURRENT else ''}vars"
