"""What in a nest of loops lies apart in memory: LLVM is told, so that it need not ask as it runs.

Most of what a program computes lies in one buffer, and how far an index goes follows from the
rounds of the loops around it. What provably never meets may be kept in registers, or computed in
vectors, without a comparison of addresses first.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.statements import (
    Call,
    Expression,
    For,
    Let,
    Load,
    Num,
    Statement,
    Store,
    Var,
    walk,
)

UNKNOWN = (-math.inf, math.inf)
Span = tuple[float, float]  # the lowest and the highest
Place = tuple[str, Expression]  # of a number: a buffer and an index in it


@dataclass(frozen=True)
class Apart:
    """Groups of places that a nest writes to, and for each of its places those it never meets."""

    group: Mapping[Place, int]
    never_meets: Mapping[Place, Sequence[int]]


class Spans:
    """How far whole numbers go in a program: variables by all that they are given anywhere."""

    def __init__(self, body: Sequence[Statement]) -> None:
        self.given: dict[str, list[Expression]] = {}
        self.loops: dict[str, list[For]] = {}
        self.known: dict[str, Span] = {}
        for statement in walk(body):
            if isinstance(statement, Let):
                self.given.setdefault(statement.name, []).append(statement.value)
            elif isinstance(statement, For):
                self.loops.setdefault(statement.counter, []).append(statement)

    def of(self, number: Expression) -> Span:
        """The lowest and the highest that a number can be, infinite where that is not known."""
        match number:
            case Num(value, "int"):
                return value, value
            case Var(name, "int"):
                return self._of_variable(name)
            case Call(operation, (a, b), "int") if operation in OPERATIONS:
                return OPERATIONS[operation](self.of(a), self.of(b))
        return UNKNOWN

    def _of_variable(self, name: str) -> Span:
        if name not in self.known:
            self.known[name] = UNKNOWN  # while it is looked for: it may be part of itself
            spans = [self.of(value) for value in self.given.get(name, ())]
            for loop in self.loops.get(name, ()):
                spans.append((self.of(loop.begin)[0], self.of(loop.stop)[1] - 1))
            if spans:
                self.known[name] = min(s[0] for s in spans), max(s[1] for s in spans)
        return self.known[name]


def _product(a: Span, b: Span) -> Span:
    if min(a[0], b[0]) < 0:
        return UNKNOWN
    return a[0] * b[0], (a[1] * b[1] if a[1] and b[1] else 0)


OPERATIONS: Mapping[str, Callable[[Span, Span], Span]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": _product,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
}


def apart(nest: For, spans: Spans) -> Apart:
    """What of a nest lies apart."""
    written = {(s.buffer, s.index): spans.of(s.index) for s in walk([nest]) if isinstance(s, Store)}
    group: dict[Place, int] = {}
    reach: list[tuple[str, Span]] = []  # of each group
    for place, (low, high) in sorted(written.items(), key=lambda item: (item[0][0], item[1])):
        if reach and reach[-1][0] == place[0] and low <= reach[-1][1][1]:
            begin, end = reach.pop()[1]
            low, high = begin, max(end, high)
        reach.append((place[0], (low, high)))
        group[place] = len(reach) - 1
    read = {place: spans.of(place[1]) for place in _loads(nest)}
    never_meets = {
        place: [
            i
            for i, (buffer, (first, last)) in enumerate(reach)
            if buffer == place[0] and (high < first or last < low)
        ]
        for place, (low, high) in {**read, **written}.items()
    }
    return Apart(group, never_meets)


def _loads(nest: For) -> Iterator[Place]:
    for statement in walk([nest]):
        for part in vars(statement).values():
            if isinstance(part, Expression):
                yield from _loads_of(part)


def _loads_of(expression: Expression) -> Iterator[Place]:
    match expression:
        case Load(buffer, index, _):
            yield buffer, index
            yield from _loads_of(index)
        case Call(_, arguments, _):
            for argument in arguments:
                yield from _loads_of(argument)
