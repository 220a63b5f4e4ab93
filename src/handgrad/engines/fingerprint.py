"""Fingerprints of nets and trainings, and the trace cache that is keyed by them.

`TraceCache` holds traces and compiled programs for the next training with the same structure. Two
trainings share a structure if they differ only in numbers, weights, rows and random streams. The
key holds everything that tracing depends on: the settings of the layers, the loss, the optimizer
and the penalty, and the code of their classes, with the functions and values that it names. If a
part cannot be compared, nothing is cached. `NetFingerprint` detects later changes to one net.
"""

import types
from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any, TypeVar, cast

import numpy as np

from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.kinds import PredictionKind, TargetKind
from handgrad.textbook.layers import Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

T = TypeVar("T")

MAX_TRACES = 32  # entries, with their machine code: about a megabyte each
# Immutable types, whose equal values are the same.
IMMUTABLE = (bool, int, float, str, type, NoneType, BuiltinFunctionType, ModuleType, np.ufunc)
IMMUTABLE_IN_NUMPY = (np.generic, np.dtype)
NO_SETTINGS = {"rng", "training", "layers", "_shapes", "_made_with", "_made_of", "_memory"}
BASES = {Module, Layer, Loss, Optimizer, Penalty, object}
NO_CODE = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"}


class TraceCache:
    """An LRU cache of traces and compiled programs, with room for `MAX_TRACES`."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Any] = {}
        self.lock = Lock()

    def get_or_make(
        self, make: Callable[[], T], modules: tuple[Module | None, ...], *others: Hashable
    ) -> T:
        """Return the cached result of `make` for this structure, or call it.

        Parameters
        ----------
        make : callable
            Called without arguments.
        modules : tuple of Module or None
            Layers, losses, optimizers and penalties.
        others : hashable
            Anything else that the result depends on.
        """
        try:
            key = (*map(_key_of_module, modules), *others)
        except _NotComparableError:
            return make()
        with self.lock:
            made = self.entries.pop(key, None)
        if made is None:
            made = make()
        with self.lock:
            self.entries[key] = made
            while len(self.entries) > MAX_TRACES:
                self.entries.pop(next(iter(self.entries)))
        return cast(T, made)


TRACES = TraceCache()


class _NotComparableError(Exception):
    """A value that cannot be compared with another."""


def _key_of_module(module: Module | None) -> Hashable:
    """A key that is equal for modules with equal traces; it includes the layers within a layer."""
    if module is None:
        return None
    walked = module.walk() if isinstance(module, Layer) else [("", module)]
    return tuple((path, _key_of_settings(part)) for path, part in walked)


def _key_of_settings(module: Module) -> Hashable:
    """The class and the settings of a module; of weights and state only the shape."""
    numbers = {*module.param_names, *module.state_names}
    left_out = NO_SETTINGS | ({"learning_rate"} if isinstance(module, Optimizer) else set())
    return _key_of_class(type(module), set()), tuple(
        (name, (value.shape, value.dtype) if name in numbers else _key_of_value(value, set()))
        for name, value in module.__getstate__().items()
        if name not in left_out
    )


def _key_of_value(value: object, seen: set[int]) -> Hashable:
    """A key for a value; 1, True and 1.0 have different keys."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.shape, value.dtype, value.tobytes()
    if isinstance(value, dict):
        pairs = value.items()
        return dict, tuple(
            (_key_of_value(name, seen), _key_of_value(part, seen)) for name, part in pairs
        )
    if isinstance(value, tuple | list):
        return type(value), tuple(_key_of_value(part, seen) for part in value)
    if isinstance(value, FunctionType):
        return _key_of_function(value, seen)
    if isinstance(value, property):
        return _key_of_value((value.fget, value.fset), seen)
    if isinstance(value, staticmethod | classmethod):
        return type(value), _key_of_value(value.__func__, seen)
    if isinstance(value, type):
        return _key_of_class(value, seen) if issubclass(value, Module) else (type, value)
    if isinstance(value, PredictionKind | TargetKind):
        return _key_of_class(type(value), seen), _key_of_value(vars(value), seen)
    if isinstance(value, IMMUTABLE_IN_NUMPY) or type(value) in IMMUTABLE:
        return type(value), value
    raise _NotComparableError


def _key_of_class(kind: type, seen: set[int]) -> Hashable:
    """A key for a class, with the code of its methods, which a notebook may redefine."""
    if id(kind) in seen:
        return kind
    seen.add(id(kind))
    parts: list[Hashable] = []
    for base in kind.__mro__:
        if base in BASES:
            continue
        own = base.__module__.startswith("handgrad.")
        for name, value in vars(base).items():
            if isinstance(value, FunctionType) or not (own or name in NO_CODE):
                parts.append((name, _key_of_value(value, seen)))
    return kind, tuple(parts)


def _key_of_function(function: FunctionType, seen: set[int]) -> Hashable:
    """A key for a function: its code and all that it names; for handgrad's own only the code."""
    if function.__module__.startswith(("handgrad.", "dataclasses")) or id(function) in seen:
        return function, function.__code__
    seen.add(id(function))
    names = {name: function.__globals__.get(name) for name in _global_names(function.__code__)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [function.__defaults__, function.__kwdefaults__, cells]
    return function.__code__, _key_of_value(names, seen), _key_of_value(defaults, seen)


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names in code and in nested code."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


# Immutable types: replacing a setting is detected.
IMMUTABLE_SETTINGS = (
    *(bool, int, float, str, type, types.NoneType, types.FunctionType, types.BuiltinFunctionType),
    *(np.generic, np.dtype, np.random.Generator, PredictionKind),
)


class NetFingerprint:
    """The layers and settings of a net at one time, without weights and running state.

    Raises a CannotLowerError for a setting whose changes cannot be detected.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.layers, self.changes = net, _layers_of(net), net._changes
        self.seen = self.changes.count
        self.lists = [(layer.layers, [*layer.layers]) for layer, _ in self.layers if layer.layers]
        self.contents = [
            (vars(layer)[name], value)
            for layer, settings in self.layers
            for name, value in settings.items()
            if _is_mutable(value)
        ]

    def matches(self) -> bool:
        """Return True if the net still has the same layers and settings."""
        for layers, before in self.lists:
            if layers != before:
                return False
        if not all(_equal(now, before) for now, before in self.contents):
            return False
        if (seen := self.changes.count) != self.seen:
            if not _all_equal(_layers_of(self.net), self.layers):
                return False
            self.seen = seen
        return True


def _layers_of(net: Layer) -> list[Any]:
    """The layers of a net with their settings."""
    return [(layer, _settings(layer)) for _, layer in net.walk()]


def _settings(layer: Layer) -> dict[str, Any]:
    varying = {*layer.param_names, *layer.state_names, "training", "trainable", "layers"}
    settings: dict[str, Any] = {}
    for name, value in layer.__getstate__().items():
        if name in varying or name.startswith("_"):
            continue
        settings[name] = _copy_of(layer, name, value)
    return settings


def _copy_of(layer: Layer, name: str, value: object) -> object:
    """A setting to compare with later; a copy if it is mutable."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        parts = [_copy_of(layer, name, part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _copy_of(layer, name, part) for key, part in value.items()}
    if not isinstance(value, IMMUTABLE_SETTINGS):
        kind = type(value).__name__
        raise CannotLowerError(
            f"{name} of {layer!r}, a {kind}, which may change",
            "settings that are numbers, strings or arrays, or lists, tuples and dicts of these",
        )
    return value


def _is_mutable(setting: object) -> bool:
    """Return True if a setting can be changed in place."""
    if isinstance(setting, tuple):
        return any(map(_is_mutable, setting))
    return isinstance(setting, np.ndarray | list | dict)


def _equal(now: object, before: object) -> bool:
    """Compare a setting with an earlier one."""
    if isinstance(before, list | tuple):
        return (
            isinstance(now, list | tuple)
            and len(now) == len(before)
            and all(map(_equal, now, before))
        )
    if isinstance(before, dict):
        return (
            isinstance(now, dict)
            and now.keys() == before.keys()
            and all(_equal(now[key], part) for key, part in before.items())
        )
    return now is before or np.array_equal(now, before)  # type: ignore[arg-type]


def _all_equal(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(
        layer is other
        and settings.keys() == others.keys()
        and all(_equal(settings[name], others[name]) for name in settings)
        for (layer, settings), (other, others) in zip(now, before, strict=True)
    )
