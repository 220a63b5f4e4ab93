"""Reductions as scalar loops, in an order with small rounding errors.

A chunk of a row of numbers is reduced in `LANES` local variables, which are combined by halves and
added to the total. The order depends on the lengths of the rows alone.
"""

from collections.abc import Callable
from functools import partial

from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import (
    CHUNK,
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    Reduce,
    Store,
    Var,
    known,
    least,
    whole,
)
from handgrad.engines.portable.scalar_matmul import New

LANES = 4  # local variables: independent sums hide the latency of an addition

# The statements that compute the number at an index, and its expression.
NumberAt = Callable[[Expression], tuple[Body, Expression]]
# The same for a counter at that index.
ValueAt = Callable[[str, Expression], tuple[Body, Expression]]


def sum_loops(reduce: Reduce, new: New, value_at: ValueAt, room: int | None) -> Body:
    """The loops of a sum, product, maximum or minimum of many numbers.

    `room`, if not None, is an offset in scratch memory for a chunk: function values are computed
    there first, in a loop that LLVM vectorizes.
    """
    total = Var(reduce.name, reduce.value.type)
    *outer, (counter, stop) = reduce.counters
    most = known(stop)
    row = _Row(reduce, new, counter, value_at, room if needs_chunk(reduce) else None)
    if most is not None and most <= CHUNK:
        body = row.added(total, whole(0), stop)
    else:
        begin, end = new("begin", "int"), new("end", "int")
        chunk = row.added(total, begin, end)
        ends = Let(end.name, least(begin + whole(CHUNK), stop))
        body = [For(begin.name, stop, [ends, *chunk], CHUNK)]
    for name, size in reversed(outer):
        body = [For(name, size, body)]
    return [Let(total.name, reduce.start), *body]


def needs_chunk(reduce: Reduce) -> bool:
    """True if the numbers of a reduction are computed to memory first: function values are."""
    return reduce.value.type == "float" and _has_function(reduce.value)


def _has_function(value: Expression) -> bool:
    return isinstance(value, Call) and (
        value.operation in WRITTEN_OUT or any(map(_has_function, value.arguments))
    )


class _Row:
    """Adds a range of a row's numbers to a variable."""

    def __init__(
        self, reduce: Reduce, new: New, counter: str, value_at: ValueAt, room: int | None
    ) -> None:
        self.reduce, self.new, self.counter, self.value_at = reduce, new, counter, value_at
        self.room = room

    def added(self, total: Var, begin: Expression, end: Expression) -> Body:
        """The loops of a range, whose numbers may be computed to memory first."""
        if self.room is None:
            return self._in_lanes(total, begin, end, partial(self.value_at, self.counter))
        i, here = self.new("i", "int"), whole(self.room)
        before, value = self.value_at(self.counter, begin + i)
        count = whole(last) if (last := known(end)) is not None else end - begin
        size = self.new("size", "int")
        computed = For(i.name, size, [*before, Store("scratch", here + i, value)])
        lanes = self._in_lanes(
            total, whole(0), size, lambda place: ([], Load("scratch", here + place, "float"))
        )
        return [Let(size.name, count), computed, *lanes]

    def _in_lanes(self, total: Var, begin: Expression, end: Expression, at: NumberAt) -> Body:
        """Reduce in lanes, then the remaining numbers one by one."""
        first, last = known(begin), known(end)
        lanes = [self.new("lane", total.type) for _ in range(LANES)]
        i = self.new("i", "int")
        body: Body = [Let(lane.name, self.reduce.start) for lane in lanes]
        inner = [
            line for k, lane in enumerate(lanes) for line in self._with(lane, at(i + whole(k)))
        ]
        rest: Expression
        if first is not None and last is not None:
            rest = whole(last - (last - first) % LANES)
            body.append(For(i.name, rest, inner, LANES, begin))
        else:
            left = self.new("rest", "int")
            rest = left
            inner.append(Let(left.name, i + whole(LANES)))
            body += [
                Let(left.name, begin),
                For(i.name, end - whole(LANES - 1), inner, LANES, begin),
            ]
        if rest != end:
            i = self.new("i", "int")
            body.append(For(i.name, end, self._with(lanes[0], at(i)), begin=rest))
        while len(lanes) > 1:
            half = len(lanes) // 2
            body += [self._joined(a, b) for a, b in zip(lanes[:half], lanes[half:], strict=True)]
            lanes = lanes[:half]
        return [*body, self._joined(total, lanes[0])]

    def _with(self, lane: Var, number: tuple[Body, Expression]) -> Body:
        """Add a number to a lane."""
        before, value = number
        return [*before, self._joined(lane, value)]

    def _joined(self, so_far: Var, value: Expression) -> Let:
        return Let(so_far.name, Call(self.reduce.operation, (so_far, value), so_far.type))
