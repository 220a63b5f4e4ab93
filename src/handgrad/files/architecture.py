"""Layers as JSON, by name and settings, and the creation of layers from it."""

import inspect
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from handgrad.files.tensors import COPIED_WHOLE, damaged, refused_as_damaged, shown
from handgrad.files.weights import all_learned, fill, learned, placed, words_of
from handgrad.textbook import layers, net
from handgrad.textbook.errors import FileError, SettingError, did_you_mean
from handgrad.textbook.layers import Array, Layer, defaults
from handgrad.textbook.layers.initializers import without_initialization
from handgrad.textbook.module import arguments_of

MOST_LAYERS, DEEPEST = 1000, 16
NET_IN_ONNX = "handgrad.net"  # metadata key of the JSON in an ONNX model

# An integer setting may be as large as the number of float32 values in the file, and the product of
# all settings of one layer 64 times that (sizes, strides and paddings are among them). Layers
# without arrays have sizes too, so this much is always allowed.
ALWAYS_ALLOWED = 2**20


# Public layer classes by name.
LAYERS: dict[str, type[Layer]] = {
    name: kind
    for module in (layers, net)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}

# Arguments for initial weights; a file has the weights.
HOW_WEIGHTS_BEGIN = ("rng", "initializer")

VARIADIC = inspect.Parameter.VAR_POSITIONAL
Parameters = Mapping[str, inspect.Parameter]


@dataclass
class LayerWriter:
    """Writer that describes layers as JSON and collects their arrays by name in the file.

    `own` has the classes of custom layers by name.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    own: dict[str, type[Layer]] = field(default_factory=dict)

    def whole(self, layer: Layer, path: str = "") -> dict[str, Any]:
        """Describe a layer, and collect its parameters and running state."""
        entry, arrays = self.described(layer, path), all_learned(layer, path)
        if twice := arrays.keys() & self.arrays.keys():
            raise SettingError(
                f"two arrays named {', '.join(sorted(twice))}",
                "a different name for each",
                "another name for the setting",
            )
        self.arrays |= arrays
        kinds = {type(inner).__name__: type(inner) for _, inner in layer.walk()}
        self.own |= {name: kind for name, kind in kinds.items() if LAYERS.get(name) is not kind}
        return entry

    def described(self, layer: Layer, path: str) -> dict[str, Any]:
        """Describe a layer: `{"layer": "Linear", "settings": {"n_in": 2, ...}}`."""
        kind, places = type(layer), count()

        def written(value: object, name: str) -> Any:
            if isinstance(value, Layer):
                return self.described(value, placed(path, str(next(places))))
            if isinstance(value, list | tuple):
                return [written(part, name) for part in value]
            if isinstance(value, np.ndarray) and (tensor := placed(path, name)) not in self.arrays:
                self.arrays[tensor] = value
                return {"array": name}
            try:
                return plain(value)
            except TypeError:
                raise SettingError(
                    f"{layer!r} has the setting {name}={shown(value)}",
                    "numbers, str, None, one array, layers, or tuples of them",
                    "a separate layer class: a file cannot hold code",
                    f"layer {path}" if path else "",
                ) from None

        in_training = {*layer.param_names, *layer.state_names}
        settings = {
            name: written(value, name)
            for name, value in settings_of(layer).items()
            if not (isinstance(value, np.ndarray) and name in in_training)
        }
        key = "layer" if LAYERS.get(kind.__name__) is kind else "own_layer"
        return {key: kind.__name__, "settings": settings}


@dataclass
class LayerReader:
    """Reader that creates layers from their descriptions and tensors, within limits."""

    tensors: Mapping[str, Array]
    own: Mapping[str, type[Layer]]
    made: dict[int, tuple[Layer, str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    n_layers: int = 0

    def __post_init__(self) -> None:
        self.n_bytes = sum(array.nbytes for array in self.tensors.values())
        self.n_numbers = self.undrawn = self.n_bytes // 4

    def whole(self, entry: object, path: str = "") -> Layer:
        """Create the layer described by `entry`, with its numbers."""
        layer = self.layer(entry, path)
        fill(layer, path, self.tensors)
        return layer

    def layer(self, entry: object, path: str) -> Layer:
        """Create the layer described by `entry`, with arrays in the shapes of the file's."""
        name, own, settings = layer_entry(entry, path)
        kind = self._kind_of(name, own, path)
        where = f"{_place(path)}, {kind.__name__}"
        self.n_layers += 1
        if self.n_layers > MOST_LAYERS or path.count(".") >= DEEPEST:
            raise FileError(
                f"more than {MOST_LAYERS} layers, or {DEEPEST} levels of nesting",
                "at most that",
                "a smaller net",
            )
        arguments = self._given(kind, settings, path, where)
        with refused_as_damaged(where, "settings that it takes"):
            with defaults(), without_initialization(lambda shape: self._allow(shape, where)):
                layer = call(kind, arguments)
            self._check_new(layer, path)
        return layer

    def _kind_of(self, name: str, own: bool, path: str) -> type[Layer]:
        if name not in (self.own if own else LAYERS):
            raise FileError(
                f"{_place(path)} is {shown(name)}" + (", a custom layer" if own else ""),
                "its class in layers=" if own else f"one of {', '.join(sorted(LAYERS))}",
                f'hg.load(path, layers={{"{shown(name)}": {shown(name)}}})'
                if own
                else did_you_mean(shown(name), LAYERS, "a newer handgrad, which may have it"),
            )
        return self.own[name] if own else LAYERS[name]

    def _given(
        self, kind: type[Layer], settings: dict[str, object], path: str, where: str
    ) -> dict[str, Any]:
        """Constructor's arguments: layers created, arrays looked up, sizes within limits."""
        parameters, places = parameters_of(kind), count()
        sizes: list[int] = []
        arguments: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in parameters:
                known = ", ".join(parameters) or "no settings"
                raise damaged(f"{where}: a setting {shown(name)}", known)
            arguments[name] = self._read(value, path, places, sizes)
        self._check_sizes(sizes, where)
        for name, parameter in parameters.items():
            if name in arguments:
                if parameter.kind == VARIADIC and not isinstance(arguments[name], tuple):
                    raise damaged(f"{where}: {name} is {shown(arguments[name])}", "a list")
            elif (word := words_of(kind).get(name)) and placed(path, word) in self.tensors:
                arguments[name] = self.tensors[placed(path, word)].copy()
            elif parameter.kind == VARIADIC or parameter.default is parameter.empty:
                raise damaged(f"{where}: no setting {name}", "all settings without a default")
        return arguments

    def _read(self, value: object, path: str, places: Iterator[int], sizes: list[int]) -> Any:
        if isinstance(value, list):
            return tuple(self._read(part, path, places, sizes) for part in value)
        if isinstance(value, dict):
            if set(value) != {"array"}:
                return self.layer(value, placed(path, str(next(places))))
            tensor = placed(path, str(value["array"]))
            if tensor not in self.tensors:
                raise damaged(f"no tensor {shown(tensor)}", "the array of a setting")
            self.used.add(tensor)
            return self.tensors[tensor].copy()
        if isinstance(value, int) and not isinstance(value, bool):
            sizes.append(value)
        return value

    def _check_sizes(self, sizes: list[int], where: str) -> None:
        most, product = max(ALWAYS_ALLOWED, self.n_numbers), 1
        for size in sizes:
            product *= max(1, abs(size))
            if abs(size) > most or product > max(4 * ALWAYS_ALLOWED, 64 * self.n_numbers):
                raise FileError(
                    f"{where}: sizes {shown(sizes)} in a file with {self.n_bytes} bytes of numbers",
                    f"integers up to {most}",
                    f"{float(most)} instead of {most}, if a number is not a size",
                )

    def _allow(self, shape: tuple[int, ...], where: str) -> None:
        self.undrawn -= math.prod(map(int, shape))
        if self.undrawn < 0:
            raise FileError(
                f"{where}: weights of shape {shape} in a file with {self.n_bytes} bytes of numbers",
                "the weights of all layers in the file",
                COPIED_WHOLE,
            )

    def _check_new(self, layer: Layer, path: str) -> None:
        """Refuse a new layer unless the file has its arrays in their shapes."""
        for place, inner in layer.walk(path):
            if id(inner) in self.made:
                if (meant := self.made[id(inner)][1]) != place:
                    raise damaged(f"{_place(meant)} appears as {place}", "layers in their order")
                continue
            self.made[id(inner)] = inner, place
            for tensor, array in learned(inner, place):
                if tensor not in self.tensors:
                    raise damaged(f"no tensor {shown(tensor)}", f"the arrays of {_place(place)}")
                if self.tensors[tensor].shape != array.shape:
                    raise damaged(
                        f"{tensor} has shape {self.tensors[tensor].shape}",
                        f"shape {array.shape}, as {_place(place)} has it",
                    )
                self.used.add(tensor)


def layer_entry(entry: object, path: str) -> tuple[str, bool, dict[str, object]]:
    """Name of a described layer, a flag for a custom layer, and its settings."""
    if isinstance(entry, dict) and len(entry) == 2 and isinstance(entry.get("settings"), dict):
        for key in ("layer", "own_layer"):
            if isinstance(name := entry.get(key), str):
                return name, key == "own_layer", entry["settings"]
    raise damaged(f"{_place(path)}: {shown(entry)}", "a layer with its settings")


def _place(path: str) -> str:
    return f"layer {path}" if path else "the net"


def parameters_of(kind: type[Layer]) -> Parameters:
    """Constructor's parameters by name, except those for initial weights."""
    return {
        name: parameter
        for name, parameter in inspect.signature(kind).parameters.items()
        if name not in HOW_WEIGHTS_BEGIN and parameter.kind != parameter.VAR_KEYWORD
    }


def settings_of(layer: Layer) -> dict[str, Any]:
    """Value of each argument: the attribute of that name, else the argument passed."""
    kind = type(layer)
    made = arguments_of(layer)
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind == parameter.VAR_KEYWORD and made.get(name):
            raise SettingError(
                f"{layer!r} got {', '.join(made[name])} through **{name}",
                "named arguments of the constructor",
                f"named arguments instead of **{name} in {kind.__name__}.__init__",
            )
    settings = {}
    for name, parameter in parameters_of(kind).items():
        if name in vars(layer) or isinstance(getattr(kind, name, None), property):
            settings[name] = getattr(layer, name)
        elif parameter.kind == VARIADIC:
            values = made[name]
            layers = all(isinstance(value, Layer) for value in values)
            settings[name] = layer.layers if layers else values  # layers may have been added
        else:
            settings[name] = made[name]
    return settings


def call(kind: type[Layer], given: Mapping[str, Any]) -> Layer:
    """Create the layer with the arguments that differ from the defaults, in their order."""
    parameters = parameters_of(kind)
    kinds = {parameter.kind for parameter in parameters.values()}
    arguments = OrderedDict(
        (name, given[name])
        for name, parameter in parameters.items()
        if name in given
        and (
            (VARIADIC in kinds and parameter.kind != parameter.KEYWORD_ONLY)  # positional
            or not is_default(given[name], parameter)
        )
    )
    bound = inspect.BoundArguments(inspect.Signature([*parameters.values()]), arguments)
    return kind(*bound.args, **bound.kwargs)


def is_default(value: object, parameter: inspect.Parameter) -> bool:
    """Check whether a setting in its JSON form equals the default."""
    try:
        default = plain(parameter.default)
    except TypeError:
        return False
    return type(value) is type(default) and bool(value == default)


def plain(value: object) -> Any:
    """Convert a setting without arrays and layers to JSON; TypeError if that is impossible."""
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    raise TypeError
