"""Inspection of a model file by its header alone: nothing is made, and no number is read."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handgrad.files import FileError
from handgrad.saving.entries import (
    EstimatorEntry,
    PipelineEntry,
    entry_of,
    net_entry,
    summary_of,
)
from handgrad.saving.model import document_of
from handgrad.saving.tensors import Tensor, damaged, read_header, refused_as_damaged, shown


@dataclass(frozen=True)
class FileLayer:
    """A layer as a file describes it: its place, its name, its settings, its own tensors."""

    place: str
    name: str
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
    `others` are tensors of no layer of the net, as those of layers among settings.
    """

    path: Path
    bytes: int
    format_version: int | None
    estimators: tuple[FileEstimator, ...]
    layers: tuple[FileLayer, ...]
    others: dict[str, Tensor]
    frozen: tuple[str, ...]
    about: Any

    @property
    def numbers(self) -> int:
        """How many numbers all tensors have together."""
        held = [
            *self.others.values(),
            *(t for layer in self.layers for t in layer.tensors.values()),
        ]
        return sum(math.prod(tensor.shape) for tensor in held)

    def as_dict(self) -> dict[str, Any]:
        """All of it as dictionaries and lists."""

        def shapes(tensors: dict[str, Tensor]) -> dict[str, Any]:
            return {n: {"shape": t.shape, "dtype": str(t.dtype)} for n, t in tensors.items()}

        return {
            "path": str(self.path),
            "bytes": self.bytes,
            "numbers": self.numbers,
            "format_version": self.format_version,
            "estimators": [vars(estimator) for estimator in self.estimators],
            "layers": [
                {
                    "place": layer.place,
                    "layer": layer.name,
                    "own": layer.own,
                    "settings": layer.settings,
                    "tensors": shapes(layer.tensors),
                }
                for layer in self.layers
            ],
            "other_tensors": shapes(self.others),
            "frozen": self.frozen,
            "about": self.about,
        }


def inspect(path: str | Path) -> ModelFile:
    """The contents of a .safetensors file; `FileError` for one that no writer leaves."""
    try:
        header = read_header(path)
        size, left = Path(path).stat().st_size, dict(header.tensors)
        if "handgrad" not in header.metadata:
            return ModelFile(Path(path), size, None, (), (), left, (), {})
        document = document_of(header.metadata)
        version, about = document["format_version"], document["about"]
        estimators: tuple[FileEstimator, ...]
        if version == 1:
            estimators, net, frozen = (), document["net"], document["frozen"]
        else:
            model = entry_of(document["model"])
            estimators, entry = tuple(_estimators(model, "")), net_entry(model)
            net, frozen = entry.net, entry.frozen
        layers = () if net is None else tuple(_walked(net, "", left))
        if not isinstance(frozen, list) or not all(isinstance(place, str) for place in frozen):
            raise damaged(f"{shown(frozen)} as frozen", "a list of places of layers")
        found = (estimators, layers, left, tuple(frozen), about)
        return ModelFile(Path(path), size, version, *found)
    except FileError as error:
        error.where = str(path)
        raise


def _estimators(entry: EstimatorEntry | PipelineEntry, step: str) -> Iterator[FileEstimator]:
    """The estimator, or the Pipeline and its steps."""
    if isinstance(entry, PipelineEntry):
        yield FileEstimator(step, "Pipeline", entry.settings)
        for name, inner in entry.steps:
            yield from _estimators(inner, name)
        return
    with refused_as_damaged(entry.name, "what a fit leaves"):
        yield FileEstimator(step, entry.name, entry.settings, **summary_of(entry))


def _walked(tree: object, place: str, left: dict[str, Tensor]) -> Iterator[FileLayer]:
    """The layer and those within it; each takes the tensors at its place out of `left`.

    What its constructor makes within a layer is not described: those tensors are the layer's.
    """
    kind = "own_layer" if isinstance(tree, dict) and "own_layer" in tree else "layer"
    if not isinstance(tree, dict) or not isinstance(tree.get(kind), str):
        raise damaged(f"{shown(tree)} as a layer", "a name and settings")
    settings = tree.get("settings")
    if not isinstance(settings, dict):
        raise damaged(f"{shown(settings)} as settings of a layer", "settings by name")
    prefix = f"{place}." if place else ""
    plain = {name: value for name, value in settings.items() if not [*_layers_in(value)]}
    parts = [part for value in settings.values() for part in _layers_in(value)]
    inner = [layer for i, part in enumerate(parts) for layer in _walked(part, f"{prefix}{i}", left)]
    mine = [name for name in left if name.startswith(prefix) and (place or _of_a_net(name))]
    tensors = {name.removeprefix(prefix): left.pop(name) for name in mine}
    yield FileLayer(place, tree[kind], kind == "own_layer", plain, tensors)
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
