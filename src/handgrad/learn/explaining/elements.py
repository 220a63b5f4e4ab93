"""One element of an array of a graph as the arithmetic that made it.

What has a line of its own is its number there; the rest is taken apart down to such numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Ref, Symbolic, at, substitute
from handgrad.learn.explaining.contractions import PRODUCTS, REDUCED, factors, reduced
from handgrad.learn.explaining.gather_indices import MOVES, NOWHERE, sources
from handgrad.learn.explaining.terms import Elementwise, Index, Many, Number, Place, Rest, Term
from handgrad.textbook.layers import Array

MOST_TERMS = 4  # of a sum are written; of more the largest, and the rest as one number
# Arrays of one number, and copies: what they are made like does not matter.
FILLED = {Op.ZEROS_LIKE: 0, Op.ONES_LIKE: 1}
ATOMS = {Op.LEAF, Op.RANDOM, Op.EMPTY_LIKE}


class Elements:
    """The elements of the nodes of a graph with their `values`, for `n` rows.

    `named` are the numbers of the nodes that have a line of their own.
    """

    def __init__(
        self, nodes: Sequence[Node], values: Sequence[Array], n: int, named: Mapping[int, str]
    ) -> None:
        self.nodes, self.n, self.named = nodes, n, named
        self.values = values
        self._moved: dict[int, tuple[list[object], Array]] = {}

    def number(self, i: int, index: Index) -> Number:
        """The number that a node has at `index`."""
        return Number(plain(self.values[i][index]), i, index)

    def line(self, i: int, index: Index) -> Term:
        """What the number of a node at `index` was made of; itself, if it was given or drawn."""
        node = self.nodes[i]
        op, given = node.operation, node.arguments
        if op in ATOMS:
            return self.number(i, index)
        if op in FILLED:
            return Number(FILLED[op])
        if op is Op.FULL_LIKE:
            return self._of(given[1], index)
        if op in (Op.COPY, Op.ASTYPE):
            return self._converted(i, index)
        if op in MOVES:
            return self._moved_from(i, index)
        if op in PRODUCTS:
            return self._product(node, index)
        if op in REDUCED:
            return self._reduction(node, index)
        if op is Op.ADD_AT:
            return self._added_at(node, index)
        if op is Op.CLIP:
            return self._clipped(node, index)
        return Elementwise(op, tuple(self._of(part, index) for part in given))

    def _clipped(self, node: Node, index: Index) -> Term:
        names = ("a_min", "a_max"), ("min", "max")
        ends = [*node.arguments[1:], None, None][:2]
        for own in names:
            ends = [node.options.get(name, end) for name, end in zip(own, ends, strict=True)]
        found = self._of(node.arguments[0], index)
        for op, end in zip((Op.MAXIMUM, Op.MINIMUM), ends, strict=True):
            if end is not None:
                found = Elementwise(op, (found, self._of(end, index)))
        return found

    def _of(self, value: object, index: Index) -> Term:
        """What an argument, broadcast to where `index` counts, has there."""
        array = self._known(value)
        own = [
            0 if size == 1 else k for size, k in zip(array.shape[::-1], index[::-1], strict=False)
        ]
        return self._at(value, tuple(own[::-1]))

    def _at(self, value: object, index: Index) -> Term:
        if not isinstance(value, Ref):
            return Number(plain(self._known(value)[index]))
        node = self.nodes[value.node]
        if value.node in self.named or node.operation in ATOMS:
            return self.number(value.node, index)
        return self.line(value.node, index)

    def _at_flat(self, value: object, place: int) -> Term:
        index = np.unravel_index(place, self._known(value).shape)
        return self._at(value, tuple(map(int, index)))

    def _known(self, value: object) -> Array:
        return self.values[value.node] if isinstance(value, Ref) else np.asarray(at(value, self.n))

    def _value(self, leaf: object) -> Any:
        return self.values[leaf.node] if isinstance(leaf, Ref) else at(leaf, self.n)

    def _converted(self, i: int, index: Index) -> Term:
        """What was copied or converted; with the operation only where that changed the number."""
        inner = self._at(self.nodes[i].arguments[0], index)
        before = self.values[self.nodes[i].arguments[0].node][index]
        after = self.values[i][index]
        rounded = after.dtype.kind in "iu" and float(before) != float(after)
        return Elementwise(Op.FLOOR if before >= 0 else Op.CEIL, (inner,)) if rounded else inner

    def _moved_from(self, i: int, index: Index) -> Term:
        if i not in self._moved:
            self._moved[i] = sources(self.nodes[i], self.values, self.n)
        found, places = self._moved[i]
        place = int(places[index])
        if place == NOWHERE:
            return Number(plain(self.values[i][index]))
        for source in found:
            if place < (size := self._known(source).size):
                return self._at_flat(source, place)
            place -= size
        raise IndexError(place)

    def _product(self, node: Node, index: Index) -> Term:
        operands = [
            part for part in node.arguments if isinstance(part, Ref | np.ndarray | Symbolic)
        ]
        said: object = next((part for part in node.arguments if isinstance(part, str)), None)
        if node.operation is Op.TENSORDOT:
            operands, axes = operands[:2], node.arguments[2:]
            said = node.options.get("axes", axes[0] if axes else 2)
        known = [*map(self._known, operands)]
        rows = factors(node.operation, known, said, index)
        values = np.prod(
            [
                self._known(a).ravel()[row].astype(float)
                for a, row in zip(operands, rows, strict=True)
            ],
            axis=0,
        )

        def term(k: int) -> Term:
            parts = [self._at_flat(a, int(row[k])) for a, row in zip(operands, rows, strict=True)]
            product = parts[0]
            for part in parts[1:]:
                product = Elementwise(Op.MULTIPLY, (product, part))
            return product

        return Many(Op.SUM, shortened(Op.SUM, values, term))

    def _reduction(self, node: Node, index: Index) -> Term:
        op, (array, *given), options = node.operation, node.arguments, node.options
        axis, keeps = (
            options.get("axis", given[0] if given else None),
            bool(options.get("keepdims")),
        )
        places = reduced(self._known(array), axis, keeps, index)
        values = self._known(array).ravel()[places].astype(float)

        def term(k: int) -> Term:
            return self._at_flat(array, int(places[k]))

        if op in (Op.ARGMAX, Op.ARGMIN):
            found = int(op.compute(values))
            kept = sorted({found, *largest(values, smallest=op is Op.ARGMIN)})
            terms = [term(k) for k in kept]
            return Place(op, tuple(kept), (*terms, *rest(op, values, kept)))
        if op in (Op.VAR, Op.STD):
            mean, less = Number(float(values.mean())), int(options.get("ddof", 0))

            def squared(k: int) -> Term:
                apart = Elementwise(Op.SUBTRACT, (term(k), mean))
                return Elementwise(Op.POWER, (apart, Number(2)))

            squares = shortened(Op.SUM, (values - values.mean()) ** 2, squared)
            var = Many(Op.SUM, squares, len(values) - less)
            return Elementwise(Op.SQRT, (var,)) if op is Op.STD else var
        divisor = len(values) if op is Op.MEAN else 1
        op = Op.SUM if op is Op.MEAN else op
        return Many(op, shortened(op, values, term), divisor)

    def _added_at(self, node: Node, index: Index) -> Term:
        array, where, added = node.arguments
        here = self._known(array)
        places = np.arange(here.size).reshape(here.shape)
        lands = places[substitute(where, self._value)]
        hits = np.flatnonzero(lands.ravel() == places[index])
        base = self._at(array, index)
        if not hits.size:
            return base
        given = np.broadcast_to(self._known(added), lands.shape).ravel()[hits].astype(float)
        at_hits = [np.unravel_index(int(hit), lands.shape) for hit in hits]
        terms = shortened(Op.SUM, given, lambda k: self._of(added, tuple(map(int, at_hits[k]))))
        empty = isinstance(base, Number) and base.node < 0 and base.number == 0
        return Many(Op.SUM, terms if empty else (base, *terms))


def plain(value: np.generic) -> float:
    """A number of NumPy's as one of Python's: whole ones stay whole, truths are 0 and 1."""
    number: float = value.item()
    return int(number) if isinstance(number, bool) else number


def largest(values: Array, *, smallest: bool = False) -> list[int]:
    """The places of the terms to be written, in their order: all of few, the largest of many."""
    if len(values) <= MOST_TERMS:
        return [*range(len(values))]
    size = values if smallest else -values
    size = np.where(np.isnan(size), -np.inf, size)  # what is no number is never left out
    last = np.partition(size, MOST_TERMS - 2)[MOST_TERMS - 2]
    larger, equal = np.flatnonzero(size < last), np.flatnonzero(size == last)
    return sorted(map(int, [*larger, *equal[: MOST_TERMS - 1 - len(larger)]]))


def rest(op: Op, values: Array, kept: Sequence[int]) -> list[Term]:
    """The terms that are not written, as one number; nothing, if all are."""
    if len(kept) == len(values):
        return []
    others = np.delete(values, kept)
    match op:
        case Op.MAX | Op.ARGMAX:
            return [Rest(len(others), "smaller", float(others.max()))]
        case Op.MIN | Op.ARGMIN:
            return [Rest(len(others), "larger", float(others.min()))]
        case Op.PROD:
            return [Rest(len(others), "others", float(others.prod()))]
    return [Rest(len(others), "smaller", float(others.sum()))]


def shortened(op: Op, values: Array, term: Callable[[int], Term]) -> tuple[Term, ...]:
    """The terms of an operation on many numbers, of which many are written as one number."""
    size = np.abs(values) if op in (Op.SUM, Op.PROD) else values
    kept = largest(size, smallest=op is Op.MIN)
    return (*(term(k) for k in kept), *rest(op, values, kept))
