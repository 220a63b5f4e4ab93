"""Loop nests of einsum products: matrix products with epilogues, or plain loops."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from handgrad.engines.loops.element_access import (
    ElementReader,
    broadcast,
    indices,
    loops_around,
    store_element,
)
from handgrad.engines.loops.fusion import Dataflow, Group, axes_of
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Epilogue,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    Statement,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.memory_planning import Storage, extent, strides
from handgrad.engines.loops.partitioning import partition_product, partition_products
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Dim, Ref, at
from handgrad.textbook.errors import CannotLowerError

# A product of fewer multiplications becomes loops; for larger ones a call is faster.
SMALL_PRODUCT = 500

# The statements that consume an element of a node, at an index, instead of storing it.
Consumer = Callable[[Sequence[Expression], Expression], Body]
Consumers = Mapping[int, Consumer]


@dataclass
class Product:
    """An einsum, parsed.

    Parameters
    ----------
    elements : ElementReader
        Access to the graph.
    i : int
        The node.
    operands : Sequence of Ref
        Its operands.
    letters : Sequence of str
        The letters of each operand's axes.
    output : str
        The letters of the result's axes.
    sizes : dict of str to int or Dim
        The size of each letter.
    full : dict of str to int
        The same in a full batch.
    summed : list of str
        The letters of the summed axes.
    start : Ref, optional
        The initial value of the sums, broadcast to the rows of the result.
    """

    elements: ElementReader
    i: int
    operands: Sequence[Ref]
    letters: Sequence[str]
    output: str
    sizes: dict[str, int | Dim]
    full: dict[str, int]
    summed: list[str]
    start: Ref | None


def product_nest(elements: ElementReader, group: Group, batch_size: int, uses: Consumers) -> Body:
    """The statements for a product and its epilogue."""
    product = _product(elements, group[0], batch_size)
    end = _epilogue(product, group, uses) if len(group) > 1 or group[0] in uses else None
    large = math.prod(product.full.values()) >= SMALL_PRODUCT
    multiply = _matrix_products(product, end) if large else None
    if multiply is not None:
        return [multiply]
    return [*_product_loops(product), *([] if end is None else _epilogue_nest(product, end))]


def _product(elements: ElementReader, i: int, batch_size: int) -> Product:
    node = elements.graph.nodes[i]
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
    start = node.options.get("start")
    return Product(elements, i, operands, letters, output, sizes, full, summed, start)


@dataclass(frozen=True)
class ElementEpilogue:
    """The epilogue for one element `sums` of a product, at an index by letters."""

    index: Mapping[str, Var]
    sums: Var
    body: Body


def _epilogue(product: Product, group: Group, uses: Consumers) -> ElementEpilogue:
    """The rest of the group, computed from an element of the product; stored if needed later."""
    elements, places = product.elements, product.elements.places
    by_letter = {letter: elements.new("i") for letter in product.output}
    index, kept = [*by_letter.values()], Dataflow(elements.graph, [*places]).kept(group)
    elements.places = dict(places)
    body: Body = []
    for i in group:
        place = elements.places.pop(i)
        number = elements.new("e", place.type)
        if i != group[0]:
            body.append(Let(number.name, cast(elements.element(i, index), place.type)))
        else:
            sums = number
        elements.places[i] = place
        if i in uses:
            body += uses[i](index, number)
        elif i in kept:
            body.append(Store(place.buffer, elements.load(i, index).index, number))
        elements.places[i] = Storage(number.name, whole(0), place.type, variable=True)
    elements.places = places
    return ElementEpilogue(by_letter, sums, body)


def _epilogue_nest(product: Product, end: ElementEpilogue) -> Body:
    shape = tuple(product.sizes[letter] for letter in product.output)
    index = [*end.index.values()]
    sums = Let(end.sums.name, product.elements.load(product.i, index))
    return loops_around(shape, index, [sums, *end.body])


def _product_loops(product: Product) -> Body:
    elements, i, output, sizes = product.elements, product.i, product.output, product.sizes
    type = elements.places[i].type
    names, shape = list(sizes), tuple(sizes.values())
    index = indices(elements, shape)
    counters = dict(zip(names, index, strict=True))

    def loops(over: Iterable[str], body: Body) -> Body:
        return loops_around(shape, index, body, [names.index(letter) for letter in over])

    number, *others = (
        cast(elements.element(operand.node, [counters[letter] for letter in axes]), type)
        for operand, axes in zip(product.operands, product.letters, strict=True)
    )
    for factor in others[:-1]:
        number = number * factor
    summed, target = product.summed, [counters[letter] for letter in output]
    start = _start(product, target, type)
    if not output or not summed or all(axes[-1:] in summed for axes in product.letters):
        total = elements.new("a", type)
        inner: Body = [Let(total.name, _added(product, total, number, others))]
        row = [
            Let(total.name, start),
            *loops(summed, inner),
            *store_element(elements, i, target, total),
        ]
        return loops(output, row)
    clear = loops(output, store_element(elements, i, target, start))
    added = _added(product, elements.element(i, target), number, others)
    rows = list(output[:-1])
    by_batch = any(isinstance(sizes[letter], Dim) for letter in summed)
    order = [*summed, *rows] if by_batch else [*rows, *summed]
    return clear + loops([*order, output[-1]], store_element(elements, i, target, added))


def _added(
    product: Product, so_far: Expression, number: Expression, others: Sequence[Expression]
) -> Expression:
    """Add the product of a number and the last of others to a sum, with fma if available."""
    if not others:
        return so_far + number
    if so_far.type == "int" or not product.elements.target.rounds_once:
        return so_far + number * others[-1]
    return Call("fma", (number, others[-1], so_far), so_far.type)


def _start(product: Product, target: Sequence[Expression], type: Type) -> Expression:
    """The initial value of a sum."""
    if product.start is None:
        return Num(0 if type == "int" else 0.0, type)
    return product.elements.argument(product.start, target, type)


def _matrix_products(product: Product, end: ElementEpilogue | None) -> Statement | None:
    """A matrix product, or a batch of them; None for other products and batches of small ones."""
    elements, sizes, full = product.elements, product.sizes, product.full
    beside = [x for x in product.output if all(x in axes for axes in product.letters)]
    many = len(beside) > 1 or any(isinstance(sizes[letter], Dim) for letter in beside)
    if many and math.prod(full[letter] for letter in full if letter not in beside) < SMALL_PRODUCT:
        return None
    counters = {} if end is None else end.index
    members = {letter: counters.get(letter) or elements.new("m") for letter in beside}
    multiply = _matrix_product(product, members, end)
    if multiply is None or not beside:
        return multiply and partition_product(elements, multiply)
    inner, *outer = [(members[letter].name, extent(sizes[letter])) for letter in reversed(beside)]
    loop = For(*inner, [multiply])
    for counter, stop in outer:
        loop = For(counter, stop, [loop])
    return partition_products(elements, loop, [full[letter] for letter in beside], multiply)


def _matrix_product(
    product: Product, fixed: Mapping[str, Expression], end: ElementEpilogue | None
) -> Multiply | None:
    """The product of two matrices as one statement; None for other products.

    `fixed` are the indices of batch axes: they select one product of the batch.
    """
    elements, i, letters = product.elements, product.i, product.letters
    product = _with_rows_of_rows(product)
    sizes, full, counted = product.sizes, product.full, {*"".join(letters)} - {*product.sizes}
    left_out = dict.fromkeys(map(ord, counted))
    axes = axes_of(f"{','.join(letters)}->{product.output}".translate(left_out))
    if axes is None or {*axes.beside} != {*fixed} or elements.kind(i) != "float":
        return None
    m, n, k = axes.row, axes.column, axes.summed
    left, right = (0, 1) if m in letters[0] else (1, 0)
    known = {*fixed, *counted}
    if {*letters[left]} - known != {m, k} or {*letters[right]} - known != {k, n}:
        return None
    a = _matrix(product, left, m + k, fixed)
    b = _matrix(product, right, k + n, fixed)
    steps = dict(zip(product.output, strides(elements.graph.nodes[i].shape), strict=True))
    corner = [fixed.get(letter, whole(0)) for letter in product.output]
    if a is None or b is None or steps[n] != whole(1):
        return None
    first = elements.load(i, corner)
    rows, columns, depth = (extent(sizes[letter]) for letter in (m, n, k))
    in_full = (full[m], full[n], full[k])
    return Multiply(
        rows,
        columns,
        depth,
        a,
        b,
        Matrix(first.buffer, first.index, steps[m]),
        in_full,
        None if product.start is None else _first_start(elements, product.start, corner),
        None
        if end is None
        else Epilogue(end.index[m].name, end.index[n].name, end.sums.name, end.body),
        elements.workspace(in_full) if elements.target.packs(*in_full) else None,
    )


def _with_rows_of_rows(product: Product) -> Product:
    """Merge contiguous axes of an operand into one: rows (n, t) of sequences become n t rows.

    The letters of axes that are merged into another one lose their size.
    """
    sizes, full = dict(product.sizes), dict(product.full)
    for outer, inner in pairwise(product.output):
        with_one = [k for k, own in enumerate(product.letters) if outer in own or inner in own]
        size, count = product.sizes[inner], sizes[outer]
        if len(with_one) != 1 or isinstance(size, Dim):
            continue
        (which,) = with_one
        steps, own = _steps(product, which), product.letters[which]
        if steps is None or outer + inner not in own:
            continue
        at_outer = own.index(outer)
        if steps[at_outer] != steps[at_outer + 1] * whole(size):
            continue
        del sizes[outer]
        if isinstance(count, Dim):
            sizes[inner] = Dim(count.slope * size, count.offset * size)
        else:
            sizes[inner] = count * size
        full[inner] = full.pop(outer) * full[inner]
    return replace(product, sizes=sizes, full=full)


def _steps(product: Product, which: int) -> list[Expression] | None:
    """The strides of an operand; None if it is not stored."""
    elements, operand = product.elements, product.operands[which]
    node = elements.graph.nodes[operand.node]
    if operand.node in elements.places:
        return strides(node.shape)
    return [extent(step) for step in node.arguments[2]] if node.operation is Op.VIEW else None


def _first_start(elements: ElementReader, start: Ref, corner: Sequence[Expression]) -> Load:
    """The first initial value of the columns' sums, which are contiguous."""
    return elements.load(start.node, broadcast(elements.graph.nodes[start.node].shape, corner))


def _matrix(
    product: Product, which: int, order: str, fixed: Mapping[str, Expression]
) -> Matrix | None:
    """A stored operand as a matrix with one contiguous axis; None if it has none."""
    elements, operand, letters = product.elements, product.operands[which], product.letters[which]
    node = elements.graph.nodes[operand.node]
    steps = _steps(product, which)
    if steps is None:
        return None
    lying = operand.node if operand.node in elements.places else node.arguments[0].node
    place = elements.places[lying]
    if place.rows is not None:
        axis = 0 if steps[-1] == whole(1) else 1
        across = order[0] != letters[axis]
        return Matrix(place.buffer, place.offset, steps[axis], across, place.rows)
    first = elements.load(operand.node, [fixed.get(letter, whole(0)) for letter in letters])
    buffer, offset = first.buffer, first.index
    by_letter = dict(zip(letters, steps, strict=True))
    (row, rows), (column, columns) = ((by_letter[x], product.sizes[x]) for x in order)
    if (column == whole(1) or columns == 1) and _is_valid_stride(row, rows, columns):
        return Matrix(buffer, offset, row if rows != 1 else extent(columns))
    if (row == whole(1) or rows == 1) and _is_valid_stride(column, columns, rows):
        width = column if columns != 1 else extent(rows)
        return Matrix(buffer, offset, width, transposed=True)
    return None


def _is_valid_stride(step: Expression, count: int | Dim, size: int | Dim) -> bool:
    """Return True if `count` rows of `size` numbers, `step` apart, do not overlap."""
    if isinstance(size, Dim):
        return count == 1 or step == extent(size)
    return count == 1 or (isinstance(step, Num) and step.value >= max(size, 1))
