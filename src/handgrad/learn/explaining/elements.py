"""Elements of the arrays of a graph as the arithmetic that computed them.

Nodes with a line of their own are numbers; the others are expanded down to such numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import count
from math import prod
from typing import Any

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import VIEWS, Op
from handgrad.graph.symbolic import Ref, Symbolic, at, substitute
from handgrad.learn.explaining.terms import (
    ArgmaxTerm,
    Elementwise,
    Index,
    Many,
    NumberTerm,
    Rest,
    Term,
)
from handgrad.textbook.layers import Array

MOST_TERMS = 4  # of a sum that are written: the largest; the rest is one number
# Constant arrays and copies: only their shape depends on the arguments.
FILLED = {Op.ZEROS_LIKE: 0, Op.ONES_LIKE: 1}
ATOMS = {Op.LEAF, Op.RANDOM, Op.EMPTY_LIKE}
Letters = list[int]


@dataclass(frozen=True)
class Combined:
    """Products that are combined: their operands, and the indices of the factors in each.

    The indices are arrays over the combined axes, of these `sizes`, or one number for all.
    """

    operands: Sequence[object]
    places: Sequence[Index]
    sizes: Sequence[int]


class Elements:
    """Elements of the nodes of a graph with their `values`, for `n` rows.

    `named` maps the nodes with a line of their own to their names.
    """

    def __init__(
        self, nodes: Sequence[Node], values: Sequence[Array], n: int, named: Mapping[int, str]
    ) -> None:
        self.nodes, self.n, self.named = nodes, n, named
        self.values = values
        self._moved: dict[int, tuple[list[object], Array]] = {}

    def number(self, i: int, index: Index) -> NumberTerm:
        """The number of a node at `index`."""
        return NumberTerm(plain(self.values[i][index]), i, index)

    def line(self, i: int, index: Index) -> Term:
        """Arithmetic behind the number of a node at `index`; inputs and draws are numbers."""
        node = self.nodes[i]
        op, arguments = node.operation, node.arguments
        if op in ATOMS:
            return self.number(i, index)
        if op in FILLED:
            return NumberTerm(FILLED[op])
        if op is Op.FULL_LIKE:
            return self._of(arguments[1], index)
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
        return Elementwise(op, tuple(self._of(part, index) for part in arguments))

    def _clipped(self, node: Node, index: Index) -> Term:
        names = ("a_min", "a_max"), ("min", "max")
        ends = [*node.arguments[1:], None, None][:2]
        for own in names:
            ends = [node.options.get(name, end) for name, end in zip(own, ends, strict=True)]
        term = self._of(node.arguments[0], index)
        for op, end in zip((Op.MAXIMUM, Op.MINIMUM), ends, strict=True):
            if end is not None:
                term = Elementwise(op, (term, self._of(end, index)))
        return term

    def _of(self, value: object, index: Index) -> Term:
        """Element of an argument at `index`, after broadcasting."""
        array = self._known(value)
        own = [
            0 if size == 1 else k for size, k in zip(array.shape[::-1], index[::-1], strict=False)
        ]
        return self._at(value, tuple(own[::-1]))

    def _at(self, value: object, index: Index) -> Term:
        if not isinstance(value, Ref):
            return NumberTerm(plain(self._known(value)[index]))
        node = self.nodes[value.node]
        if value.node in self.named or node.operation in ATOMS:
            return self.number(value.node, index)
        return self.line(value.node, index)

    def _at_flat(self, value: object, place: int | Array) -> Term:
        return self._at(value, np.unravel_index(place, self._known(value).shape))

    def _known(self, value: object) -> Array:
        return self.values[value.node] if isinstance(value, Ref) else np.asarray(at(value, self.n))

    def _value(self, leaf: object) -> Any:
        return self.values[leaf.node] if isinstance(leaf, Ref) else at(leaf, self.n)

    def _converted(self, i: int, index: Index) -> Term:
        """Source of a copy or a conversion; with the operation only if it changed the number."""
        inner = self._at(self.nodes[i].arguments[0], index)
        before = self.values[self.nodes[i].arguments[0].node][index]
        after = self.values[i][index]
        rounded = after.dtype.kind in "iu" and float(before) != float(after)
        return Elementwise(Op.FLOOR if before >= 0 else Op.CEIL, (inner,)) if rounded else inner

    def _moved_from(self, i: int, index: Index) -> Term:
        if i not in self._moved:
            self._moved[i] = sources(self.nodes[i], self.values, self.n)
        arrays, places = self._moved[i]
        place = int(places[index])
        if place == NOWHERE:
            return NumberTerm(plain(self.values[i][index]))
        for source in arrays:
            if place < (size := self._known(source).size):
                return self._at_flat(source, place)
            place -= size
        raise IndexError(place)

    def _product(self, node: Node, index: Index) -> Term:
        operands = [
            part for part in node.arguments if isinstance(part, Ref | np.ndarray | Symbolic)
        ]
        if node.operation is Op.OUTER:
            return Elementwise(Op.MULTIPLY, tuple(map(self._at_flat, operands, index)))
        spec: object = next((part for part in node.arguments if isinstance(part, str)), None)
        if node.operation is Op.TENSORDOT:
            operands, axes = operands[:2], node.arguments[2:]
            spec = node.options.get("axes", axes[0] if axes else 2)
        letters, out = _letters(node.operation, [self._known(a).ndim for a in operands], spec)
        return self._many(Op.SUM, self._combined(operands, letters, out, index))

    def _combined(
        self, operands: Sequence[object], letters: Sequence[Letters], out: Letters, index: Index
    ) -> Combined:
        """The numbers of the operands that are multiplied and summed at `index` of `out`."""
        sizes: dict[int, int] = {}
        shapes = [self._known(operand).shape for operand in operands]
        for axes, shape in zip(letters, shapes, strict=True):
            for axis, size in zip(axes, shape, strict=True):
                sizes[axis] = max(size, sizes.get(axis, 1))
        summed = {axis: size for axis, size in sizes.items() if axis not in out}
        at = dict(zip(out, index, strict=True))
        at |= zip(summed, self._everywhere([*summed.values()]), strict=True)
        places = [
            tuple(at[axis] if size > 1 else 0 for axis, size in zip(axes, shape, strict=True))
            for axes, shape in zip(letters, shapes, strict=True)
        ]
        return Combined(operands, places, [*summed.values()])

    def _everywhere(self, sizes: Sequence[int]) -> Sequence[Array]:
        """All indices into axes of these sizes, one array for each."""
        return [*np.indices(sizes).reshape(len(sizes), prod(sizes))]

    def _values(self, combined: Combined) -> Array:
        """The products that are combined."""
        count = prod(combined.sizes)
        pairs = zip(combined.operands, combined.places, strict=True)
        factors = [np.broadcast_to(self._known(a)[place], count) for a, place in pairs]
        return np.prod([factor.astype(float) for factor in factors], axis=0)

    def _term(self, combined: Combined, k: int) -> Term:
        """One of the products."""
        places = [
            tuple(int(i[k]) if isinstance(i, np.ndarray) else i for i in place)
            for place in combined.places
        ]
        return self._multiplied(combined.operands, places)

    def _multiplied(self, operands: Sequence[object], places: Sequence[Index]) -> Term:
        factors = map(self._at, operands, places)
        return reduce(lambda a, b: Elementwise(Op.MULTIPLY, (a, b)), factors)

    def _many(self, op: Op, combined: Combined, *, mean: bool = False) -> Term:
        """An operation on all products; those left out are one number."""
        values = self._values(combined)
        terms = shortened(op, values, lambda k: self._term(combined, k))
        return Many(op, terms, len(values) if mean else 1)

    def _reduction(self, node: Node, index: Index) -> Term:
        op, (array, *arguments), options = node.operation, node.arguments, node.options
        axis: Any = options.get("axis", arguments[0] if arguments else None)
        ndim = self._known(array).ndim
        gone = {*range(ndim)} if axis is None else {k % ndim for k in np.atleast_1d(axis)}
        kept = [k for k in range(ndim) if k not in gone]
        own = [index[k] for k in kept] if options.get("keepdims") else index
        combined = self._combined([array], [[*range(ndim)]], kept, tuple(own))
        if op in (Op.SUM, Op.MEAN, Op.PROD, Op.MAX, Op.MIN):
            return self._many(Op.SUM if op is Op.MEAN else op, combined, mean=op is Op.MEAN)
        values = self._values(combined)
        if op in (Op.ARGMAX, Op.ARGMIN):
            location = int(op.compute(values))
            shown = sorted({location, *largest(values, smallest=op is Op.ARGMIN)})
            terms = [self._term(combined, k) for k in shown]
            return ArgmaxTerm(op, tuple(shown), (*terms, *rest(op, values, shown)))
        mean, less = NumberTerm(float(values.mean())), int(options.get("ddof", 0))

        def squared(k: int) -> Term:
            apart = Elementwise(Op.SUBTRACT, (self._term(combined, k), mean))
            return Elementwise(Op.POWER, (apart, NumberTerm(2)))

        squares = shortened(Op.SUM, (values - values.mean()) ** 2, squared)
        var = Many(Op.SUM, squares, len(values) - less)
        return Elementwise(Op.SQRT, (var,)) if op is Op.STD else var

    def _added_at(self, node: Node, index: Index) -> Term:
        array, where, added = node.arguments
        here = self._known(array)
        places = np.arange(here.size).reshape(here.shape)
        lands = places[substitute(where, self._value)]
        hits = np.flatnonzero(lands.ravel() == places[index])
        base = self._at(array, index)
        if not hits.size:
            return base
        values = np.broadcast_to(self._known(added), lands.shape).ravel()[hits].astype(float)
        at_hits = [np.unravel_index(int(hit), lands.shape) for hit in hits]
        terms = shortened(Op.SUM, values, lambda k: self._of(added, tuple(map(int, at_hits[k]))))
        empty = isinstance(base, NumberTerm) and base.node < 0 and base.number == 0
        return Many(Op.SUM, terms if empty else (base, *terms))


def plain(value: np.generic | Array) -> float:
    """A NumPy number as a Python number: integers stay integers, booleans are 0 and 1."""
    number: float = value.item()
    return int(number) if isinstance(number, bool) else number


def largest(values: Array, *, smallest: bool = False) -> list[int]:
    """Indices of the terms to write, in order: all if they are few, else the largest."""
    if len(values) <= MOST_TERMS:
        return [*range(len(values))]
    size = values if smallest else -values
    size = np.where(np.isnan(size), -np.inf, size)  # NaN is never left out
    last = np.partition(size, MOST_TERMS - 2)[MOST_TERMS - 2]
    larger, equal = np.flatnonzero(size < last), np.flatnonzero(size == last)
    return sorted(map(int, [*larger, *equal[: MOST_TERMS - 1 - len(larger)]]))


def rest(op: Op, values: Array, kept: Sequence[int]) -> list[Term]:
    """The terms that are left out as one number; empty if there are none."""
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
    """Terms of an operation on many numbers; those left out are one number."""
    size = np.abs(values) if op in (Op.SUM, Op.PROD) else values
    kept = largest(size, smallest=op is Op.MIN)
    return (*(term(k) for k in kept), *rest(op, values, kept))


PRODUCTS = {Op.MATMUL, Op.DOT, Op.OUTER, Op.TENSORDOT, Op.EINSUM}
REDUCED = {Op.SUM, Op.MEAN, Op.VAR, Op.STD, Op.MAX, Op.MIN, Op.PROD, Op.ARGMAX, Op.ARGMIN}


def _letters(op: Op, ndims: Sequence[int], spec: object) -> tuple[list[Letters], Letters]:
    """Labels of the axes of the operands and of the result, equal for axes that match."""
    if op is Op.EINSUM:
        return _of_spec(str(spec), ndims)
    a, b = ndims
    new = count()
    if op is Op.TENSORDOT:
        axes: Any = spec
        if isinstance(axes, int):
            axes = ([*range(a - axes, a)], [*range(axes)])
        left, right = ([side] if isinstance(side, int) else [*side] for side in axes)
        first = [next(new) for _ in range(a)]
        pairs = {k % b: first[own % a] for own, k in zip(left, right, strict=True)}
        second = [pairs[k] if k in pairs else next(new) for k in range(b)]
        return [first, second], [k for k in first + second if k not in pairs.values()]
    inner = next(new)
    rows, columns = [next(new)] * (a > 1), [next(new)] * (b > 1)
    if op is Op.DOT:
        before = [next(new) for _ in range(a - 2)], [next(new) for _ in range(b - 2)]
        left, right = [*before[0], *rows, inner], [*before[1], inner, *columns]
        return [left, right], [*before[0], *rows, *before[1], *columns]
    shared = [next(new) for _ in range(max(a, b, 2) - 2)]
    own = [shared[len(shared) - max(0, ndim - 2) :] for ndim in (a, b)]
    return [[*own[0], *rows, inner], [*own[1], inner, *columns]], [*shared, *rows, *columns]


def _of_spec(spec: str, ndims: Sequence[int]) -> tuple[list[Letters], Letters]:
    """Axes of `nmi,moi->nmo`; an ellipsis covers the axes without a letter."""
    inputs, arrow, out = spec.replace(" ", "").partition("->")
    parts = inputs.split(",")
    free = [ndim - len(part.replace("...", "")) for part, ndim in zip(parts, ndims, strict=True)]
    hidden = max((k for part, k in zip(parts, free, strict=True) if "..." in part), default=0)
    if not arrow:
        named = inputs.replace("...", "").replace(",", "")
        out = "..." * ("..." in inputs) + "".join(
            sorted(c for c in {*named} if named.count(c) == 1)
        )

    def axes(part: str, k: int) -> Letters:
        before, dots, after = part.partition("...")
        between = range(-k, 0) if dots else ()
        return [*map(ord, before), *between, *map(ord, after)]

    return [axes(part, k) for part, k in zip(parts, free, strict=True)], axes(out, hidden)


# Of these only the first argument is moved; of the others all arrays are.
OF_ONE = {*VIEWS, Op.GETITEM, Op.TAKE, Op.REPEAT, Op.TILE, Op.PAD}
OF_MANY = {Op.CONCATENATE, Op.STACK}
MOVES = OF_ONE | OF_MANY | {Op.SETITEM}
NOWHERE = -1


def sources(node: Node, values: Sequence[Array], n: int) -> tuple[list[object], Array]:
    """Sources of the elements of `node`, and the index of each there: an array of its shape.

    Sources are references or constants; places count their elements one source after another, and
    are −1 where padding came in. `values` are those of the nodes before, for `n` rows.
    """

    def known(leaf: object) -> Any:
        return values[leaf.node] if isinstance(leaf, Ref) else at(leaf, n)

    arrays: list[object] = []
    total = 0

    def places(leaf: object) -> Any:
        nonlocal total
        value = np.asarray(known(leaf))
        arrays.append(leaf)
        total += value.size
        return np.arange(total - value.size, total).reshape(value.shape)

    arguments, options = node.arguments, substitute(dict(node.options), known)
    if node.operation is Op.SETITEM:
        array, index, put = arguments
        base = places(array)
        base[substitute(index, known)] = places(put)
        return arrays, base
    first, others = arguments[0], substitute(arguments[1:], known)
    moved = substitute(first, places) if node.operation in OF_MANY else places(first)
    if node.operation is Op.PAD and padding_is_constant(others, options):
        options = {"constant_values": NOWHERE}
    return arrays, np.asarray(node.operation.compute(moved, *others, **options))


def padding_is_constant(arguments: Sequence[object], options: Mapping[str, object]) -> bool:
    """True if `np.pad` inserts constants."""
    return (arguments[1] if len(arguments) > 1 else options.get("mode", "constant")) == "constant"
