"""Fingerprints of nets and trainings, and the trace cache that is keyed by them.

Two nets or trainings have the same fingerprint if their traces differ only in numbers, weights,
rows and random streams. It holds the settings of the layers, the loss, the optimizer and the
penalty, and the code of their classes, with the functions and values that the code names.

`TraceCache` holds traces and compiled programs for the next training with the same fingerprint; if
a value cannot be compared, nothing is cached. `NetFingerprint` detects later changes to one net.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from opcode import opmap
from threading import Lock
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any, TypeVar, cast

import numpy as np

from handgrad.engines.stable_key import is_library, stable_key
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
IMMUTABLE = {bool, int, float, str, type, NoneType, BuiltinFunctionType, ModuleType, np.ufunc}
IMMUTABLE_BASES = (np.generic, np.dtype, np.random.Generator, Enum)
# Plans depend on `trainable` by `net.trainable_slices()`, predictions not at all.
NO_SETTINGS = {"rng", "training", "trainable", "layers", "_shapes", "_made_with", "_made_of"}
BASES = {Module, Layer, Loss, Optimizer, Penalty, object}
NO_CODE = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"),
    *("__firstlineno__", "__static_attributes__"),  # Python 3.13
    *("__annotate_func__", "__annotations_cache__"),  # Python 3.14
}
# Names by which code may reach what it does not name; it may import that, too. A key with
# `ONLY_HERE` has no equal in another process.
ANYTHING = {"eval", "exec", "globals", "__import__", "import_module"}
IMPORT, ONLY_HERE = opmap["IMPORT_NAME"], object()


@dataclass(frozen=True)
class Fingerprint:
    """Key of all that the traces of modules depend on; equal for modules with equal traces.

    Parameters
    ----------
    key : hashable
        Classes, code and settings.
    unknown : list of tuples
        Values in the key by identity only, which may change: (module, setting, value), or ("",
        "", value) for one that code names.
    numbers : mapping of int to int
        The numbers of the functions and classes in the key, by their `id`.
    """

    key: Hashable
    unknown: list[tuple[Module | None, str, object]] = field(compare=False)
    numbers: Mapping[int, int] = field(compare=False)

    def on_disk(self, *others: Hashable) -> str | None:
        """A key that is equal in other processes, with the `others`; None if there is none."""
        return None if self.unknown else stable_key((self.key, others), self.numbers)


def fingerprint(*modules: Module | None) -> Fingerprint:
    """Return the fingerprint of layers, with the layers within them, losses and optimizers."""
    keys = _Keys()
    return Fingerprint(tuple(map(keys.of_module, modules)), keys.unknown, keys.seen)


class TraceCache:
    """An LRU cache of traces and compiled programs, with room for `MAX_TRACES`."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Any] = {}
        self.lock = Lock()

    def get_or_make(
        self,
        make: Callable[[str | None], T],
        modules: tuple[Module | None, ...],
        *others: Hashable,
    ) -> T:
        """Return the cached result of `make` for this structure, or call it.

        Parameters
        ----------
        make : callable
            Called with the key of this structure on disk, or None if it has none.
        modules : tuple of Module or None
            Layers, losses, optimizers and penalties.
        others : hashable
            Anything else that the result depends on.
        """
        made_from = fingerprint(*modules)
        if made_from.unknown:
            return make(None)
        key = (made_from, *others)
        with self.lock:
            made = self.entries.pop(key, None)
        if made is None:
            made = make(made_from.on_disk(*others))
        with self.lock:
            self.entries[key] = made
            while len(self.entries) > MAX_TRACES:
                self.entries.pop(next(iter(self.entries)))
        return cast(T, made)


TRACES = TraceCache()


def _settings(module: Module) -> dict[str, Any]:
    """The settings of a module by name; weights and running state are among them."""
    of_optimizers = {"learning_rate", "_memory"} if isinstance(module, Optimizer) else set()
    left_out = NO_SETTINGS | of_optimizers
    return {k: v for k, v in module.__getstate__().items() if k not in left_out}


class _Keys:
    """Makes keys of values that are equal for equal values; collects those it cannot compare."""

    def __init__(self) -> None:
        self.seen = dict[int, int]()  # the places of functions and classes, by id
        self.unknown: list[tuple[Module | None, str, object]] = []

    def of_module(self, module: Module | None) -> Hashable:
        """A key for a module with the layers within it."""
        if module is None:
            return None
        walked = module.walk() if isinstance(module, Layer) else [("", module)]
        return tuple((path, self._of_one(part)) for path, part in walked)

    def _of_one(self, module: Module) -> Hashable:
        """The class and the settings of a module; of weights and state only the shape."""
        numbers = {*module.param_names, *module.state_names}
        return self._of_class(type(module)), tuple(
            (
                name,
                (value.shape, value.dtype)
                if name in numbers
                else self.of_value(value, module, name),
            )
            for name, value in _settings(module).items()
        )

    def of_value(self, value: object, module: Module | None = None, name: str = "") -> Hashable:
        """A key for a value of a setting or of code; 1, True and 1.0 have different keys."""
        if type(value) in IMMUTABLE:
            return type(value), value
        if isinstance(value, FunctionType):
            return self._of_function(value)
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return value.shape, value.dtype, value.tobytes()
        if isinstance(value, dict):
            pairs = [part for pair in value.items() for part in pair]
            return dict, self.of_value(pairs, module, name)
        if isinstance(value, tuple | list):
            return type(value), tuple(self.of_value(part, module, name) for part in value)
        if isinstance(value, Optimizer):  # within another one
            return self.of_module(value)
        if isinstance(value, property):
            return self.of_value((value.fget, value.fset))
        if isinstance(value, staticmethod | classmethod):
            return type(value), self.of_value(value.__func__)
        if isinstance(value, type):
            return self._of_class(value) if issubclass(value, Module) else (type, value)
        if isinstance(value, PredictionKind | TargetKind):
            return self._of_class(type(value)), self.of_value(vars(value), module, name)
        if isinstance(value, IMMUTABLE_BASES):
            return type(value), value
        self.unknown.append((module, name, value))
        return type(value), id(value)

    def _of_class(self, kind: type) -> Hashable:
        """A key for a class, with the code of its methods, which a notebook may redefine."""
        if id(kind) in self.seen:
            return kind
        self.seen[id(kind)] = len(self.seen)
        parts: list[Hashable] = []
        for base in kind.__mro__:
            if base in BASES:
                continue
            own = base.__module__.startswith("handgrad.")
            for name, value in vars(base).items():
                if isinstance(value, FunctionType) or not (own or name in NO_CODE):
                    parts.append((name, self.of_value(value)))
        return kind, tuple(parts)

    def _of_function(self, function: FunctionType) -> Hashable:
        """A key for a function: its code and all that it names; for a library's only the code."""
        code, around = function.__code__, function.__globals__
        if is_library(around.get("__name__")):
            return function, code
        if id(function) in self.seen:
            return code, self.seen[id(function)]
        self.seen[id(function)] = len(self.seen)
        names = {name: around.get(name) for name in _global_names(code)}
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        defaults = [function.__defaults__, function.__kwdefaults__, cells]
        only_here = ONLY_HERE if _imports(code) or ANYTHING & names.keys() else None
        return code, self.of_value(names), self.of_value(defaults), only_here


def _imports(code: CodeType) -> bool:
    """Return True if code, or code within it, has an import."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return IMPORT in code.co_code[::2] or any(map(_imports, inner))


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names in code and in nested code."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


class NetFingerprint:
    """The fingerprint of a net at one time, to detect changes before each prediction.

    Fingerprints are compared only after an assignment, which the net counts; before that only what
    changes without one: lists of layers, and settings in lists, dicts and arrays.

    Raises a CannotLowerError for a setting whose changes cannot be detected.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.last = net, _Snapshot(net)

    def matches(self) -> bool:
        """Return True if the net still has the same layers, settings and code."""
        if self.last.is_current():
            return True
        try:
            now = _Snapshot(self.net)
        except CannotLowerError:
            return False
        if now.layers != self.last.layers or now.fingerprint != self.last.fingerprint:
            return False
        self.last = now
        return True


class _Snapshot:
    """Layers, settings and code of a net at one time."""

    def __init__(self, net: Net) -> None:
        self.changes, self.count = net._changes, net._changes.count
        self.fingerprint = fingerprint(net)
        for module, name, value in self.fingerprint.unknown:
            if module is not None and not name.startswith("_"):
                raise CannotLowerError(
                    f"{name} of {module!r}, a {type(value).__name__}, which may change",
                    "settings that are numbers, strings or arrays, or lists, tuples and dicts "
                    "of these",
                )
        self.layers = [layer for _, layer in net.walk()]
        self.lists = [(layer.layers, [*layer.layers]) for layer in self.layers if layer.layers]
        self.mutable = [
            value
            for layer in self.layers
            for name, value in _settings(layer).items()
            if _is_mutable(value) and name not in (*layer.param_names, *layer.state_names)
        ]
        self.contents = _Keys().of_value(self.mutable)

    def is_current(self) -> bool:
        """Return True if nothing was assigned since, and no list, dict or array differs."""
        return (
            self.changes.count == self.count
            and all(layers == before for layers, before in self.lists)
            and (not self.mutable or _Keys().of_value(self.mutable) == self.contents)
        )


def _is_mutable(setting: object) -> bool:
    """Return True if a setting can be changed in place."""
    if isinstance(setting, tuple):
        return any(map(_is_mutable, setting))
    return isinstance(setting, np.ndarray | list | dict)
