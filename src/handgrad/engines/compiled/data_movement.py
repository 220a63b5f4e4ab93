"""Data movement: the nests that compute nothing, but copy, look up, scatter and draw numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.element_access import (
    Elements,
    Index,
    around,
    broadcast,
    indices,
    offset_at,
    put,
)
from handgrad.engines.compiled.loops import (
    Body,
    Draw,
    Expression,
    Store,
    whole,
)
from handgrad.engines.compiled.memory_planning import extent
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.references import Ref
from handgrad.graph.symbolic import Arange


def _getitem(elements: Elements, i: int, node: Node) -> Body:
    x, parts = node.arguments
    index = indices(elements, node.shape)
    number = elements.element(x.node, _looked_up(elements, parts, index))
    return around(node.shape, index, put(elements, i, index, number))


def _scatter(elements: Elements, i: int, node: Node) -> Body:
    x, parts, values = node.arguments
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    if not shapes:
        raise CannotLowerError(f"an index of constants, at {node.origin}")
    shape = (*max(shapes, key=len), *node.shape[len(parts) :])
    index = indices(elements, shape)
    target = _looked_up(elements, parts, index)
    value = elements.argument(values, index, elements.places[i].type)
    if node.operation is Op.ADD_AT:
        value = elements.element(i, target) + value
    return _copy(elements, i, x) + around(shape, index, put(elements, i, target, value))


def _looked_up(elements: Elements, parts: Sequence[Any], index: Index) -> list[Expression]:
    """The place that an index of arrays points to, for one entry of the result."""
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    ranks = [len(shape) for shape in shapes] + [np.ndim(p) for p in parts]
    leading = max([*ranks, 1])
    found: list[Expression] = []
    for part in parts:
        if isinstance(part, Arange):
            found.append(index[leading - part.ndim])
        elif isinstance(part, Ref):
            shape = elements.graph.nodes[part.node].shape
            found.append(elements.element(part.node, broadcast(shape, index[:leading])))
        elif isinstance(part, int | np.integer):
            found.append(whole(int(part)))
        elif isinstance(part, np.ndarray):
            found.append(elements.argument(part, index[:leading], "int"))
        else:
            raise CannotLowerError("an index of constants")
    return [*found, *index[leading:]]


def _write(elements: Elements, i: int, node: Node) -> Body:
    x, offset, steps, shape, values = node.arguments
    place = elements.places[i]
    index = indices(elements, shape)
    flat = offset_at(place.offset + extent(offset), index, [*map(extent, steps)])
    value = elements.argument(values, index, place.type)
    return _copy(elements, i, x) + around(shape, index, [Store(place.buffer, flat, value)])


def _copy(elements: Elements, i: int, x: Ref) -> Body:
    shape = elements.graph.nodes[i].shape
    index = indices(elements, shape)
    return around(shape, index, put(elements, i, index, elements.element(x.node, index)))


def _concatenate(elements: Elements, i: int, node: Node) -> Body:
    parts, axis = node.arguments
    start: Expression = whole(0)
    body: Body = []
    for part in parts:
        shape = elements.graph.nodes[part.node].shape
        index = indices(elements, shape)
        target = [*index[:axis], start + index[axis], *index[axis + 1 :]]
        body += around(shape, index, put(elements, i, target, elements.element(part.node, index)))
        start = start + extent(shape[axis])
    return body


def _random(elements: Elements, i: int, node: Node) -> Body:
    """All numbers in one go, in NumPy's order."""
    place, count = elements.places[i], extent(node.shape[0])
    for size in node.shape[1:]:
        count = count * extent(size)
    return [Draw(elements.streams.index(node.arguments[0]), place.buffer, place.offset, count)]


MOVES: dict[Op, Callable[[Elements, int, Node], Body]] = {
    Op.GETITEM: _getitem,
    Op.SETITEM: _scatter,
    Op.ADD_AT: _scatter,
    Op.WRITE: _write,
    Op.CONCATENATE: _concatenate,
    Op.RANDOM: _random,
}
