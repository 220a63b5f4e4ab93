"""Terms: arithmetic as expression trees, to be written and evaluated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.graph.operations import BINARY, COMPARISONS, UNARY, Op
from handgrad.graph.printing import PRECEDENCE

Index = tuple[Any, ...]  # numbers, or arrays of them
LOGICAL = {Op.AND, Op.OR, Op.XOR, Op.INVERT}


@dataclass(frozen=True)
class Term:
    """Base class of the nodes of a line's expression."""

    def parts(self) -> "tuple[Term, ...]":
        """Child terms."""
        return ()

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        """Value in float64, with `of` for the value of each number."""
        raise NotImplementedError

    def numbers(self) -> "Iterator[NumberTerm]":
        """The numbers in it, from left to right."""
        for part in self.parts():
            yield from part.numbers()


@dataclass(frozen=True)
class NumberTerm(Term):
    """A number: that of the node `node` at `index`, or a constant, of no node."""

    number: float
    node: int = -1
    index: Index = ()

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        return of(self)

    def numbers(self) -> "Iterator[NumberTerm]":
        yield self

    def is_same(self, other: "NumberTerm") -> bool:
        """True if both are the same element of the same array."""
        return self.node == other.node >= 0 and self.index == other.index


@dataclass(frozen=True)
class Elementwise(Term):
    """An operation on single numbers: `a + b`, `tanh(a)`, `where(a, b, c)`."""

    operation: Op
    arguments: tuple[Term, ...]

    def parts(self) -> tuple[Term, ...]:
        return self.arguments

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        kind = bool if self.operation in LOGICAL else np.float64
        values: list[Any] = [kind(part.value(of)) for part in self.arguments]
        return float(self.operation.compute(*values))


@dataclass(frozen=True)
class Rest(Term):
    """Terms that are left out: `count` of them that are `kind`, as one number."""

    count: int
    kind: str  # smaller, larger, others
    number: float

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        return self.number


@dataclass(frozen=True)
class Many(Term):
    """An operation on many numbers: their sum, product, largest or smallest.

    A sum is divided by `divisor`, where it is a mean.
    """

    operation: Op
    terms: tuple[Term, ...]
    divisor: int = 1

    def parts(self) -> tuple[Term, ...]:
        return self.terms

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        values = [part.value(of) for part in self.terms]
        return float(self.operation.compute(values)) / self.divisor


@dataclass(frozen=True)
class ArgmaxTerm(Term):
    """Argmax or argmin of many numbers: those shown, with their indices."""

    operation: Op
    places: tuple[int, ...]
    terms: tuple[Term, ...]  # the rest last, if there is one

    def parts(self) -> tuple[Term, ...]:
        return self.terms

    def value(self, of: "Callable[[NumberTerm], float]") -> float:
        values = [part.value(of) for part in self.terms]
        return float(self.places[int(self.operation.compute(values))])


def slope(term: Term, number: NumberTerm) -> float:
    """Partial derivative of a term with respect to one of its numbers."""
    step = 1e-6 * max(1.0, abs(number.number))

    def moved(by: float) -> float:
        return term.value(lambda n: n.number + by if n.is_same(number) else n.number)

    with np.errstate(all="ignore"):
        return (moved(step) - moved(-step)) / (2 * step)


def key(node: int, index: Index) -> str:
    """Key of a number in the page: `12-0-1`."""
    return "-".join(map(str, (node, *index)))


SIGNS = {Op.MULTIPLY: "·", Op.SUBTRACT: " − ", Op.POWER: "^"}
COMPARED, SUM, PRODUCT, SIGN = (
    PRECEDENCE[op] for op in (Op.LESS, Op.ADD, Op.MULTIPLY, Op.NEGATIVE)
)


def shown(value: float, digits: int) -> str:
    """A number to `digits` significant digits, integers in full: 0.4609, −1.2e-07."""
    text = str(abs(value)) if isinstance(value, int) else f"{abs(value):.{digits}g}"
    return f"−{text}" if value < 0 else text


class TermWriter:
    """Writes terms, numbers to `digits` significant digits; `words` describe terms left out."""

    def __init__(self, digits: int, words: Mapping[str, str]) -> None:
        self.digits, self.words = digits, words

    def shown(self, value: float) -> str:
        """A value as text."""
        return shown(value, self.digits)

    def number(self, number: NumberTerm) -> str:
        """A number within a line."""
        return self.shown(number.number)

    def text(self, term: Term, binds: int = 0) -> str:
        """A term, in brackets if the context has a higher precedence than it."""
        match term:
            case NumberTerm(number):
                text = self.number(term)
                return f"({text})" if binds and number < 0 else text
            case Rest(count, kind, number):
                return f"[{self.words[kind].format(count)}: {self.shown(number)}]"
            case Many():
                return self._many(term, binds)
            case ArgmaxTerm(operation, places, terms):
                written = [
                    f"{place}: {self.text(t)}" for place, t in zip(places, terms, strict=False)
                ]
                return _call(operation, [*written, *map(self.text, terms[len(places) :])])
            case Elementwise(operation, arguments):
                return self._elementwise(operation, arguments, binds)
        raise TypeError(type(term).__name__)

    def _elementwise(self, operation: Op, arguments: Sequence[Term], binds: int) -> str:
        if operation in UNARY:
            sign = "−" if operation is Op.NEGATIVE else operation.symbol
            text = f"{sign}{self.text(arguments[0], SIGN)}"
            return f"({text})" if binds > SUM else text
        if operation not in BINARY:
            return _call(operation, map(self.text, arguments))
        level, (left, right) = PRECEDENCE[operation], arguments
        compared = operation in COMPARISONS
        first = self.text(left, level + (compared or operation is Op.POWER))
        if level == SUM and isinstance(left, NumberTerm):
            first = self.text(left)
        sign = SIGNS.get(operation, f" {operation.symbol} ")
        if isinstance(left, Elementwise) and left.operation is Op.DIVIDE and sign == "·":
            sign = " · "  # a / b·c would look like a / (b·c)
        text = f"{first}{sign}{self.text(right, level + 1)}"
        return f"({text})" if level < binds or (compared and binds) else text

    def _many(self, term: Many, binds: int) -> str:
        (first, *others), (begin, of_first, sign, of_others, end) = term.terms, around(term, binds)
        terms = [self.text(first, of_first), *(self.text(term, of_others) for term in others)]
        return f"{begin}{sign.join(terms)}{end}"


def around(term: Many, binds: int) -> tuple[str, int, str, int, str]:
    """Text before the terms, between and after them, and how tightly the first and others bind."""
    if term.operation in (Op.MAX, Op.MIN):
        return f"{term.operation}(", 0, ", ", 0, ")"
    level, sign = (SUM, " + ") if term.operation is Op.SUM else (PRODUCT, "·")
    first, *others = term.terms
    own = level if others else binds if term.divisor == 1 else PRODUCT
    if others and isinstance(first, NumberTerm) and level == SUM:
        own = 0
    if term.divisor == 1:
        brackets = bool(others) and level < binds
        return "(" * brackets, own, sign, level + 1, ")" * brackets
    inner, outer = bool(others), binds > PRODUCT
    end = ")" * inner + f" / {term.divisor}" + ")" * outer
    return "(" * (inner + outer), own, sign, level + 1, end


def _call(name: str, arguments: "Sequence[str] | map[str]") -> str:
    return f"{name}({', '.join(arguments)})"
