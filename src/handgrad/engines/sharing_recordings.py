"""Trainings that differ in nothing but numbers, weights and rows, can share what is recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any, TypeVar

import numpy as np

Made = TypeVar("Made")

# Settings of these types stay what they are, so two that are equal mean the same.
FIXED = (bool, int, float, str, type, NoneType, FunctionType, BuiltinFunctionType)
FIXED_IN_NUMPY = (np.generic, np.dtype)
NO_SETTINGS = {"rng", "training", "layers", "_made_with", "_made_of", "_memory"}

_made: ContextVar[dict[Any, Any] | None] = ContextVar("made", default=None)


@contextmanager
def sharing_recordings(known: dict[Any, Any] | None = None) -> Iterator[None]:
    """Within, while no page is changed, trainings that are alike are recorded and compiled once.

    `known` holds what was made so far, for who keeps it longer.
    """
    token = _made.set({} if known is None else known)
    try:
        yield
    finally:
        _made.reset(token)


def made_once(make: Callable[[], Made], pages: tuple[Any, ...], *others: Any) -> Made:
    """What `make` gives, or gave for a training of such pages with the same settings.

    `pages` are layers, losses, optimizers or None; `others`, whatever else makes a difference.
    """
    known = _made.get()
    if known is None:
        return make()
    try:
        key = (*map(_alike, pages), *others)
    except _UnknownError:
        return make()
    found: Made | None = known.get(key)
    if found is None:
        found = known[key] = make()
    return found


class _UnknownError(Exception):
    """A setting of which nobody can say whether it equals another."""


def _alike(page: Any) -> Any:
    """What is equal for two pages of which the same is recorded: of a layer, with all within it."""
    if page is None:
        return None
    walked = page.walk() if hasattr(page, "layers") else [("", page)]
    return tuple((path, _settings(part)) for path, part in walked)


def _settings(page: Any) -> Any:
    """The class of a page and all that it was made of; of weights and state only the shape."""
    numbers = {*page.param_names, *page.state_names}
    return type(page), tuple(
        (name, (value.shape, value.dtype) if name in numbers else _fixed(value))
        for name, value in page.__getstate__().items()
        if name not in NO_SETTINGS
    )


def _fixed(value: Any) -> Any:
    """Something that equals another only where both mean the same; 1 is neither True nor 1.0."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.shape, value.dtype, value.tobytes()
    if isinstance(value, dict):
        return dict, tuple((_fixed(name), _fixed(part)) for name, part in value.items())
    if isinstance(value, tuple | list):
        return type(value), tuple(map(_fixed, value))
    if isinstance(value, FIXED_IN_NUMPY) or type(value) in FIXED or isinstance(value, type):
        return type(value), value
    raise _UnknownError
