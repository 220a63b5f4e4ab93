"""The nodes of a graph, and the references between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.graph.rules import Rule


@dataclass(frozen=True)
class Ref:
    """The result of another node, by its number."""

    node: int


@dataclass(frozen=True)
class Origin:
    """The line of the page that a node came from, and the layer and method it ran in."""

    file: str
    line: int
    layer: str = ""
    method: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Node:
    """One operation on earlier nodes and constants, or a leaf: input, parameter, state, random."""

    operation: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    shape: tuple[int | Rule, ...]
    dtype: np.dtype[Any]
    origin: Origin | None


def references(value: Any) -> list[int]:
    """The numbers of all nodes that an argument structure refers to, in order."""
    found: list[int] = []
    substitute(value, lambda leaf: found.append(leaf.node) if isinstance(leaf, Ref) else None)
    return found


def substitute(value: Any, replace: Callable[[Any], Any]) -> Any:
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
