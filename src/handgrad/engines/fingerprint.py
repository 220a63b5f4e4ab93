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

Made = TypeVar("Made")

MAX_TRACES = 32  # forms that are kept, with their machine code: about a megabyte each
# Settings of these types stay what they are, so two that are equal mean the same.
IMMUTABLE = (bool, int, float, str, type, NoneType, BuiltinFunctionType, ModuleType, np.ufunc)
IMMUTABLE_IN_NUMPY = (np.generic, np.dtype)
NO_SETTINGS = {"rng", "training", "layers", "_shapes", "_made_with", "_made_of", "_memory"}
BASES = {Module, Layer, Loss, Optimizer, Penalty, object}
NO_CODE = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"}


class TraceCache:
    """An LRU cache of traces and compiled programs, with room for `MAX_TRACES`."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Any] = {}
        self.lock = Lock()

    def get_or_make(
        self, make: Callable[[], Made], pages: tuple[Module | None, ...], *others: Hashable
    ) -> Made:
        """What `make` gives, or gave for the same form.

        `pages` are layers, losses, optimizers, penalties; `others`, what else makes a difference.
        """
        try:
            form = (*map(_key_of_module, pages), *others)
        except _NotComparableError:
            return make()
        with self.lock:
            made = self.made.pop(form, None)
        if made is None:
            made = make()
        with self.lock:
            self.made[form] = made
            while len(self.made) > MAX_TRACES:
                self.made.pop(next(iter(self.made)))
        return cast(Made, made)


TRACES = TraceCache()


class _NotComparableError(Exception):
    """Something of which nobody can say whether it equals another."""


def _key_of_module(page: Module | None) -> Hashable:
    """What is equal for two pages of which the same is recorded: of a layer, with all within it."""
    if page is None:
        return None
    walked = page.walk() if isinstance(page, Layer) else [("", page)]
    return tuple((path, _key_of_settings(part)) for path, part in walked)


def _key_of_settings(page: Module) -> Hashable:
    """The class of a page and all that it was made of; of weights and state only the shape."""
    numbers = {*page.param_names, *page.state_names}
    left_out = NO_SETTINGS | ({"learning_rate"} if isinstance(page, Optimizer) else set())
    return _key_of_class(type(page), set()), tuple(
        (name, (value.shape, value.dtype) if name in numbers else _key_of_value(value, set()))
        for name, value in page.__getstate__().items()
        if name not in left_out
    )


def _key_of_value(value: object, seen: set[int]) -> Hashable:
    """Something that equals another only where both mean the same; 1 is neither True nor 1.0."""
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
    """A class with the code of its methods, which a notebook may have changed since."""
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
    """A function with all that its code names; handgrad's and dataclasses', with its code alone."""
    if function.__module__.startswith(("handgrad.", "dataclasses")) or id(function) in seen:
        return function, function.__code__
    seen.add(id(function))
    names = {name: function.__globals__.get(name) for name in _global_names(function.__code__)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [function.__defaults__, function.__kwdefaults__, cells]
    return function.__code__, _key_of_value(names, seen), _key_of_value(defaults, seen)


def _global_names(code: CodeType) -> Iterator[str]:
    """The global names that code asks for, and code within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


# Types of settings that can be replaced, which is seen, but not changed.
IMMUTABLE_SETTINGS = (
    *(bool, int, float, str, type, types.NoneType, types.FunctionType, types.BuiltinFunctionType),
    *(np.generic, np.dtype, np.random.Generator, PredictionKind),
)


class NetFingerprint:
    """The pages of a net with their settings, as they were: weights and running state may change.

    A CannotLowerError says that a page has a setting which may change unseen.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.pages, self.changes = net, _layers_of(net), net._changes
        self.seen = self.changes.count
        self.lists = [(page.layers, [*page.layers]) for page, _ in self.pages if page.layers]
        self.contents = [
            (vars(page)[name], value)
            for page, settings in self.pages
            for name, value in settings.items()
            if _is_mutable(value)
        ]

    def matches(self) -> bool:
        """Whether the net has them still."""
        for layers, before in self.lists:
            if layers != before:
                return False
        if not all(_equal(now, before) for now, before in self.contents):
            return False
        if (seen := self.changes.count) != self.seen:
            if not _all_equal(_layers_of(self.net), self.pages):
                return False
            self.seen = seen
        return True


def _layers_of(net: Layer) -> list[Any]:
    """What the predictions of a net follow from, beside its weights and its running state."""
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
    """A setting as it is now, to compare with later; of what can be changed in place, a copy."""
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
            "numbers, texts and arrays, or lists, tuples and dicts of these, as its settings",
        )
    return value


def _is_mutable(setting: object) -> bool:
    """Whether a setting can be changed in place, which nothing tells of."""
    if isinstance(setting, tuple):
        return any(map(_is_mutable, setting))
    return isinstance(setting, np.ndarray | list | dict)


def _equal(now: object, before: object) -> bool:
    """Whether a setting is as it was."""
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
        page is other
        and settings.keys() == others.keys()
        and all(_equal(settings[name], others[name]) for name in settings)
        for (page, settings), (other, others) in zip(now, before, strict=True)
    )
