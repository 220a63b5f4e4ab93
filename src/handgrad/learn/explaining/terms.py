"""Arithmetic as data: a number as what it was computed from, to be written and computed again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.graph.operations import Op

Index = tuple[int, ...]
LOGICAL = {Op.AND, Op.OR, Op.XOR, Op.INVERT}


@dataclass(frozen=True)
class Term:
    """The base of what stands in a line: numbers, and operations on them."""

    def parts(self) -> "tuple[Term, ...]":
        """The terms that this one is made of."""
        return ()

    def value(self, of: "Callable[[Number], float]") -> float:
        """What it comes to, in float64, with `of` for the value of each number."""
        raise NotImplementedError

    def numbers(self) -> "Iterator[Number]":
        """The numbers in it, from left to right."""
        for part in self.parts():
            yield from part.numbers()


@dataclass(frozen=True)
class Number(Term):
    """A number: that of the node `node` at `index`, or a constant, of no node."""

    number: float
    node: int = -1
    index: Index = ()

    def value(self, of: "Callable[[Number], float]") -> float:
        return of(self)

    def numbers(self) -> "Iterator[Number]":
        yield self

    def is_same(self, other: "Number") -> bool:
        """Whether both are the same number of the same array."""
        return self.node == other.node >= 0 and self.index == other.index


@dataclass(frozen=True)
class Elementwise(Term):
    """An operation on single numbers: `a + b`, `tanh(a)`, `where(a, b, c)`."""

    operation: Op
    arguments: tuple[Term, ...]

    def parts(self) -> tuple[Term, ...]:
        return self.arguments

    def value(self, of: "Callable[[Number], float]") -> float:
        kind = bool if self.operation in LOGICAL else np.float64
        given: list[Any] = [kind(part.value(of)) for part in self.arguments]
        return float(self.operation.compute(*given))


@dataclass(frozen=True)
class Rest(Term):
    """What is not written out: `count` terms that are `kind`, as one number."""

    count: int
    kind: str  # smaller, larger, others
    number: float

    def value(self, of: "Callable[[Number], float]") -> float:
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

    def value(self, of: "Callable[[Number], float]") -> float:
        values = [part.value(of) for part in self.terms]
        return float(self.operation.compute(values)) / self.divisor


@dataclass(frozen=True)
class Place(Term):
    """Where the largest or the smallest of many numbers stands: those shown, with their places."""

    operation: Op
    places: tuple[int, ...]
    terms: tuple[Term, ...]  # after them, perhaps, the rest

    def parts(self) -> tuple[Term, ...]:
        return self.terms

    def value(self, of: "Callable[[Number], float]") -> float:
        values = [part.value(of) for part in self.terms]
        return float(self.places[int(self.operation.compute(values))])


def slope(term: Term, number: Number) -> float:
    """How much a term changes for each 1 of one of its numbers, while the others stay."""
    step = 1e-6 * max(1.0, abs(number.number))

    def moved(by: float) -> float:
        return term.value(lambda n: n.number + by if n.is_same(number) else n.number)

    with np.errstate(all="ignore"):
        return (moved(step) - moved(-step)) / (2 * step)


def key(node: int, index: Index) -> str:
    """What a number is called in the page: `12-0-1`."""
    return "-".join(map(str, (node, *index)))
