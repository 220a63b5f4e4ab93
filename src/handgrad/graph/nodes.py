"""Nodes of graphs: an operation, its arguments, and the source line that it comes from.

Arguments can be written as JSON: numbers, arrays, indices, references, functions of n.
"""

import json
import linecache
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Any, Self

import numpy as np

from handgrad.graph.operations import Op
from handgrad.graph.symbolic import (
    NESTED,
    Arange,
    Dim,
    Formula,
    Full,
    Ratio,
    Ref,
    RowComparison,
    Scaled,
    Scaling,
    Shape,
    substitute,
)
from handgrad.textbook.errors import CannotLowerError, RecordingError


@dataclass(frozen=True)
class Origin:
    """The source line that a node comes from, with its layer and method."""

    file: str
    line: int
    layer: str = ""
    method: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def refusal(self, does: str, expected: str, hint: str) -> RecordingError:
        """The error for a line that cannot be traced.

        Parameters
        ----------
        does : str
            What the line does, as a clause: "branches on data".
        expected, hint : str
            The other two parts of the error.
        """
        code = linecache.getline(self.file, self.line).strip()
        came = f"{Path(self.file).name}:{self.line}, `{code}`, {does}"
        return RecordingError(came, expected, hint)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation on earlier nodes and constants, or a leaf: input, parameter, state."""

    operation: Op
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    shape: Shape
    dtype: np.dtype[Any]
    origin: Origin | None = None

    def used(self) -> tuple[int, ...]:
        """The numbers of the nodes that this node reads."""
        return self._used

    @cached_property
    def _used(self) -> tuple[int, ...]:
        references: list[int] = []  # by a loop: tracing long sequences takes a fifth longer without
        for part in (*self.arguments, *self.options.values()):
            if type(part) is Ref:
                references.append(part.node)
            elif type(part) in NESTED:
                references += _references(part)
        return tuple(references)

    def renumbered(self, new: Mapping[int, Ref]) -> "Node":
        """The node with renumbered arguments."""
        for i in self._used:
            if new[i].node != i:
                break
        else:
            return self
        return self.map(lambda leaf: new[leaf.node] if isinstance(leaf, Ref) else leaf)

    def map(self, function: Callable[[object], object]) -> "Node":
        """Apply a function to each reference and constant among the arguments."""
        arguments, options = substitute((self.arguments, dict(self.options)), function)
        return Node(self.operation, arguments, options, self.shape, self.dtype, self.origin)

    def refusal(self, does: str, expected: str, hint: str) -> RecordingError:
        """The error for a node that cannot be traced, with its source line."""
        return (self.origin or Origin("", 0)).refusal(does, expected, hint)

    def refused(self, what: str) -> CannotLowerError:
        """The error for an operation that cannot be compiled with `what`."""
        return CannotLowerError(f"{self.operation} with {what}, at {self.origin}")

    def to_json(self) -> dict[str, Any]:
        """The node as JSON data."""
        return {
            "operation": self.operation.value,
            "arguments": encode(self.arguments),
            "options": {name: encode(value) for name, value in self.options.items()},
            "shape": encode(self.shape),
            "dtype": self.dtype.name,
            "origin": self.origin and vars(self.origin),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Restore a node from the data of `to_json`."""
        return cls(
            Op(data["operation"]),
            decode(data["arguments"]),
            {name: decode(value) for name, value in data["options"].items()},
            decode(data["shape"]),
            np.dtype(data["dtype"]),
            data["origin"] and Origin(**data["origin"]),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.to_json() == other.to_json()

    __hash__ = object.__hash__


def _references(value: object) -> Iterator[int]:
    """Yield the numbers of the nodes in an argument structure, in order."""
    match value:
        case Ref(node):
            yield node
        case tuple() | list():
            for part in value:
                yield from _references(part)
        case dict():
            yield from _references([*value.values()])
        case slice():
            yield from _references((value.start, value.stop, value.step))


def users_of(nodes: Sequence[Node]) -> list[list[int]]:
    """The users of each node."""
    users: list[list[int]] = [[] for _ in nodes]
    for i, node in enumerate(nodes):
        for used in node.used():
            users[used].append(i)
    return users


def first_of_backward(nodes: Sequence[Node]) -> int:
    """The number of the first node that a `backward` computed; their number if there is none."""
    methods = (node.origin.method if node.origin else "" for node in nodes)
    return next((i for i, method in enumerate(methods) if method == "backward"), len(nodes))


RECORDS = {
    kind.__name__: kind for kind in (Ref, Dim, Scaled, Ratio, Formula, Arange, RowComparison, Full)
}
# Constructors of the kinds.
DECODED: dict[str, Callable[..., Any]] = {
    **RECORDS,
    "Scaled": lambda text, *rest: Scaled(Scaling(text), *rest),  # type: ignore[call-arg]
    "float": float,
    "dtype": np.dtype,
    "slice": slice,
    "list": lambda *values: [*values],
    "ellipsis": lambda: ...,
    "scalar": lambda number, dtype: np.dtype(dtype).type(number),
    "array": lambda dtype, shape, numbers: np.array(numbers, dtype).reshape(shape),
}


def encode(value: object) -> Any:
    """Convert a value to JSON data; a JSON array is a tuple. Raises a TypeError for other types."""
    match value:
        case None | bool() | str():
            return value
        case np.generic():
            return {"scalar": [encode(value.item()), value.dtype.name]}
        case int():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case tuple():
            return [encode(part) for part in value]
        case list():
            return {"list": [encode(part) for part in value]}
        case slice():
            return {"slice": [encode(end) for end in (value.start, value.stop, value.step)]}
        case EllipsisType():
            return {"ellipsis": []}
        case np.dtype():
            return {"dtype": value.name}
        case np.ndarray() if value.dtype.kind in "fiub":
            numbers = [encode(number) for number in value.ravel().tolist()]
            return {"array": [value.dtype.name, list(value.shape), numbers]}
    kind = type(value).__name__
    if RECORDS.get(kind) is not type(value):
        raise TypeError(f"{kind} is no value of a graph")
    return {kind: [encode(getattr(value, field.name)) for field in fields(RECORDS[kind])]}


def decode(data: object) -> Any:
    """Restore a value from the data of `encode`."""
    if isinstance(data, list):
        return tuple(map(decode, data))
    if not isinstance(data, dict):
        return data
    ((kind, parts),) = data.items()
    return DECODED[kind](*decode(parts if isinstance(parts, list) else [parts]))


def key(*values: object) -> Hashable:
    """A hashable key for values: 1, 1.0, True and float32(1) differ, 0.0 and -0.0 too.

    Raises a TypeError for a value that cannot be encoded.
    """
    return tuple([_key(value) for value in values])


def _key(value: object) -> Hashable:
    if isinstance(value, Ref | str) or type(value) is int or value is None:
        return value
    if isinstance(value, tuple):
        return tuple([_key(part) for part in value])
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return value.dtype.name, value.shape, value.tobytes()
    return type(value), json.dumps(encode(value))
