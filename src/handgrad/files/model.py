"""Model files: weights and a description of the model, without code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.files.estimators import ModelReader, ModelWriter, entry_of, is_pipeline
from handgrad.files.paths import as_path, write_whole
from handgrad.files.tensors import (
    COPIED_WHOLE,
    Stored,
    damaged,
    naming,
    parsed,
    read,
    shown,
    strict_json,
)
from handgrad.files.values import check_texts
from handgrad.textbook.errors import FileError, HandgradError, SettingError
from handgrad.textbook.layers import Layer
from handgrad.textbook.net import Net

ENDING = ".safetensors"

# The keys of each version: of a net's file, and of an estimator's.
KEYS = {
    1: {"format_version", "net", "frozen", "about"},
    2: {"format_version", "model", "about"},
}


def save(model: object, path: str | Path, *, about: Mapping[str, object] | None = None) -> Path:
    """Save a net or a fitted estimator to a .safetensors file, for `hg.load`.

    The file has the layers and settings as JSON, all parameters and running state, the frozen
    layers, and for an estimator its parameters and fitted state. PyTorch reads the weights by its
    own names, `0.weight` for `0.W`. docs/model-file.md describes the format.

    Parameters
    ----------
    model : Net, estimator of handgrad, or scikit-learn Pipeline of these
        Net, or fitted estimator.
    path : path
        Ends in .safetensors or has no extension; replaced only when the new file is complete.
    about : dict, optional
        Other information, in types that JSON has.

    Returns
    -------
    Path

    Raises
    ------
    SettingError
        The model would not be restored exactly, or the path has another extension.
    FileError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile, handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 3), hg.Tanh())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hg.load(hg.save(net, folder + "/net.safetensors"))
    Net(Linear(2, 3), Tanh())
    """
    from safetensors.numpy import save as in_bytes

    path = as_path(path)
    if path.suffix.lower() not in ("", ENDING):
        raise SettingError(
            f"path = {str(path)!r}",
            f"the extension {ENDING} or none: there is no other format",
            f"{str(path.with_suffix(ENDING))!r}, which PyTorch and others read too",
        )
    writer = ModelWriter()
    document = writer.document(model)
    try:
        words = json.dumps(document | {"about": dict(about or {})}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"a value that JSON cannot hold: {error}",
            "finite numbers, str, bool, None; in about= also lists and dicts of them",
            "str(value), or a finite number",
        ) from error
    arrays = {n: np.ascontiguousarray(a).reshape(a.shape) for n, a in writer.arrays.items()}
    content = in_bytes(arrays, metadata={"handgrad": words})
    try:  # read it back before writing it
        _check_same(model, _model_in(parsed(content), writer.own), writer, document)
    except HandgradError as error:
        hint = error.hint
        if hint == COPIED_WHOLE:
            hint = "arguments of __init__ stored under their names, layers in self.layers"
        raise SettingError(
            f"{shown(model)} would not be restored from a file: {error.came}", error.expected, hint
        ) from error
    return write_whole(path, lambda file: file.write(content), "wb")


def load(path: str | Path, layers: Mapping[str, type[Layer]] | None = None) -> Any:
    """Load a net, an estimator or a Pipeline from a file of `hg.save`.

    Only handgrad's classes and those in `layers` are run, whatever the file contains, and memory is
    limited to a few times the size of the file.

    Parameters
    ----------
    path : path
        A file of `hg.save`.
    layers : dict of str to class, optional
        Classes of your own layers by name, `{"Scale": Scale}`.

    Returns
    -------
    Net, estimator or Pipeline

    Raises
    ------
    FileError
        The file is not a complete model with finite numbers.
    """
    own = {} if layers is None else layers
    if not isinstance(own, Mapping) or not all(
        isinstance(kind, type) and issubclass(kind, Layer) for kind in own.values()
    ):
        raise SettingError(
            f"layers={shown(layers)}", "layer classes by name", 'layers={"Scale": Scale}'
        )
    with naming(path):
        return _model_in(read(path), own)


def _model_in(stored: Stored, own: Mapping[str, type[Layer]]) -> Any:
    """Create the model of a file's description and tensors."""
    arrays, metadata = stored
    document, reader = document_of(metadata), ModelReader(arrays, own)
    if document["format_version"] == 1:
        model: Any = reader.net_of(document["net"], document["frozen"])
    else:
        model = reader.model(entry_of(document["model"]))
    if unknown := arrays.keys() - reader.used:
        raise damaged(f"a tensor {shown(min(unknown))}", "only tensors of the layers")
    return model


def document_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Description of the model in the metadata, with the keys of its version."""
    if "handgrad" not in metadata:
        raise FileError(
            "weights without a description of a net",
            "a file that hg.save wrote",
            "hg.exchange.load_weights(net, path), into a net of the same layers",
        )
    document = strict_json(metadata["handgrad"], "the description of the model")
    version = document.get("format_version") if isinstance(document, dict) else None
    if type(version) is int and version > max(KEYS):
        raise FileError(
            f"format version {shown(version)}",
            f"format version {max(KEYS)} or less, which this handgrad reads",
            "a newer handgrad",
        )
    if type(version) is not int or version not in KEYS:
        raise damaged(f"format version {shown(version)}", " or ".join(map(str, KEYS)))
    if set(document) != KEYS[version]:
        raise damaged(f"the keys {shown(sorted(document))}", ", ".join(sorted(KEYS[version])))
    check_texts(document.get("model"))
    return document


def _check_same(model: object, twin: object, writer: ModelWriter, said: object) -> None:
    """Refuse a twin with other layers or without part of the fitted state.

    `said` is the writer's description of the model.
    """
    if isinstance(model, Net) and isinstance(twin, Net):
        _check_layers(model, twin)
        return
    again = ModelWriter()
    same = again.document(twin) == said and all(
        np.array_equal(array, again.arrays[name]) for name, array in writer.arrays.items()
    )
    if not same:
        raise SettingError(
            "parameters or fitted attributes that would differ",
            "the state after a fit",
            "the attributes unchanged since the fit",
        )
    if writer.net is not None and again.net is not None:
        _check_layers(writer.net, again.net)
    _check_attributes(model, twin)


def _check_layers(net: Layer, twin: Layer) -> None:
    """Refuse a twin whose layers differ in class or settings."""
    for (path, layer), (_, other) in zip(net.walk(), twin.walk(), strict=True):
        if type(layer) is not type(other):
            raise SettingError(
                f"layers of two classes named {type(layer).__name__}",
                "a different name for each class",
                "rename one of them",
            )
        apart = ("layers", "rng", "training", *layer.param_names, *layer.state_names)
        for name in layer._made_of:
            old, new = vars(layer).get(name), vars(other).get(name)
            if name not in apart and not name.startswith("_") and not _alike(old, new):
                raise SettingError(
                    f"{layer!r}, layer {path}, has {name}={_short(old)}, "
                    f"but would be restored with {_short(new)}",
                    "attributes that follow from the constructor's arguments, stored by name",
                    f"{name} as an argument of __init__ stored in self.{name}, "
                    "or an array in state_names",
                )


def _check_attributes(model: object, twin: object) -> None:
    """Refuse a twin that lacks one of scikit-learn's fitted attributes."""
    if is_pipeline(model) and is_pipeline(twin):
        for (_, step), (_, other) in zip(model.steps, twin.steps, strict=True):
            _check_attributes(step, other)
        return
    fitted = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    if lost := sorted(fitted - vars(twin).keys()):
        raise SettingError(
            f"{type(model).__name__} has {', '.join(lost)}, which the file does not store",
            "the attributes of its fit",
            f"del model.{lost[0]}, if you set it",
        )


def _alike(old: object, new: object) -> bool:
    """Compare two attributes; values that cannot be compared count as equal."""
    old, new = (value.item() if isinstance(value, np.generic) else value for value in (old, new))
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        return np.array_equal(old, new, equal_nan=old.dtype.kind in "fc")
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_alike, old, new))
    plain = None | bool | int | float | str | np.ndarray
    if isinstance(old, plain) or isinstance(new, plain):
        return type(old) is type(new) and bool(old == new or old != old)
    return True


def _short(value: object) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:60]
