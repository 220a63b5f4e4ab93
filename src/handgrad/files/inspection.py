"""Inspection of a model file by its header, without creating a model or reading numbers."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from handgrad.files.architecture import layer_entry
from handgrad.files.estimators import PACKAGES, Entry, Summary, entry_of
from handgrad.files.model import document_of
from handgrad.files.tensors import Tensor, damaged, naming, read_header, refused_as_damaged, shown


@dataclass(frozen=True)
class FileLayer:
    """Layer in a model file: its path, class, settings and own tensors."""

    place: str
    layer: str
    own: bool
    settings: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class FileEstimator:
    """Estimator in a model file.

    Parameters
    ----------
    step : str
        Name of its step in a Pipeline.
    name : str
        Its class.
    settings : dict
        Its parameters.
    columns : dict of str to str
        What each column was read as.
    classes : list, optional
        Classes that it predicts.
    target : dict, optional
        Description of the number that it predicts.
    """

    step: str
    name: str
    settings: dict[str, Any]
    columns: dict[str, str] = field(default_factory=dict)
    classes: list[object] | None = None
    target: dict[str, object] | None = None


@dataclass(frozen=True)
class ModelFile:
    """Content of a model file.

    Parameters
    ----------
    path : Path
        Path of the file.
    bytes : int
        Its size.
    format_version : int, optional
        None for a file with weights only.
    estimators : tuple of FileEstimator
        A Pipeline first, then its steps; empty for a net.
    layers : tuple of FileLayer
        The net first; empty for a file with weights only.
    other_tensors : dict of str to Tensor
        Tensors of no layer of the net, such as those of layers among settings.
    frozen : tuple of str
        Paths of frozen layers.
    about : object
        The argument `about` of `hg.save`.
    """

    path: Path
    bytes: int
    format_version: int | None
    estimators: tuple[FileEstimator, ...]
    layers: tuple[FileLayer, ...]
    other_tensors: dict[str, Tensor]
    frozen: tuple[str, ...]
    about: Any

    @property
    def numbers(self) -> int:
        """Total number of entries of all tensors."""
        held = [
            *self.other_tensors.values(),
            *(t for layer in self.layers for t in layer.tensors.values()),
        ]
        return sum(math.prod(tensor.shape) for tensor in held)

    def as_dict(self) -> dict[str, Any]:
        """Convert to dictionaries and lists."""
        return asdict(self) | {"path": str(self.path), "numbers": self.numbers}


def inspect(path: str | Path) -> ModelFile:
    """Read the content of a .safetensors file without its numbers; FileError if it is invalid.

    Parameters
    ----------
    path : path
        A file of `hg.save`, or a file with weights.
    """
    with naming(path):
        (tensors, metadata), size = read_header(path), Path(path).stat().st_size
        if "handgrad" not in metadata:
            return ModelFile(Path(path), size, None, (), (), tensors, (), {})
        document = document_of(metadata)
        entry, estimators = document, tuple[FileEstimator, ...]()
        if document["format_version"] > 1:
            model = entry_of(document["model"])
            estimators, entry = tuple(_estimators(model, "")), vars(model.with_net())
        net, frozen = entry["net"], entry["frozen"]
        layers = () if net is None else tuple(_walked(net, "", tensors))
        if not isinstance(frozen, list) or not all(isinstance(place, str) for place in frozen):
            raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers")
        fields = (document["format_version"], estimators, layers, tensors, tuple(frozen))
        return ModelFile(Path(path), size, *fields, document["about"])


def _estimators(entry: Entry, step: str) -> Iterator[FileEstimator]:
    """Iterate over an estimator, or a Pipeline and its steps."""
    with refused_as_damaged(entry.name, "what a fit leaves"):
        summaries = {} if entry.steps else PACKAGES[entry.name]().SUMMARIES
        summary: Summary = summaries[entry.name](entry.fitted) if summaries else {}
    yield FileEstimator(step, entry.name, entry.settings, **summary)
    for name, inner in entry.steps:
        yield from _estimators(inner, name)


def _walked(tree: object, place: str, left: dict[str, Tensor]) -> Iterator[FileLayer]:
    """Iterate over a layer and its inner layers; each takes its tensors out of `left`.

    Inner layers created by a constructor are not described: their tensors are the layer's.
    """
    name, own, settings = layer_entry(tree, place)
    prefix = f"{place}." if place else ""
    plain = {name: value for name, value in settings.items() if not [*_layers_in(value)]}
    parts = [part for value in settings.values() for part in _layers_in(value)]
    inner = [layer for i, part in enumerate(parts) for layer in _walked(part, f"{prefix}{i}", left)]
    mine = [name for name in left if name.startswith(prefix) and (place or _of_a_net(name))]
    tensors = {name.removeprefix(prefix): left.pop(name) for name in mine}
    yield FileLayer(place, name, own, plain, tensors)
    yield from inner


def _of_a_net(tensor: str) -> bool:
    """Check for a tensor of the net or its layers, not of an estimator's setting."""
    first, _, rest = tensor.partition(".")
    return not rest or first.isdigit()


def _layers_in(value: object) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _layers_in(part)
    elif isinstance(value, dict) and ("layer" in value or "own_layer" in value):
        yield value
