"""Whether a net still has the pages that something was made from."""

import types
from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.base.kinds import PredictionKind
from handgrad.layers import Layer
from handgrad.net import Net

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
        self.tables = [
            (vars(page)[name], value)
            for page, settings in self.pages
            for name, value in settings.items()
            if isinstance(value, np.ndarray)
        ]

    def still_hold(self) -> bool:
        """Whether the net has them still."""
        for layers, before in self.lists:
            if layers != before:
                return False
        if not all(np.array_equal(table, copy) for table, copy in self.tables):
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
        if isinstance(value, np.ndarray):
            settings[name] = value.copy()
        elif isinstance(value, tuple):
            settings[name] = tuple(_simple(layer, name, part) for part in value)
        else:
            settings[name] = _simple(layer, name, value)
    return settings


def _simple(layer: Layer, name: str, value: object) -> object:
    if not isinstance(value, FIXED):
        raise CannotLowerError(f"{name} of {layer!r}, a {type(value).__name__}, which may change")
    return value


def _alike(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and all(
        page is other
        and settings.keys() == others.keys()
        and all(np.array_equal(settings[name], others[name]) for name in settings)
        for (page, settings), (other, others) in zip(now, before, strict=True)
    )
