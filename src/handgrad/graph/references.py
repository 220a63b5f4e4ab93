"""References from the arguments of a node to other nodes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ref:
    """The result of another node, by its number."""

    node: int


def substitute(value: object, replace: Callable[[object], object]) -> Any:
    """The argument structure `value` with every leaf of its tuples, lists and slices replaced."""
    if not isinstance(value, (tuple, list, dict, slice)):
        return replace(value)
    if isinstance(value, tuple):
        return tuple([substitute(part, replace) for part in value])
    if isinstance(value, list):
        return [substitute(part, replace) for part in value]
    if isinstance(value, dict):
        return {name: substitute(part, replace) for name, part in value.items()}
    parts = (value.start, value.stop, value.step)
    return slice(*[substitute(part, replace) for part in parts])
