"""The arguments of a NumPy function by their names, for the passes that lower it."""

from typing import Any

from handgrad.base.errors import CannotLowerError
from handgrad.graph.nodes import Node

REQUIRED = object()


def given(node: Node, **defaults: object) -> list[Any]:
    """The arguments in the order of `defaults`, by place or by name; others are refused."""
    values = defaults | dict(zip(defaults, node.arguments, strict=False)) | dict(node.options)
    surplus = len(node.arguments) > len(defaults) or values.keys() != defaults.keys()
    if surplus or any(value is REQUIRED for value in values.values()):
        raise refused(node, "such arguments")
    return [*values.values()]


def refused(node: Node, what: str) -> CannotLowerError:
    """The error for what has no loops."""
    return CannotLowerError(f"{node.operation} with {what}, at {node.origin}")
