"""Loop nests: the loops that compute each stored node of a graph."""

import linecache
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.engines.loops.element_access import (
    ElementReader,
    indices,
    loops_around,
    offset_at,
    store_element,
    view_offset,
)
from handgrad.engines.loops.fusion import Group
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Num,
    Store,
    whole,
)
from handgrad.engines.loops.memory_planning import extent
from handgrad.engines.loops.partitioning import partition_loop
from handgrad.engines.loops.product_nests import Consumers, product_nest
from handgrad.engines.loops.reductions import REDUCED, reduction
from handgrad.engines.loops.row_blocks import is_of_rows, row_blocks
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.symbolic import Arange, Ref, Shape, Symbolic, at
from handgrad.textbook.errors import ROW_NUMBERS, CannotLowerError


def argmax(elements: ElementReader, i: int, node: Node) -> Body:
    """The loops that find the first index of the maximum."""
    x, axis = node.arguments
    shape, type = elements.graph.nodes[x.node].shape, elements.kind(x.node)
    index = indices(elements, shape)
    best, where = elements.new("a", type), elements.new("w")
    number = elements.element(x.node, index)
    larger = Call("greater", (number, best), "bool")
    inner: Body = [
        Let(where.name, Call("where", (larger, index[axis], where), "int")),
        Let(best.name, Call("maximum", (best, number), type)),
    ]
    rest = [k for k in range(len(shape)) if k != axis]
    row: Body = [
        Let(best.name, Num(-np.inf, type)),
        Let(where.name, whole(0)),
        *loops_around(shape, index, inner, [axis]),
        *store_element(elements, i, [index[k] for k in rest], where),
    ]
    return loops_around(shape, index, row, rest)


def nests(
    elements: ElementReader, groups: Sequence[Group], batch_size: int, uses: Consumers | None = None
) -> list[Body]:
    """The statements that compute each group, with comments on their source lines.

    Elements of a node with a consumer (`uses`) go to that and are not stored.
    """
    bodies: list[Body] = []
    origin = None
    for group in groups:
        body: Body = []
        for node in (elements.graph.nodes[i] for i in group):
            if node.origin is not None and node.origin != origin:
                origin = node.origin
                code = linecache.getline(origin.file, origin.line).strip()
                body.append(Comment(f"{Path(origin.file).name}:{origin.line}  {code}".strip()))
        first = elements.graph.nodes[group[0]]
        if is_of_rows(elements, group):
            body += row_blocks(elements, group, batch_size)
        elif first.operation is Op.EINSUM:
            body += product_nest(elements, group, batch_size, uses or {})
        else:
            body += _nest(elements, group[0], first, batch_size)
        bodies.append(body)
    return bodies


def _nest(elements: ElementReader, i: int, node: Node, batch_size: int) -> Body:
    name = node.operation
    if name in ELEMENTWISE or name is Op.FILL:
        place = elements.places.pop(i)  # so that it is computed here, not loaded
        shape = elements.flattened(i, node.shape)
        index = indices(elements, shape)
        value = elements.element(i, index)
        elements.places[i] = place
        loops = loops_around(shape, index, store_element(elements, i, index, value))
        return _partitioned(elements, loops, shape, batch_size)
    if name in REDUCED:
        return reduction(elements, i, node, batch_size)
    if name in NESTS:
        return NESTS[name](elements, i, node)
    if name is Op.CONCATENATE:
        return _concatenate(elements, i, node, batch_size)
    raise CannotLowerError(f"{name}, at {node.origin}")


def _partitioned(elements: ElementReader, loops: Body, shape: Shape, batch_size: int) -> Body:
    """Split the outermost loop over the axes of a shape."""
    sizes = [int(at(size, batch_size)) for size in shape if size != 1]
    return [
        partition_loop(elements, loop, sizes[0], math.prod(sizes))
        if isinstance(loop, For)
        else loop
        for loop in loops
    ]


def _getitem(elements: ElementReader, i: int, node: Node) -> Body:
    x, parts = node.arguments
    index = indices(elements, node.shape)
    number = elements.element(x.node, _looked_up(elements, parts, index))
    return loops_around(node.shape, index, store_element(elements, i, index, number))


def _scatter(elements: ElementReader, i: int, node: Node) -> Body:
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
    return _copy(elements, i, x) + loops_around(
        shape, index, store_element(elements, i, target, value)
    )


def _looked_up(elements: ElementReader, parts: Any, index: list[Expression]) -> list[Expression]:
    """The source index for an index of the result of indexing by arrays."""
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    leading = max([*map(len, shapes), *map(np.ndim, parts), 1])
    looked_up: list[Expression] = []
    for part in parts:
        if isinstance(part, Arange):
            looked_up.append(index[leading - part.ndim])
        else:
            looked_up.append(elements.argument(part, index[:leading], "int"))
    return [*looked_up, *index[leading:]]


def _write(elements: ElementReader, i: int, node: Node) -> Body:
    x, offset, steps, shape, values = node.arguments
    place = elements.places[i]
    index = indices(elements, shape)
    flat = offset_at(place.offset + view_offset(offset), index, [*map(extent, steps)])
    value = elements.argument(values, index, place.type)
    return _copy(elements, i, x) + loops_around(shape, index, [Store(place.buffer, flat, value)])


def _copy(elements: ElementReader, i: int, x: Ref) -> Body:
    if elements.places.get(x.node) == elements.places[i]:  # written in place
        return []
    shape = elements.graph.nodes[i].shape
    index = indices(elements, shape)
    return loops_around(
        shape, index, store_element(elements, i, index, elements.element(x.node, index))
    )


def _concatenate(elements: ElementReader, i: int, node: Node, batch_size: int) -> Body:
    parts, axis = node.arguments
    start: Expression = whole(0)
    body: Body = []
    for part in parts:
        shape = elements.graph.nodes[part.node].shape
        index = indices(elements, shape)
        target = [*index[:axis], start + index[axis], *index[axis + 1 :]]
        stored = store_element(elements, i, target, elements.element(part.node, index))
        body += _partitioned(elements, loops_around(shape, index, stored), shape, batch_size)
        start = start + extent(shape[axis])
    return body


def _random(elements: ElementReader, i: int, node: Node) -> Body:
    """Draw all numbers at once, in NumPy's order."""
    place, count = elements.places[i], extent(node.shape[0])
    for size in node.shape[1:]:
        count = count * extent(size)
    return [Draw(elements.streams.index(node.arguments[0]), place.buffer, place.offset, count)]


NESTS: dict[Op, Callable[[ElementReader, int, Node], Body]] = {
    Op.ARGMAX: argmax,
    Op.GETITEM: _getitem,
    Op.SETITEM: _scatter,
    Op.ADD_AT: _scatter,
    Op.WRITE: _write,
    Op.RANDOM: _random,
}
