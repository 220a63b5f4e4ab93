"""Loop nests: the loops that compute each stored node of a graph.

Reductions run in an order that follows from the sizes alone, so that their bits do too.
"""

import linecache
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
    LANES,
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Num,
    Reduce,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.memory_planning import extent
from handgrad.engines.loops.partitioning import partition_loop
from handgrad.engines.loops.product_nests import Consumers, product_nest
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.symbolic import Arange, Ref, Shape, Symbolic, at
from handgrad.textbook.errors import ROW_NUMBERS, CannotLowerError

FLOATING = ("float", "double")
UNROLLED = 32  # terms of a sum that are one expression: a window of 5 by 5
# The identity and the operation of each reduction.
REDUCED = {
    Op.SUM: (0.0, "add"),
    Op.PROD: (1.0, "multiply"),
    Op.MAX: (-np.inf, "maximum"),
    Op.MIN: (np.inf, "minimum"),
}


def reduction(elements: ElementReader, i: int, node: Node, batch_size: int) -> Body:
    """The loops of a reduction over some axes: sum, product, maximum or minimum."""
    x, axes = node.arguments
    shape, type = elements.graph.nodes[x.node].shape, elements.places[i].type
    if len(axes) == len(shape):
        shape = elements.flattened(x.node, shape)
    index = indices(elements, shape)
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    target: list[Expression] = (
        [whole(0) if axis in axes else index[axis] for axis in range(len(shape))]
        if node.options["keepdims"]
        else [index[axis] for axis in kept]
    )
    number = cast(elements.element(x.node, index), type)
    value, step = REDUCED[node.operation]
    start = Num(typed(value, type), type)
    if not kept or len(shape) - 1 in axes:
        so_far = elements.new("a", type)
        row = [
            *_reduced(so_far, step, start, _counters(shape, index, axes, batch_size), number),
            *store_element(elements, i, target, so_far),
        ]
        return loops_around(shape, index, row, kept)
    fixed = {
        axis: size for axis, size in enumerate(shape) if axis in axes and isinstance(size, int)
    }
    if len(fixed) == len(axes) and math.prod(fixed.values()) <= UNROLLED:  # few
        result: Expression = start
        for places in np.ndindex(*fixed.values()):
            at_places = dict(zip(fixed, map(whole, places), strict=True))
            number = elements.element(x.node, [at_places.get(k, i) for k, i in enumerate(index)])
            result = Call(step, (result, cast(number, type)), type)
        return loops_around(shape, index, store_element(elements, i, target, result), kept)
    # the reduced axes are the outer ones: add row to row, in memory order
    clear = loops_around(shape, index, store_element(elements, i, target, start), kept)
    added = Call(step, (elements.element(i, target), number), type)
    return clear + loops_around(
        shape, index, store_element(elements, i, target, added), [*sorted(axes), *kept]
    )


@dataclass(frozen=True)
class Counter:
    """A counter of a reduction, its end, and its end in a full batch."""

    name: str
    stop: Expression
    full: int


def _counters(
    shape: Shape, index: Sequence[Expression], axes: Iterable[int], batch_size: int
) -> list[Counter]:
    """The counters of the reduced axes, the innermost last."""
    counted = [(index[axis], shape[axis]) for axis in sorted(axes)]
    return [
        Counter(counter.name, extent(size), int(at(size, batch_size)))
        for counter, size in counted
        if isinstance(counter, Var)
    ]


def _reduced(
    so_far: Var, step: str, start: Num, counters: Sequence[Counter], number: Expression
) -> Body:
    """Reduce all numbers to a variable: in lanes, or if few one by one."""
    if math.prod(counter.full for counter in counters) > LANES and so_far.type in FLOATING:
        stops = [(counter.name, counter.stop) for counter in counters]
        return [Reduce(so_far.name, step, start, stops, number)]
    body: Body = [Let(so_far.name, Call(step, (so_far, number), so_far.type))]
    for counter in reversed(counters):
        body = [For(counter.name, counter.stop, body)]
    return [Let(so_far.name, start), *body]


def typed(value: float, type: Type) -> float | int:
    """Convert a constant to a type."""
    return int(value) if type == "int" and np.isfinite(value) else value


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
        if first.operation is Op.EINSUM:
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
        sizes = [int(at(size, batch_size)) for size in shape if size != 1]
        return [
            partition_loop(elements, loop, sizes[0], math.prod(sizes))
            if isinstance(loop, For)
            else loop
            for loop in loops
        ]
    if name in REDUCED:
        return reduction(elements, i, node, batch_size)
    if name in NESTS:
        return NESTS[name](elements, i, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


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


def _concatenate(elements: ElementReader, i: int, node: Node) -> Body:
    parts, axis = node.arguments
    start: Expression = whole(0)
    body: Body = []
    for part in parts:
        shape = elements.graph.nodes[part.node].shape
        index = indices(elements, shape)
        target = [*index[:axis], start + index[axis], *index[axis + 1 :]]
        body += loops_around(
            shape, index, store_element(elements, i, target, elements.element(part.node, index))
        )
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
    Op.CONCATENATE: _concatenate,
    Op.RANDOM: _random,
}
