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
from handgrad.exchange.importing.keras_weights import BY_KERAS, KerasWeights
from handgrad.exchange.importing.limits import (
    Budget,
    check_count,
    made_of,
    naming,
    read_from,
    within,
)
from handgrad.exchange.importing.parts import net_of, refused
from handgrad.files.architecture import MOST_LAYERS
from handgrad.files.paths import opened
from handgrad.files.tensors import shown, strict_json
from handgrad.textbook.errors import FileError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Layer
from handgrad.textbook.net import Net

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
        naming(path),
    ):
        with (
            read_from("not a file of Keras 3", f"{CONFIG} and {WEIGHTS} in it", BY_KERAS),
            zipfile.ZipFile(file) as parts,
        ):
            config, weights = (_content(parts, name, size) for name in (CONFIG, WEIGHTS))
        entries = _entries(strict_json(config, CONFIG, BY_KERAS))
        with (
            read_from(WEIGHTS, "the weights that Keras 3 writes", BY_KERAS),
            File(BytesIO(weights), "r") as numbers,
        ):
            layers = within(Budget(size), _layers(entries, KerasWeights(numbers, Budget(size))))
            return net_of([*with_channels_first(layers)], "a Sequential")


def _content(parts: zipfile.ZipFile, name: str, size: int) -> bytes:
    """Read a part of the archive, stored or deflated, with a limit from its `size`."""
    found, most = parts.getinfo(name), 4 * Budget(size).most
    if found.file_size > most:
        raise FileError(
            f"{name} of {found.file_size:,} bytes in a file of {size:,}",
            f"{most:,} bytes at most",
            BY_KERAS,
        )
    if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FileError(f"{name}, packed by method {found.compress_type}", "deflate", BY_KERAS)
    return parts.read(found)


def _entries(config: object) -> Sequence[Entry]:
    """Class and settings of each layer."""
    found = config if isinstance(config, dict) else {}
    kind, said = found.get("class_name"), found.get("config")
    if isinstance(kind, str) and kind != "Sequential":
        raise refused(f"a model of the class {shown(kind)}", KINDS)
    entries = said.get("layers") if isinstance(said, dict) else None
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
    seen: Counter[str] = Counter()
    axes: int | None = None  # of a row
    for i, entry in enumerate(entries):
        kind, said = entry["class_name"], entry["config"]
        layer = KerasLayer(kind, said, weights.of(_place(kind, seen)), axes)
        with made_of(layer.place, "settings or weights", BY_KERAS):
            if said.get("mask_zero"):
                check_padding(layer, [other["class_name"] for other in entries[i + 1 :]])
            made: list[Layer] = []
            if kind == "InputLayer":
                axes = len(said["batch_shape"]) - 1
            elif kind in MADE:
                made.append(MADE[kind](layer))
                axes = axes_behind(made[0], axes)
            elif kind not in NOTHING:
                raise layer.refused(KINDS)
            if kind in WITH_ACTIVATION and (found := activation(layer)):
                made.append(found)
        yield from made


def _place(kind: str, seen: Counter[str]) -> str:
    """HDF5 group of the next layer of a kind."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)
    words = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
    number = f"_{seen[kind]}" if seen[kind] else ""
    seen[kind] += 1
    return f"layers/{words}{number}/{'cell/' if kind in RECURRENT else ''}vars"
