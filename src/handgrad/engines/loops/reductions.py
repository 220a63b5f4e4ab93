"""Loop nests of reductions, in an order that follows from the sizes alone, so that bits do too."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.engines.loops.element_access import (
    ElementReader,
    indices,
    loops_around,
    store_element,
)
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
            *reduced(so_far, step, start, _counters(shape, index, axes, batch_size), number),
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


def reduced(
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
