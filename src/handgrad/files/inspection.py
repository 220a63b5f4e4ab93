"""Inspection of a model file by its header alone: nothing is made, and no number is read."""

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
    """A layer as a file describes it: its place, its name, its settings, its own tensors."""

    place: str
    layer: str
    own: bool
    settings: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class FileEstimator:
    """An estimator as a file describes it: its step in a Pipeline, its name, its settings.

    `columns` says what each column was read as; `classes` and `target` what is predicted, where
    that is known.
    """

    step: str
    name: str
    settings: dict[str, Any]
    columns: dict[str, str] = field(default_factory=dict)
    classes: list[object] | None = None
    target: dict[str, object] | None = None


@dataclass(frozen=True)
class ModelFile:
    """The contents of a file: estimators, the whole first; layers, the net first; tensors; words.

    `about` is what stood in `hg.save(..., about=...)`; `frozen` has the places of layers that
    are not trained. A net's file has no estimators, a file of weights alone no layers either.
    `other_tensors` are those of no layer of the net, as those of layers among settings.
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
        """How many numbers all tensors have together."""
        held = [
            *self.other_tensors.values(),
            *(t for layer in self.layers for t in layer.tensors.values()),
        ]
        return sum(math.prod(tensor.shape) for tensor in held)

    def as_dict(self) -> dict[str, Any]:
        """All of it as dictionaries and lists."""
        return asdict(self) | {"path": str(self.path), "numbers": self.numbers}


def inspect(path: str | Path) -> ModelFile:
    """The contents of a .safetensors file; `FileError` for one that no writer leaves."""
    with naming(path):
        (tensors, metadata), size = read_header(path), Path(path).stat().st_size
        if "handgrad" not in metadata:
            return ModelFile(Path(path), size, None, (), (), tensors, (), {})
        document = document_of(metadata)
        said, estimators = document, tuple[FileEstimator, ...]()
        if document["format_version"] > 1:
            model = entry_of(document["model"])
            estimators, said = tuple(_estimators(model, "")), vars(model.with_net())
        net, frozen = said["net"], said["frozen"]
        layers = () if net is None else tuple(_walked(net, "", tensors))
        if not isinstance(frozen, list) or not all(isinstance(place, str) for place in frozen):
            raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers")
        found = (document["format_version"], estimators, layers, tensors, tuple(frozen))
        return ModelFile(Path(path), size, *found, document["about"])


def _estimators(entry: Entry, step: str) -> Iterator[FileEstimator]:
    """The estimator, or the Pipeline and its steps."""
    with refused_as_damaged(entry.name, "what a fit leaves"):
        summaries = {} if entry.steps else PACKAGES[entry.name]().SUMMARIES
        summary: Summary = summaries[entry.name](entry.fitted) if summaries else {}
    yield FileEstimator(step, entry.name, entry.settings, **summary)
    for name, inner in entry.steps:
        yield from _estimators(inner, name)


def _walked(tree: object, place: str, left: dict[str, Tensor]) -> Iterator[FileLayer]:
    """The layer and those within it; each takes the tensors at its place out of `left`.

    What its constructor makes within a layer is not described: those tensors are the layer's.
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
    """Whether it is the net's own or of one of its layers, not of a setting of an estimator."""
    first, _, rest = tensor.partition(".")
    return not rest or first.isdigit()


def _layers_in(value: object) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _layers_in(part)
    elif isinstance(value, dict) and ("layer" in value or "own_layer" in value):
        yield value
