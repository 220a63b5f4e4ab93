"""Whether a net still has the pages that something was made from."""

import types
from typing import Any

import numpy as np

from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.kinds import PredictionKind
from handgrad.textbook.layers import Layer
from handgrad.textbook.net import Net

# Types of settings that can be replaced, which is seen, but not changed.
FIXED = (
    *(bool, int, float, str, type, types.NoneType, types.FunctionType, types.BuiltinFunctionType),
    *(np.generic, np.dtype, np.random.Generator, PredictionKind),
)


class Unchanged:
    """The pages of a net with their settings, as they were: weights and running state may change.

    A CannotLowerError says that a page has a setting which may change unseen.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.pages, self.changes = net, _pages(net), net._changes
        self.seen = self.changes.count
        self.lists = [(page.layers, [*page.layers]) for page, _ in self.pages if page.layers]
        self.contents = [
            (vars(page)[name], value)
            for page, settings in self.pages
            for name, value in settings.items()
            if _can_change(value)
        ]

    def still_hold(self) -> bool:
        """Whether the net has them still."""
        for layers, before in self.lists:
            if layers != before:
                return False
        if not all(_same(now, before) for now, before in self.contents):
            return False
        if (seen := self.changes.count) != self.seen:
            if not _alike(_pages(self.net), self.pages):
                return False
            self.seen = seen
        return True


def _pages(net: Layer) -> list[Any]:
    """What the predictions of a net follow from, beside its weights and its running state."""
    return [(layer, _settings(layer)) for _, layer in net.walk()]


def _settings(layer: Layer) -> dict[str, Any]:
    varying = {*layer.param_names, *layer.state_names, "training", "trainable", "layers"}
    settings: dict[str, Any] = {}
    for name, value in layer.__getstate__().items():
        if name in varying or name.startswith("_"):
            continue
        settings[name] = _copied(layer, name, value)
    return settings


def _copied(layer: Layer, name: str, value: object) -> object:
    """A setting as it is now, to compare with later; of what can be changed in place, a copy."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        parts = [_copied(layer, name, part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {key: _copied(layer, name, part) for key, part in value.items()}
    if not isinstance(value, FIXED):
        kind = type(value).__name__
        raise CannotLowerError(
            f"{name} of {layer!r}, a {kind}, which may change",
            "numbers, texts and arrays, or lists, tuples and dicts of these, as its settings",
        )
    return value


def _can_change(setting: object) -> bool:
    """Whether a setting can be changed in place, which nothing tells of."""
    if isinstance(setting, tuple):
        return any(map(_can_change, setting))
    return isinstance(setting, np.ndarray | list | dict)


def _same(now: object, before: object) -> bool:
    """Whether a setting is as it was."""
    if isinstance(before, list | tuple):
        return (
            isinstance(now, list | tuple)
            and len(now) == len(before)
            and all(map(_same, now, before))
        )
    if isinstance(before, dict):
        return (
            isinstance(now, dict)
            and now.keys() == before.keys()
            and all(_same(now[key], part) for key, part in before.items())
        )
    return now is before or np.array_equal(now, before)  # type: ignore[arg-type]


def _alike(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(
        page is other
        and settings.keys() == others.keys()
        and all(_same(settings[name], others[name]) for name in settings)
        for (page, settings), (other, others) in zip(now, before, strict=True)
    )
