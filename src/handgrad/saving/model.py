"""Whole nets in files: the weights, and what the net is made of; numbers and words, no code."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.errors import HandgradError, SettingError, described
from handgrad.files import FileError, write_whole
from handgrad.layers import Array, Layer
from handgrad.net import Net
from handgrad.saving.architecture import Reader, Writer, handgrads
from handgrad.saving.names import all_learned
from handgrad.saving.same import check_same
from handgrad.saving.tensors import COPIED_WHOLE, Stored, damaged, parsed, read, shown, strict_json

FORMAT_VERSION = 1
KEYS = {"format_version", "net", "frozen", "about"}


def save(net: Net, path: str | Path, *, about: Mapping[str, Any] | None = None) -> Path:
    """Write `net` whole into one .safetensors file, which `hg.load` reads.

    It holds the layers with their settings as JSON, all parameters and running state, and which
    layers are frozen; PyTorch reads the weights by its own names, `0.weight` for `0.W`. `about`
    is whatever else should stand there, as JSON has it. An old file at `path` stays until the new
    one is whole. `SettingError` if the net would not come back just as it is, `FileError` if the
    file cannot be written. docs/model-file.md describes the file.

    >>> import tempfile, handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 3), hg.Tanh())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hg.load(hg.save(net, folder + "/net.safetensors"))
    Net(Linear(2, 3), Tanh())
    """
    from safetensors.numpy import save as in_bytes

    if not isinstance(net, Net):
        raise SettingError(described(net), "a net", "hg.save(hg.Net(layer), path)")
    writer = Writer()
    document = {
        "format_version": FORMAT_VERSION,
        "net": writer.described(net),
        "frozen": [place for place, layer in net.walk() if not layer.trainable],
        "about": dict(about or {}),
    }
    try:
        words = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"something that JSON cannot hold: {error}",
            "finite numbers, words, True, False, None; in about= also lists and dicts of them",
            "str(value), or a number that is finite",
        ) from error
    arrays = all_learned(net)
    if twice := arrays.keys() & writer.arrays.keys():
        raise SettingError(
            f"two arrays called {', '.join(sorted(twice))}",
            "a setting and a parameter with names of their own",
            "another name for the setting",
        )
    arrays |= writer.arrays
    contiguous = {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    content = in_bytes(contiguous, metadata={"handgrad": words})
    _check_comes_back(net, content)
    return write_whole(path, lambda file: file.write(content), "wb")


def load(path: str | Path, layers: Mapping[str, type[Layer]] | None = None) -> Net:
    """The net in a file that `hg.save` wrote.

    A layer of your own is made only by a class given here by its name, `layers={"Scale": Scale}`.
    Beyond these classes and handgrad's own nothing is run, imported or written, whatever the file
    says. `FileError`, naming the file and the reason, for all that is not a whole net with finite
    numbers. No more is allocated than a few times what the file holds.
    """
    own = {} if layers is None else layers
    if not isinstance(own, Mapping) or not all(
        isinstance(kind, type) and issubclass(kind, Layer) for kind in own.values()
    ):
        raise SettingError(
            f"layers={shown(layers)}", "classes of layers by name", 'layers={"Scale": Scale}'
        )
    try:
        return _net_in(read(path), own)
    except FileError as error:
        error.where = str(path)
        raise


def _net_in(stored: Stored, own: Mapping[str, type[Layer]]) -> Net:
    """The net that a file describes, with the numbers that the file holds."""
    document, reader = document_of(stored.metadata), Reader(stored.arrays, own)
    net = reader.layer(document["net"])
    walked = dict(net.walk())
    if not isinstance(net, Net):
        raise damaged(f"{shown(net)} as the whole", "a net")
    if len(walked) != len(reader.made):
        raise damaged("a layer among settings that no layer keeps", "it to be in self.layers")
    if unknown := stored.arrays.keys() - reader.used:
        raise damaged(f"a tensor {shown(min(unknown))}", "those that the layers have, no others")
    _fill(net, stored.arrays)
    frozen = document["frozen"]
    if not isinstance(frozen, list) or not all(
        isinstance(place, str) and place in walked for place in frozen
    ):
        raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers, as 0.1")
    for place in frozen:
        walked[place].trainable = False
    return net


def _fill(net: Net, arrays: Mapping[str, Array]) -> None:
    """Copy the numbers, of the net's type and finite, into the arrays of the net."""
    for tensor, array in all_learned(net).items():
        values = arrays[tensor]
        if values.dtype != net.dtype:
            raise damaged(f"{tensor} is {values.dtype}", f"{net.dtype}, as the net is")
        if not np.isfinite(values).all():
            raise FileError(
                f"{tensor} has NaN or infinity in it",
                "finite numbers",
                "a file from before the training went wrong",
            )
        array[...] = values


def document_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the metadata say of the net: the layers, and which are frozen."""
    if "handgrad" not in metadata:
        raise FileError(
            "weights without a net",
            "a file that hg.save wrote",
            "hg.load_weights(net, path), into a net of the same layers",
        )
    document = strict_json(metadata["handgrad"], "the description of the net")
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        raise FileError(
            f"format version {shown(version)}",
            f"format version {FORMAT_VERSION}, which this handgrad reads",
            "a newer handgrad",
        )
    if type(version) is not int or version != FORMAT_VERSION:
        raise damaged(f"format version {shown(version)}", f"{FORMAT_VERSION}")
    if set(document) != KEYS:
        raise damaged(f"the keys {shown(sorted(document))}", ", ".join(sorted(KEYS)))
    return document


def _check_comes_back(net: Net, content: bytes) -> None:
    """Refuse to write what would not be the same net when it is read."""
    own = {
        type(layer).__name__: type(layer)
        for _, layer in net.walk()
        if handgrads().get(type(layer).__name__) is not type(layer)
    }
    try:
        check_same(net, _net_in(parsed(io.BytesIO(content), len(content)), own))
    except HandgradError as error:
        hint = error.hint
        if hint == COPIED_WHOLE:
            hint = "arguments of __init__ kept under their names, layers in self.layers"
        raise SettingError(
            f"{shown(net)} would not come back from a file: {error.came}", error.expected, hint
        ) from error
