"""Loop nests: the loops that compute each stored node of a graph, or move its numbers."""

import linecache
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.engines.loops.element_access import (
    Elements,
    around,
    beginning,
    indices,
    offset_at,
    put,
)
from handgrad.engines.loops.fusion import Group
from handgrad.engines.loops.ir import Body, Comment, Draw, Expression, For, Store, whole
from handgrad.engines.loops.memory_planning import extent
from handgrad.engines.loops.partitioning import loop_in_parts
from handgrad.engines.loops.product_nests import Uses, product_nest
from handgrad.engines.loops.reductions import REDUCED, argmax, reduction
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.symbolic import Arange, Ref, Symbolic, at
from handgrad.textbook.errors import ROW_NUMBERS, CannotLowerError


def nests(
    elements: Elements, groups: Sequence[Group], batch_size: int, uses: Uses | None = None
) -> list[Body]:
    """The statements that compute the nodes of each group, with the lines they came from.

    A number of a node that has a use is put to that, and not stored.
    """
    found: list[Body] = []
    origin = None
    for group in groups:
        body: Body = []
        for node in (elements.graph.nodes[i] for i in group):
            if node.origin is not None and node.origin != origin:
                origin = node.origin
                code = linecache.getline(origin.file, origin.line).strip()
                body.append(Comment(f"{Path(origin.file).name}:{origin.line}  {code}".strip()))
        first = elements.graph.nodes[group[0]]
        if first.operation is Op.EINSUM:
            body += product_nest(elements, group, batch_size, uses or {})
        else:
            body += _nest(elements, group[0], first, batch_size)
        found.append(body)
    return found


def _nest(elements: Elements, i: int, node: Node, batch_size: int) -> Body:
    name = node.operation
    if name in ELEMENTWISE or name is Op.FILL:
        place = elements.places.pop(i)  # so that it is computed here, and not read
        shape = elements.in_one_row(i, node.shape)
        index = indices(elements, shape)
        value = elements.element(i, index)
        elements.places[i] = place
        loops = around(shape, index, put(elements, i, index, value))
        sizes = [int(at(size, batch_size)) for size in shape if size != 1]
        return [
            loop_in_parts(elements, loop, sizes[0], math.prod(sizes))
            if isinstance(loop, For)
            else loop
            for loop in loops
        ]
    if name in REDUCED:
        return reduction(elements, i, node, batch_size)
    if name in NESTS:
        return NESTS[name](elements, i, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


def _getitem(elements: Elements, i: int, node: Node) -> Body:
    x, parts = node.arguments
    index = indices(elements, node.shape)
    number = elements.element(x.node, _looked_up(elements, parts, index))
    return around(node.shape, index, put(elements, i, index, number))


def _scatter(elements: Elements, i: int, node: Node) -> Body:
    x, parts, values = node.arguments
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    if not shapes:
        if any(isinstance(part, Symbolic) for part in parts):
            raise CannotLowerError(f"an index of constants, at {node.origin}", ROW_NUMBERS)
        shapes = [np.broadcast_shapes(*map(np.shape, parts))]
    shape = (*max(shapes, key=len), *node.shape[len(parts) :])
    index = indices(elements, shape)
    target = _looked_up(elements, parts, index)
    value = elements.argument(values, index, elements.places[i].type)
    if node.operation is Op.ADD_AT:
        value = elements.element(i, target) + value
    return _copy(elements, i, x) + around(shape, index, put(elements, i, target, value))


def _looked_up(elements: Elements, parts: Any, index: list[Expression]) -> list[Expression]:
    """The place that an index of arrays points to, for one entry of the result."""
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    leading = max([*map(len, shapes), *map(np.ndim, parts), 1])
    found: list[Expression] = []
    for part in parts:
        if isinstance(part, Arange):
            found.append(index[leading - part.ndim])
        else:
            found.append(elements.argument(part, index[:leading], "int"))
    return [*found, *index[leading:]]


def _write(elements: Elements, i: int, node: Node) -> Body:
    x, offset, steps, shape, values = node.arguments
    place = elements.places[i]
    index = indices(elements, shape)
    flat = offset_at(place.offset + beginning(offset), index, [*map(extent, steps)])
    value = elements.argument(values, index, place.type)
    return _copy(elements, i, x) + around(shape, index, [Store(place.buffer, flat, value)])


def _copy(elements: Elements, i: int, x: Ref) -> Body:
    if elements.places.get(x.node) == elements.places[i]:  # it is written in place
        return []
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


NESTS: dict[Op, Callable[[Elements, int, Node], Body]] = {
    Op.ARGMAX: argmax,
    Op.GETITEM: _getitem,
    Op.SETITEM: _scatter,
    Op.ADD_AT: _scatter,
    Op.WRITE: _write,
    Op.CONCATENATE: _concatenate,
    Op.RANDOM: _random,
}
