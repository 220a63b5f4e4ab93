"""Value ranges: intervals of integer expressions, and bounds on indices that come from the data."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.ir import (
    Call,
    Expression,
    For,
    Let,
    Load,
    Num,
    ParallelFor,
    Statement,
    Var,
    walk,
)
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import SIZES, Ref, at
from handgrad.textbook.errors import CannotLowerError, DataError
from handgrad.textbook.layers import Array

UNKNOWN = (-math.inf, math.inf)
Interval = tuple[float, float]  # minimum and maximum, both included


class ValueRanges:
    """The intervals of integers in a program: for a variable, the union over all assignments."""

    def __init__(self, body: Sequence[Statement]) -> None:
        self.values: dict[str, list[Expression]] = {}
        self.loops: dict[str, list[For]] = {}
        self.intervals: dict[str, Interval] = {}
        for statement in walk(body):
            if isinstance(statement, Let):
                self.values.setdefault(statement.name, []).append(statement.value)
            elif isinstance(statement, For):
                self.loops.setdefault(statement.counter, []).append(statement)
            elif isinstance(statement, ParallelFor):
                self.intervals[statement.counter] = 0, statement.count - 1

    def of(self, number: Expression) -> Interval:
        """The interval of an expression; infinite if unknown."""
        match number:
            case Num(value, "int"):
                return value, value
            case Var(name, "int"):
                return self._of_variable(name)
            case Call(operation, (a, b), "int") if operation in OPERATIONS:
                return OPERATIONS[operation](self.of(a), self.of(b))
        return UNKNOWN

    def _of_variable(self, name: str) -> Interval:
        if name not in self.intervals:
            self.intervals[name] = UNKNOWN  # meanwhile: a variable may depend on itself
            spans = [self.of(value) for value in self.values.get(name, ())]
            for loop in self.loops.get(name, ()):
                spans.append((self.of(loop.begin)[0], self.of(loop.stop)[1] - 1))
            if spans:
                self.intervals[name] = min(s[0] for s in spans), max(s[1] for s in spans)
        return self.intervals[name]


def _product(a: Interval, b: Interval) -> Interval:
    if min(a[0], b[0]) < 0:
        return UNKNOWN
    return a[0] * b[0], (a[1] * b[1] if a[1] and b[1] else 0)


OPERATIONS: Mapping[str, Callable[[Interval, Interval], Interval]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": _product,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
}


def loads_of(expression: Expression) -> Iterator[tuple[str, Expression]]:
    """Yield the buffer and index of each load within an expression."""
    match expression:
        case Load(buffer, index, _):
            yield buffer, index
            yield from loads_of(index)
        case Call(_, arguments, _):
            for argument in arguments:
                yield from loads_of(argument)


@dataclass(frozen=True)
class Bound:
    """Bounds on the indices in `columns` of a flattened row: 0 <= index < `size`."""

    columns: slice | tuple[int, ...]
    size: int

    def positions(self, width: int) -> list[int]:
        """The positions of the indices in a row of `width` numbers."""
        return list(range(width)[self.columns] if isinstance(self.columns, slice) else self.columns)

    def of_member(self, width: int) -> "Bound":
        """The bound for the `width` numbers of one ensemble member."""
        if isinstance(self.columns, slice):
            return self
        return Bound(tuple(sorted({column % width for column in self.columns})), self.size)

    def holds(self, rows: Array) -> bool:
        """Return True if all rows are within the bound."""
        low, high = self.extremes(rows)
        return bool(low >= 0 and high < self.size)

    def extremes(self, rows: Array) -> tuple[float, float]:
        """The smallest and the largest index in the rows."""
        if not rows.size:
            return 0, 0
        indices = rows.reshape(len(rows), -1)[:, self.columns]
        return indices.min().item(), indices.max().item()


Bounds = Mapping[str, Sequence[Bound]]


def index_bounds(graph: Graph) -> Bounds:
    """The bounds of each input that holds indices, such as categories of an embedding."""
    bounds: dict[str, list[Bound]] = {}
    for node in graph.nodes:
        if node.operation not in (Op.GETITEM, Op.SETITEM, Op.ADD_AT):
            continue
        x, parts = node.arguments[:2]
        for part, size in zip(parts, graph.nodes[x.node].shape, strict=False):
            if isinstance(part, Ref):
                name, bound = _bound(graph, node, part.node, size)
                if bound not in bounds.setdefault(name, []):
                    bounds[name].append(bound)
    return bounds


def check_indices(rows: Array, name: str, bounds: Bounds) -> None:
    """Raise a DataError for an index out of range: machine code does not check it."""
    for bound in bounds.get(name, ()):
        if not bound.holds(rows):
            low, high = bound.extremes(rows)
            raise DataError(
                f"indices from {low:g} to {high:g} in {name}",
                f"whole numbers from 0 to {bound.size - 1}",
                "number the categories from 0, or use a larger table",
            )


def _bound(graph: Graph, node: Node, index: int, size: object) -> tuple[str, Bound]:
    """The input that an index comes from, and the bound on its numbers."""
    names = {i: name for name, i in graph.leaves.inputs.items()}
    steps: list[Node] = []
    while (source := graph.nodes[index]).operation in (Op.VIEW, Op.ASTYPE, Op.CONCATENATE):
        parts = source.arguments[0]
        if source.operation is Op.CONCATENATE and len(parts) > 1:
            break  # with a single part it is a copy
        steps.insert(0, source)
        index = (parts[0] if source.operation is Op.CONCATENATE else parts).node
    if index not in names or not isinstance(size, int):
        raise CannotLowerError(f"a computed index, at {node.origin}")
    n = SIZES[0]
    shape = [at(length, n) for length in graph.nodes[index].shape]
    width = int(np.prod(shape[1:], dtype=int))
    places = np.arange(n * width).reshape(shape)
    for step in steps:
        if step.operation is Op.VIEW:
            here = step.map(lambda leaf: at(leaf, n))
            places = step.operation.compute(places, *here.arguments[1:])
    columns = {*(places % max(width, 1)).ravel().tolist()}
    all_of_them = len(columns) == width
    return names[index], Bound(slice(None) if all_of_them else tuple(sorted(columns)), size)
