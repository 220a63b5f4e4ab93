"""How far the whole numbers of a loop program go: which numbers of a buffer it meets."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from handgrad.engines.loops.ir import (
    Call,
    Expression,
    For,
    Let,
    Load,
    Num,
    Parts,
    Statement,
    Var,
    walk,
)

UNKNOWN = (-math.inf, math.inf)
Span = tuple[float, float]  # the lowest and the highest


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
            elif isinstance(statement, Parts):
                self.known[statement.counter] = 0, statement.count - 1

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


def loads_of(expression: Expression) -> Iterator[tuple[str, Expression]]:
    """Where a number is read that an expression is made of: a buffer, and an index in it."""
    match expression:
        case Load(buffer, index, _):
            yield buffer, index
            yield from loads_of(index)
        case Call(_, arguments, _):
            for argument in arguments:
                yield from loads_of(argument)
