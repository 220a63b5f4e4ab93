"""Loop nests: the loops that compute each stored node of a graph, or move its numbers."""

import linecache
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.element_access import Elements, around, indices, offset_at, put
from handgrad.engines.compiled.loops import (
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Matrix,
    Multiply,
    Num,
    Statement,
    Store,
    cast,
    whole,
)
from handgrad.engines.compiled.memory_planning import extent, strides
from handgrad.engines.compiled.parallel_loops import (
    loop_in_parts,
    product_in_parts,
    products_in_parts,
)
from handgrad.engines.compiled.reductions import REDUCED, argmax, reduction, typed
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.symbolic import Arange, Dim, Ref, at

# Products of fewer multiplications than this are loops; above it, a call is faster.
SMALL_PRODUCT = 500


def nests(elements: Elements, stored: Sequence[int], batch_size: int) -> Body:
    """The statements that compute all stored nodes, with the line each came from."""
    body: Body = []
    origin = None
    for i in stored:
        node = elements.graph.nodes[i]
        if node.origin is not None and node.origin != origin:
            origin = node.origin
            code = linecache.getline(origin.file, origin.line).strip()
            body.append(Comment(f"{Path(origin.file).name}:{origin.line}  {code}".strip()))
        body += _nest(elements, i, node, batch_size)
    return body


def _nest(elements: Elements, i: int, node: Node, batch_size: int) -> Body:
    name = node.operation
    if name in ELEMENTWISE or name is Op.FILL:
        place = elements.places.pop(i)  # so that it is computed here, and not read
        shape = elements.in_one_row(i, node.shape)
        index = indices(elements, shape)
        value = elements.element(i, index)
        elements.places[i] = place
        loops = around(shape, index, put(elements, i, index, value))
        sizes = [int(at(size, batch_size)) for size in shape if size != 1]
        return [
            loop_in_parts(elements, loop, sizes[0], math.prod(sizes))
            if isinstance(loop, For)
            else loop
            for loop in loops
        ]
    if name is Op.EINSUM:
        return _product(elements, i, node, batch_size)
    if name in REDUCED:
        return reduction(elements, i, node, batch_size)
    if name in NESTS:
        return NESTS[name](elements, i, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


@dataclass
class Product:
    """An einsum: its operands, the letters of their axes and of the result's, and their sizes.

    `full` are the sizes in a full batch, `summed` the axes that the result has not.
    """

    elements: Elements
    i: int
    operands: Sequence[Ref]
    letters: Sequence[str]
    output: str
    sizes: dict[str, int | Dim]
    full: dict[str, int]
    summed: list[str]


def _product(elements: Elements, i: int, node: Node, batch_size: int) -> Body:
    spec, *operands = node.arguments
    inputs, output = spec.split("->")
    letters = inputs.split(",")
    sizes: dict[str, int | Dim] = {}
    for operand, axes in zip(operands, letters, strict=True):
        for letter, size in zip(axes, elements.graph.nodes[operand.node].shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise CannotLowerError(f"a product that broadcasts, at {node.origin}")
    full = {letter: int(at(size, batch_size)) for letter, size in sizes.items()}
    summed = [letter for letter in sizes if letter not in output]
    product = Product(elements, i, operands, letters, output, sizes, full, summed)
    large = math.prod(full.values()) >= SMALL_PRODUCT
    multiply = _matrix_products(product) if large else None
    return _product_loops(product) if multiply is None else [multiply]


def _product_loops(product: Product) -> Body:
    elements, i, output, sizes = product.elements, product.i, product.output, product.sizes
    type = elements.places[i].type
    names, shape = list(sizes), tuple(sizes.values())
    index = indices(elements, shape)
    counters = dict(zip(names, index, strict=True))

    def loops(over: Iterable[str], body: Body) -> Body:
        return around(shape, index, body, [names.index(letter) for letter in over])

    number, *others = (
        cast(elements.element(operand.node, [counters[letter] for letter in axes]), type)
        for operand, axes in zip(product.operands, product.letters, strict=True)
    )
    for factor in others[:-1]:
        number = number * factor
    summed, target = product.summed, [counters[letter] for letter in output]
    zero = Num(typed(0.0, type), type)
    if not output or not summed or all(axes[-1:] in summed for axes in product.letters):
        total = elements.new("a", type)
        inner: Body = [Let(total.name, _added(total, number, others))]
        row = [Let(total.name, zero), *loops(summed, inner), *put(elements, i, target, total)]
        return loops(output, row)
    clear = loops(output, put(elements, i, target, zero))
    added = _added(elements.element(i, target), number, others)
    rows = list(output[:-1])
    by_batch = any(isinstance(sizes[letter], Dim) for letter in summed)
    order = [*summed, *rows] if by_batch else [*rows, *summed]
    return clear + loops([*order, output[-1]], put(elements, i, target, added))


def _added(so_far: Expression, number: Expression, others: Sequence[Expression]) -> Expression:
    """The sum so far and the product of a number and the last of others, rounded once."""
    if not others:
        return so_far + number
    if so_far.type == "int":
        return so_far + number * others[-1]
    return Call("fma", (number, others[-1], so_far), so_far.type)


def _matrix_products(product: Product) -> Statement | None:
    """One product of matrices, or one for each index of the axes that all operands have.

    None where it is something else, or each of many is small.
    """
    elements, sizes, full = product.elements, product.sizes, product.full
    beside = [x for x in product.output if all(x in axes for axes in product.letters)]
    many = len(beside) > 1 or any(isinstance(sizes[letter], Dim) for letter in beside)
    if many and math.prod(full[letter] for letter in full if letter not in beside) < SMALL_PRODUCT:
        return None
    members = {letter: elements.new("m") for letter in beside}
    multiply = _matrix_product(product, members)
    if multiply is None or not beside:
        return multiply and product_in_parts(elements, multiply)
    inner, *outer = [(members[letter].name, extent(sizes[letter])) for letter in reversed(beside)]
    loop = For(*inner, [multiply])
    for counter, stop in outer:
        loop = For(counter, stop, [loop])
    return products_in_parts(elements, loop, [full[letter] for letter in beside], multiply)


def _matrix_product(product: Product, fixed: Mapping[str, Expression]) -> Multiply | None:
    """The product of two matrices as one statement; None where it is something else.

    `fixed` axes stay at the given index: of many products side by side, it is that one.
    """
    elements, i, letters = product.elements, product.i, product.letters
    output = "".join(letter for letter in product.output if letter not in fixed)
    sizes = len(letters), len(output), len(product.summed)
    if sizes != (2, 2, 1) or elements.kind(i) != "float":
        return None
    m, n, (k,) = *output, product.summed
    left, right = (0, 1) if m in letters[0] else (1, 0)
    if {*letters[left]} - {*fixed} != {m, k} or {*letters[right]} - {*fixed} != {k, n}:
        return None
    a = _matrix(product, left, m + k, fixed)
    b = _matrix(product, right, k + n, fixed)
    if a is None or b is None:
        return None
    first = elements.load(i, [fixed.get(letter, whole(0)) for letter in product.output])
    c_steps = dict(zip(product.output, strides(elements.graph.nodes[i].shape), strict=True))
    c = Matrix(first.buffer, first.index, c_steps[m])
    rows, columns, depth = (extent(product.sizes[letter]) for letter in (m, n, k))
    full = product.full
    return Multiply(rows, columns, depth, a, b, c, (full[m], full[n], full[k]))


def _matrix(
    product: Product, which: int, order: str, fixed: Mapping[str, Expression]
) -> Matrix | None:
    """A stored operand as a product takes it: one of its axes contiguous, the other in steps."""
    elements, operand, letters = product.elements, product.operands[which], product.letters[which]
    node = elements.graph.nodes[operand.node]
    if operand.node in elements.places:
        steps = strides(node.shape)
    elif node.operation is Op.VIEW:
        steps = [extent(step) for step in node.arguments[2]]
    else:
        return None
    first = elements.load(operand.node, [fixed.get(letter, whole(0)) for letter in letters])
    buffer, offset = first.buffer, first.index
    by_letter = dict(zip(letters, zip(steps, node.shape, strict=True), strict=True))
    (row, rows), (column, columns) = (by_letter[letter] for letter in order)
    if (column == whole(1) or columns == 1) and _holds(row, rows, columns):
        return Matrix(buffer, offset, row if rows != 1 else extent(columns))
    if (row == whole(1) or rows == 1) and _holds(column, columns, rows):
        width = column if columns != 1 else extent(rows)
        return Matrix(buffer, offset, width, transposed=True)
    return None


def _holds(step: Expression, count: int | Dim, size: int | Dim) -> bool:
    """Whether `count` rows of `size` numbers, `step` apart, lie one after another."""
    if not isinstance(size, int):
        return False
    return count == 1 or (isinstance(step, Num) and step.value >= max(size, 1))


def _getitem(elements: Elements, i: int, node: Node) -> Body:
    x, parts = node.arguments
    index = indices(elements, node.shape)
    number = elements.element(x.node, _looked_up(elements, parts, index))
    return around(node.shape, index, put(elements, i, index, number))


def _scatter(elements: Elements, i: int, node: Node) -> Body:
    x, parts, values = node.arguments
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    if not shapes:
        raise CannotLowerError(f"an index of constants, at {node.origin}")
    shape = (*max(shapes, key=len), *node.shape[len(parts) :])
    index = indices(elements, shape)
    target = _looked_up(elements, parts, index)
    value = elements.argument(values, index, elements.places[i].type)
    if node.operation is Op.ADD_AT:
        value = elements.element(i, target) + value
    return _copy(elements, i, x) + around(shape, index, put(elements, i, target, value))


def _looked_up(elements: Elements, parts: Any, index: list[Expression]) -> list[Expression]:
    """The place that an index of arrays points to, for one entry of the result."""
    shapes = [elements.graph.nodes[p.node].shape for p in parts if isinstance(p, Ref)]
    leading = max([*map(len, shapes), *map(np.ndim, parts), 1])
    found: list[Expression] = []
    for part in parts:
        if isinstance(part, Arange):
            found.append(index[leading - part.ndim])
        else:
            found.append(elements.argument(part, index[:leading], "int"))
    return [*found, *index[leading:]]


def _write(elements: Elements, i: int, node: Node) -> Body:
    x, offset, steps, shape, values = node.arguments
    place = elements.places[i]
    index = indices(elements, shape)
    flat = offset_at(place.offset + extent(offset), index, [*map(extent, steps)])
    value = elements.argument(values, index, place.type)
    return _copy(elements, i, x) + around(shape, index, [Store(place.buffer, flat, value)])


def _copy(elements: Elements, i: int, x: Ref) -> Body:
    shape = elements.graph.nodes[i].shape
    index = indices(elements, shape)
    return around(shape, index, put(elements, i, index, elements.element(x.node, index)))


def _concatenate(elements: Elements, i: int, node: Node) -> Body:
    parts, axis = node.arguments
    start: Expression = whole(0)
    body: Body = []
    for part in parts:
        shape = elements.graph.nodes[part.node].shape
        index = indices(elements, shape)
        target = [*index[:axis], start + index[axis], *index[axis + 1 :]]
        body += around(shape, index, put(elements, i, target, elements.element(part.node, index)))
        start = start + extent(shape[axis])
    return body


def _random(elements: Elements, i: int, node: Node) -> Body:
    """All numbers in one go, in NumPy's order."""
    place, count = elements.places[i], extent(node.shape[0])
    for size in node.shape[1:]:
        count = count * extent(size)
    return [Draw(elements.streams.index(node.arguments[0]), place.buffer, place.offset, count)]


NESTS: dict[Op, Callable[[Elements, int, Node], Body]] = {
    Op.ARGMAX: argmax,
    Op.GETITEM: _getitem,
    Op.SETITEM: _scatter,
    Op.ADD_AT: _scatter,
    Op.WRITE: _write,
    Op.CONCATENATE: _concatenate,
    Op.RANDOM: _random,
}
