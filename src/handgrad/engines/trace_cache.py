"""The trace cache: what trainings of one form were recorded and compiled to, for the next of them.

Two trainings have one form where nothing differs but numbers, weights, rows and random streams.
The form holds all that a recording follows from: the settings of the layers, the loss, the
optimizer and the penalty, and the code of their classes, with the functions and values that it
names. Where some of it cannot be compared, nothing is kept.
"""

from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType, NoneType
from typing import Any, TypeVar, cast

import numpy as np

from handgrad.textbook.kinds import PredictionKind, TargetKind
from handgrad.textbook.layers import Layer
from handgrad.textbook.losses import Loss
from handgrad.textbook.module import Module
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

Made = TypeVar("Made")

MOST = 32  # forms that are kept, with their machine code: about a megabyte each
# Settings of these types stay what they are, so two that are equal mean the same.
FIXED = (bool, int, float, str, type, NoneType, BuiltinFunctionType, ModuleType, np.ufunc)
FIXED_IN_NUMPY = (np.generic, np.dtype)
NO_SETTINGS = {"rng", "training", "layers", "_shapes", "_made_with", "_made_of", "_memory"}
BASES = {Module, Layer, Loss, Optimizer, Penalty, object}
NO_CODE = {"__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"}


class TraceCache:
    """Keeps what was made for the `MOST` forms that were asked for last; the rest is let go."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Any] = {}
        self.lock = Lock()

    def once(
        self, make: Callable[[], Made], pages: tuple[Module | None, ...], *others: Hashable
    ) -> Made:
        """What `make` gives, or gave for the same form.

        `pages` are layers, losses, optimizers, penalties; `others`, what else makes a difference.
        """
        try:
            form = (*map(_form, pages), *others)
        except _UnknownError:
            return make()
        with self.lock:
            made = self.made.pop(form, None)
        if made is None:
            made = make()
        with self.lock:
            self.made[form] = made
            while len(self.made) > MOST:
                self.made.pop(next(iter(self.made)))
        return cast(Made, made)


TRACES = TraceCache()


class _UnknownError(Exception):
    """Something of which nobody can say whether it equals another."""


def _form(page: Module | None) -> Hashable:
    """What is equal for two pages of which the same is recorded: of a layer, with all within it."""
    if page is None:
        return None
    walked = page.walk() if isinstance(page, Layer) else [("", page)]
    return tuple((path, _settings(part)) for path, part in walked)


def _settings(page: Module) -> Hashable:
    """The class of a page and all that it was made of; of weights and state only the shape."""
    numbers = {*page.param_names, *page.state_names}
    left_out = NO_SETTINGS | ({"learning_rate"} if isinstance(page, Optimizer) else set())
    return _class(type(page), set()), tuple(
        (name, (value.shape, value.dtype) if name in numbers else _value(value, set()))
        for name, value in page.__getstate__().items()
        if name not in left_out
    )


def _value(value: object, seen: set[int]) -> Hashable:
    """Something that equals another only where both mean the same; 1 is neither True nor 1.0."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.shape, value.dtype, value.tobytes()
    if isinstance(value, dict):
        pairs = value.items()
        return dict, tuple((_value(name, seen), _value(part, seen)) for name, part in pairs)
    if isinstance(value, tuple | list):
        return type(value), tuple(_value(part, seen) for part in value)
    if isinstance(value, FunctionType):
        return _function(value, seen)
    if isinstance(value, property):
        return _value((value.fget, value.fset), seen)
    if isinstance(value, staticmethod | classmethod):
        return type(value), _value(value.__func__, seen)
    if isinstance(value, type):
        return _class(value, seen) if issubclass(value, Module) else (type, value)
    if isinstance(value, PredictionKind | TargetKind):
        return _class(type(value), seen), _value(vars(value), seen)
    if isinstance(value, FIXED_IN_NUMPY) or type(value) in FIXED:
        return type(value), value
    raise _UnknownError


def _class(kind: type, seen: set[int]) -> Hashable:
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
                parts.append((name, _value(value, seen)))
    return kind, tuple(parts)


def _function(function: FunctionType, seen: set[int]) -> Hashable:
    """A function with all that its code names; handgrad's and dataclasses', with its code alone."""
    if function.__module__.startswith(("handgrad.", "dataclasses")) or id(function) in seen:
        return function, function.__code__
    seen.add(id(function))
    names = {name: function.__globals__.get(name) for name in _names(function.__code__)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [function.__defaults__, function.__kwdefaults__, cells]
    return function.__code__, _value(names, seen), _value(defaults, seen)


def _names(code: CodeType) -> Iterator[str]:
    """The global names that code asks for, and code within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
