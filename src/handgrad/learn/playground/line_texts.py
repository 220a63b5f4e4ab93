"""Texts of traced lines, for explanations: the page fills in names and numbers.

`Elements` and `TermWriter` of `hg.explain` write the arithmetic of all numbers of an array at once.
A text is a list: strings, and between them what is filled in `at` an index of the array. In a sum,
the index into the summed axes follows.

    3                       the name of this line
    [3, 1, offset, …]       a number of this line's array, at a place with a stride for each index;
                            in brackets if it is negative and the second number is 1, not 0
    {number, picked, step}  such a number, at a place farther by `step` times the number `picked`
    {value, tight}          a constant; in brackets if it is negative and `tight`
    {text}                  another text
    {many, …}               a sum, product, maximum or minimum of the products of `values` over axes
                            of `sizes`: `open`, the `first` term, a `sign` and `each` other one,
                            `close`; or a term that is `alone`. `first` is left out if it is like
                            `each`, `alone` if it is like `first`
    {is, place, yes, no}    one of two texts: `yes` where the number `is` at this place
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np

from handgrad.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.printing import formula, labels_of
from handgrad.graph.symbolic import Arange, Dim, Formula, Ratio, Ref, Scaled, Symbolic, at
from handgrad.learn.explaining.elements import FILLED, Combined, Elements, sources
from handgrad.learn.explaining.terms import (
    Index,
    Many,
    NumberTerm,
    Term,
    TermWriter,
    around,
)
from handgrad.learn.explaining.traced_step import name_for
from handgrad.learn.playground.constants import Json, constant, kind_of
from handgrad.textbook.layers import Array

DIGITS = 4  # of constants; the page writes numbers to as many
MARK = re.compile("\ue000(\\d+)\ue001")


class NoTextError(Exception):
    """The numbers of an array have no text in common."""


@dataclass(frozen=True)
class PickedIndex:
    """An index that is a number of an array, as y in p[arange(n), y]."""

    number: "AnyNumber"


@dataclass(frozen=True)
class AnyNumber(NumberTerm):
    """The numbers of an array at all indices."""

    place: Sequence[int] = ()
    picked: Json | None = None

    def filled(self, *, tight: bool = False) -> Any:
        """The number as data."""
        number = [self.node, int(tight), *self.place]
        return {"number": number, **self.picked} if self.picked else number


@dataclass(frozen=True)
class Constant(Term):
    """A constant that depends on settings or sizes."""

    constant: Symbolic


@dataclass(frozen=True)
class EachOf(Term):
    """An operation on many terms, all of which are like `each`: products of `values`."""

    operation: Op
    each: Term
    values: Sequence[AnyNumber]
    sizes: Sequence[int]
    mean: bool


@dataclass(frozen=True)
class EitherOf(Term):
    """The term `put` where `number` is this index, else `kept`."""

    number: AnyNumber
    place: Sequence[int]
    put: Term
    kept: Term


class AllElements(Elements):
    """All elements of an array as one term: their indices are arrays, each along its own axis."""

    def __init__(self, graph: Graph, n: int, named: dict[int, str]) -> None:
        shapes = [[at(size, n) for size in node.shape] for node in graph.nodes]
        values = [np.broadcast_to(np.zeros(()), shape) for shape in shapes]
        super().__init__(graph.nodes, values, n, named)
        self._axes = 0

    def every(self, i: int) -> Term:
        """The term of all elements of a node."""
        self._axes = 0
        return self.line(i, tuple(self._everywhere(self.values[i].shape)))

    def _everywhere(self, sizes: Sequence[int]) -> Sequence[Array]:
        start, self._axes = self._axes, self._axes + len(sizes)
        return [np.arange(k).reshape(k, *[1] * i) for i, k in enumerate(sizes, start)]

    def line(self, i: int, index: Index) -> Term:
        axes = self._axes
        try:
            return super().line(i, index)
        except NoTextError:
            return self.number(i, index)
        finally:
            self._axes = axes

    def number(self, i: int, index: Index) -> AnyNumber:
        shape, place, picked = self.values[i].shape, np.zeros((), int), None
        for axis, k in enumerate(index):
            step = prod(shape[axis + 1 :])
            if isinstance(k, PickedIndex):
                picked = {"picked": k.number.filled(), "step": step}
            else:
                place = place + k * step
        return AnyNumber(0, i, index, strides(place), picked)

    def _at(self, value: object, index: Index) -> Term:
        if isinstance(value, Dim | Scaled | Ratio | Formula):
            return Constant(value)
        if not isinstance(value, Ref) and np.ndim(self._known(value)):
            raise NoTextError
        return super()._at(value, index)

    def _at_flat(self, value: object, place: object) -> Term:
        if isinstance(place, PickedIndex):
            raise NoTextError
        return super()._at_flat(value, cast(Array, place))

    def _converted(self, i: int, index: Index) -> Term:
        return self._at(self.nodes[i].arguments[0], index)

    def _moved_from(self, i: int, index: Index) -> Term:
        node = self.nodes[i]
        first = node.arguments[0]
        match node.operation, node.arguments[1:]:
            case Op.GETITEM, ((Arange(_, _, 1), Ref(k)),) if self.values[k].ndim == 1:
                row, *others = index
                return self._at(first, (row, PickedIndex(self.number(k, (row,))), *others))
            case Op.SETITEM, ((Arange(_, _, 1), Ref(k)), put) if self.values[k].ndim == 1:
                row, column, *others = index
                number, at_row = self.number(k, (row,)), self._of(put, (row, *others))
                return EitherOf(number, strides(column), at_row, self._at(first, index))
        alone = isinstance(first, Ref) and {*node.used()} == {first.node}
        if not alone or any(isinstance(k, PickedIndex) for k in index):
            raise NoTextError
        _, places = sources(node, self.values, self.n)
        if places.min(initial=0) < 0:
            raise NoTextError
        return self._at_flat(first, places[index])

    def _values(self, combined: Combined) -> Array:
        raise NoTextError

    def _many(self, op: Op, combined: Combined, *, mean: bool = False) -> Term:
        nodes = [operand.node for operand in combined.operands if isinstance(operand, Ref)]
        if len(nodes) < len(combined.operands):
            raise NoTextError
        each = self._multiplied(combined.operands, combined.places)
        return EachOf(op, each, [*map(self.number, nodes, combined.places)], combined.sizes, mean)

    def _added_at(self, node: Node, index: Index) -> Term:
        raise NoTextError


def strides(given: object) -> list[int]:
    """Offset and strides of places in an array, for all indices from the last axis on."""
    if isinstance(given, PickedIndex):
        raise NoTextError
    places = np.asarray(given)
    if not places.size:
        return [0]
    start, affine, steps = int(places.flat[0]), np.zeros((), int), list[int]()
    for i, size in enumerate(places.shape[::-1]):
        second = tuple(int(k == i and size > 1) for k in range(places.ndim))[::-1]
        steps.append(int(places[second]) - start)
        affine = affine + steps[-1] * np.arange(size).reshape(size, *[1] * i)
    if not np.array_equal(start + affine, places):
        raise NoTextError
    return [start, *steps]


class LineWriter(TermWriter):
    """Writes terms and formulas with marks for what is filled in."""

    def __init__(self, graph: Graph, named: Iterable[int]) -> None:
        super().__init__(DIGITS, {})
        self._filled = list[Any]()
        self._names = {i: self._marked(i) for i in named}
        self._nodes = [node.map(self._setting) for node in graph.nodes]

    def _marked(self, filled: object) -> str:
        self._filled.append(filled)
        return f"\ue000{len(self._filled) - 1}\ue001"

    def _setting(self, leaf: object) -> object:
        return self._marked({"value": constant(leaf)}) if isinstance(leaf, Formula) else leaf

    def _parts(self, text: str) -> list[Any]:
        parts = enumerate(MARK.split(text))
        return [self._filled[int(part)] if i % 2 else part for i, part in parts]

    def formula(self, i: int) -> list[Any]:
        """The formula of a node, as a list."""
        return self._parts(formula(i, self._nodes, self._names))

    def term(self, term: Term, binds: int = 0) -> list[Any]:
        """A term, as a list."""
        return self._parts(self.text(term, binds))

    def text(self, term: Term, binds: int = 0) -> str:
        match term:
            case AnyNumber():
                return self._marked(term.filled(tight=bool(binds)))
            case Constant(value):
                return self._marked({"value": constant(value)} | ({"tight": 1} if binds else {}))
            case EitherOf(number, place, put, kept):
                yes, no = self.term(put, binds), self.term(kept, binds)
                return self._marked({"is": number.filled(), "place": place, "yes": yes, "no": no})
            case EachOf():
                return self._marked(self._of_each(term, binds))
        return super().text(term, binds)

    def _of_each(self, term: EachOf, binds: int) -> Json:
        operation, each = term.operation, term.each
        many = Many(operation, (each, each), cast(int, "{}") if term.mean else 1)
        open_, of_first, sign, of_others, close = around(many, binds)
        filled = {
            "many": operation.value,
            "sizes": term.sizes,
            "values": [value.filled() for value in term.values],
            "each": self.term(each, of_others),
            "first": self.term(each, of_first),
            "alone": self.term(Many(operation, (each,)), binds),
            "open": open_,
            "sign": sign,
            "close": close,
        }
        for name, like in (("alone", "first"), ("first", "each")):
            if filled[name] == filled[like]:
                del filled[name]
        return filled


def texts_of(graph: Graph, n: int) -> dict[int, list[Any]]:
    """The texts of the lines with a name: label, kind of number, formula and term.

    In a label {} stands for the name of the layer or the parameter. `n` rows are an example.
    """
    labels, texts, count = labels_of(graph.nodes, graph.outputs.named()), dict[int, list[Any]](), 0
    elements = AllElements(graph, n, dict.fromkeys(labels, ""))
    writer = LineWriter(graph, [*(i for _, i in graph.leaves.named()), *labels])
    for i, label in labels.items():
        node = graph.nodes[i]
        count += not label
        name = label or f"t{count}"
        name = name_for("{}", name) if graph.outputs.new_parameters else f"{name}{{}}"
        written = [writer.formula(i), writer.term(elements.every(i))]
        filled = node.operation in (*FILLED, Op.EMPTY_LIKE)
        texts[i] = [name, "".join(kind_of(node)) or "f", *([None, None] if filled else written)]
    return texts
