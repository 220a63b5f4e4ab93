"""Loop-invariant code motion for loads.

Example: the mean or maximum of a row, subtracted from all numbers of the row. If it is in the same
buffer as they are, LLVM cannot prove that the stores leave it unchanged, and does not vectorize the
loop. If the value ranges of the indices prove it, the load moves into a local variable here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from handgrad.engines.loops.ir import (
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    Num,
    ParallelFor,
    Statement,
    Store,
    Var,
)
from handgrad.engines.loops.value_ranges import Interval, ValueRanges


def hoist_loads(body: Sequence[Statement], new: Callable[[str], Var]) -> Body:
    """Move loop-invariant loads before their loops; `new` makes a variable."""
    return _hoist(body, ValueRanges(body), new)


def _hoist(body: Sequence[Statement], spans: ValueRanges, new: Callable[[str], Var]) -> Body:
    return [*chain.from_iterable(_hoist_from(statement, spans, new) for statement in body)]


def _hoist_from(statement: Statement, spans: ValueRanges, new: Callable[[str], Var]) -> Body:
    if not isinstance(statement, For | ParallelFor):
        return [statement]
    stores = [part for part in statement.body if isinstance(part, Store)]
    if isinstance(statement, ParallelFor) or len(stores) < len(statement.body):
        return [replace(statement, body=_hoist(statement.body, spans, new))]
    if not (isinstance(statement.begin, Num) and isinstance(statement.stop, Num)):
        return [statement]  # it may have no iteration, and load nothing
    written = [(store.buffer, spans.of(store.index)) for store in stores]
    rows: dict[Load, Var] = {}
    for load in dict.fromkeys(chain.from_iterable(_always_read(s.value) for s in stores)):
        reach = spans.of(load.index)
        stored = [span for buffer, span in written if buffer == load.buffer]
        is_invariant = not _depends_on(load.index, statement.counter)
        if stored and is_invariant and all(_disjoint(reach, s) for s in stored):
            rows[load] = new("r")
    body = [Store(s.buffer, s.index, _replaced(s.value, rows)) for s in stores]
    return [*(Let(row.name, load) for load, row in rows.items()), replace(statement, body=body)]


def _always_read(value: Expression) -> Iterator[Load]:
    """Yield the loads that always execute: not those in the branches of a `where`."""
    if isinstance(value, Load):
        yield value
    elif isinstance(value, Call):
        for part in value.arguments[:1] if value.operation == "where" else value.arguments:
            yield from _always_read(part)


def _depends_on(index: Expression, counter: str) -> bool:
    """Return True if an index depends on a counter, or may, as it is itself loaded."""
    match index:
        case Var(name, _):
            return name == counter
        case Call(_, arguments, _):
            return any(_depends_on(part, counter) for part in arguments)
    return isinstance(index, Load)


def _disjoint(a: Interval, b: Interval) -> bool:
    return a[1] < b[0] or b[1] < a[0]


def _replaced(value: Expression, rows: dict[Load, Var]) -> Expression:
    if isinstance(value, Load):
        row = rows.get(value)
        return value if row is None else replace(row, type=value.type)
    if isinstance(value, Call):
        return replace(value, arguments=tuple(_replaced(a, rows) for a in value.arguments))
    return value
