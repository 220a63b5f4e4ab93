"""Reductions: the loops that make one number of many, in an order that follows from sizes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.element_access import Elements, around, indices, put
from handgrad.engines.loops.ir import (
    LANES,
    Body,
    Call,
    Expression,
    For,
    Let,
    Num,
    Reduce,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.memory_planning import extent
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Shape, at

FLOATING = ("float", "double")
# What a reduction starts with, and does with each number.
REDUCED = {
    Op.SUM: (0.0, "add"),
    Op.PROD: (1.0, "multiply"),
    Op.MAX: (-np.inf, "maximum"),
    Op.MIN: (np.inf, "minimum"),
}


def reduction(elements: Elements, i: int, node: Node, batch_size: int) -> Body:
    """The loops of a sum, product, maximum or minimum over some axes."""
    x, axes = node.arguments
    shape, type = elements.graph.nodes[x.node].shape, elements.places[i].type
    if len(axes) == len(shape):
        shape = elements.in_one_row(x.node, shape)
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
            *put(elements, i, target, so_far),
        ]
        return around(shape, index, row, kept)
    fixed = {
        axis: size for axis, size in enumerate(shape) if axis in axes and isinstance(size, int)
    }
    if len(fixed) == len(axes) and math.prod(fixed.values()) <= LANES:  # few: all in one line
        result: Expression = start
        for places in np.ndindex(*fixed.values()):
            at_places = dict(zip(fixed, map(whole, places), strict=True))
            number = elements.element(x.node, [at_places.get(k, i) for k, i in enumerate(index)])
            result = Call(step, (result, cast(number, type)), type)
        return around(shape, index, put(elements, i, target, result), kept)
    # the reduced axes are the outer ones: add row to row, which keeps memory in order
    clear = around(shape, index, put(elements, i, target, start), kept)
    added = Call(step, (elements.element(i, target), number), type)
    return clear + around(shape, index, put(elements, i, target, added), [*sorted(axes), *kept])


@dataclass(frozen=True)
class Counter:
    """A counter of a reduction, where it stops, and where it does for a full batch."""

    name: str
    stop: Expression
    full: int


def _counters(
    shape: Shape, index: Sequence[Expression], axes: Iterable[int], batch_size: int
) -> list[Counter]:
    """The counters of the axes that are reduced, the innermost last."""
    counted = [(index[axis], shape[axis]) for axis in sorted(axes)]
    return [
        Counter(counter.name, extent(size), int(at(size, batch_size)))
        for counter, size in counted
        if isinstance(counter, Var)
    ]


def _reduced(
    so_far: Var, step: str, start: Num, counters: Sequence[Counter], number: Expression
) -> Body:
    """Statements that make a variable of all those numbers: in lanes, or if few one by one."""
    if math.prod(counter.full for counter in counters) > LANES and so_far.type in FLOATING:
        stops = [(counter.name, counter.stop) for counter in counters]
        return [Reduce(so_far.name, step, start, stops, number)]
    body: Body = [Let(so_far.name, Call(step, (so_far, number), so_far.type))]
    for counter in reversed(counters):
        body = [For(counter.name, counter.stop, body)]
    return [Let(so_far.name, start), *body]


def typed(value: float, type: Type) -> float | int:
    """A constant as a number of that type."""
    return int(value) if type == "int" and np.isfinite(value) else value


def argmax(elements: Elements, i: int, node: Node) -> Body:
    """The loops that find where the largest number stands, the first of several."""
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
        *around(shape, index, inner, [axis]),
        *put(elements, i, [index[k] for k in rest], where),
    ]
    return around(shape, index, row, rest)
