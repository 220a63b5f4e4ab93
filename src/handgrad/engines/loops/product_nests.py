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
    offset_at,
    store_element,
)
from handgrad.engines.loops.fusion import Dataflow, Group
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
from handgrad.graph.passes.batch_last_layout import times
from handgrad.graph.passes.matrices import (
    SMALL_PRODUCT,
    is_one_axis,
    is_valid_stride,
    steps_of,
)
from handgrad.graph.symbolic import Dim, Ref, at

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
    gathered : tuple, optional
        An operand and the letters of its axes that count gathered rows.
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
    gathered: tuple[int, str] | None = None


def product_nest(elements: ElementReader, group: Group, batch_size: int, uses: Consumers) -> Body:
    """The statements for a product and its epilogue."""
    product = parsed_product(elements, group[0], batch_size)
    end = _epilogue(product, group, uses) if len(group) > 1 or group[0] in uses else None
    large = math.prod(product.full.values()) >= SMALL_PRODUCT
    rows = _row_numbers(product)
    multiply = _matrix_products(product, end) if large else None
    if multiply is not None:
        return [*rows, multiply]
    return [*_product_loops(product), *([] if end is None else _epilogue_nest(product, end))]


def parsed_product(elements: ElementReader, i: int, batch_size: int) -> Product:
    """Parse an einsum."""
    node = elements.graph.nodes[i]
    spec, *operands = node.arguments
    inputs, output = spec.split("->")
    letters = inputs.split(",")
    sizes: dict[str, int | Dim] = {
        letter: size
        for operand, axes in zip(operands, letters, strict=True)
        for letter, size in zip(axes, elements.graph.nodes[operand.node].shape, strict=True)
    }
    full = {letter: int(at(size, batch_size)) for letter, size in sizes.items()}
    summed = [letter for letter in sizes if letter not in output]
    start, gathered = node.options.get("start"), node.options.get("gathered")
    return Product(elements, i, operands, letters, output, sizes, full, summed, start, gathered)


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


@dataclass(frozen=True)
class Core:
    """The axes of one matrix product, and the batch axes around it, in the order of the result."""

    row: str
    column: str
    summed: str
    batch: Sequence[str]


def _matrix_products(product: Product, end: ElementEpilogue | None) -> Statement | None:
    """A matrix product, or a batch of them; None for other products and batches of small ones."""
    elements, product = product.elements, _with_merged_axes(product)
    core, full = _core(product), product.full
    if core is None or elements.kind(product.i) != "float":
        return None
    many = len(core.batch) > 1 or any(isinstance(product.sizes[x], Dim) for x in core.batch)
    many = many and product.gathered is None
    if many and full[core.row] * full[core.column] * full[core.summed] < SMALL_PRODUCT:
        return None
    counters = {} if end is None else end.index
    members = {letter: counters.get(letter) or elements.new("m") for letter in core.batch}
    multiply = matrix_product(product, core, members, end)
    if multiply is None or not core.batch:
        return multiply and partition_product(elements, multiply)
    inner, *outer = [
        (members[letter].name, extent(product.sizes[letter])) for letter in reversed(core.batch)
    ]
    loop = For(*inner, [multiply])
    for counter, stop in outer:
        loop = For(counter, stop, [loop])
    return partition_products(elements, loop, [full[letter] for letter in core.batch], multiply)


def _core(product: Product) -> Core | None:
    """The matrices of a product of two operands; None if it has none.

    The last axis of the result is the columns, the longest one of the other operand the rows.
    """
    kept = [letter for letter in product.output if letter in product.sizes]
    summed = [letter for letter in product.summed if letter in product.sizes]
    if len(product.letters) != 2 or not kept or len(summed) != 1:
        return None
    left, right = ({*own} for own in product.letters)
    if kept[-1] in left & right or summed[0] not in left & right:
        return None
    others = left - right if kept[-1] in right else right - left
    rows = [letter for letter in kept if letter in others]
    if not rows:
        return None
    row = max(reversed(rows), key=lambda letter: product.full[letter])
    batch = [letter for letter in kept[:-1] if letter != row]
    return Core(row, kept[-1], summed[0], batch)


def matrix_product(
    product: Product, core: Core, fixed: Mapping[str, Expression], end: ElementEpilogue | None
) -> Multiply | None:
    """The product of two matrices as one statement; None for other products.

    `fixed` are the indices of batch axes: they select one product of the batch.
    """
    elements, i, letters = product.elements, product.i, product.letters
    sizes, full = product.sizes, product.full
    m, n, k = core.row, core.column, core.summed
    left, right = (0, 1) if m in letters[0] else (1, 0)
    a = _matrix(product, left, m + k, fixed)
    b = _matrix(product, right, k + n, fixed)
    steps = dict(zip(product.output, strides(elements.graph.nodes[i].shape), strict=True))
    corner = [fixed.get(letter, whole(0)) for letter in product.output]
    if a is None or b is None:
        return None
    first = elements.load(i, corner)
    rows, columns, depth = (extent(sizes[letter]) for letter in (m, n, k))
    in_full = (full[m], full[n], full[k])
    packed = product.gathered is not None or elements.target.packs(*in_full)
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
        elements.workspace(in_full) if packed else None,
    )


def _with_merged_axes(product: Product) -> Product:
    """Merge axes that follow one another in memory: rows (n, t) of sequences become n t rows.

    The letters of axes that are merged into another one lose their size.
    """
    sizes, full = dict(product.sizes), dict(product.full)
    steps = [_steps_by_letter(product, which) for which in range(len(product.letters))]
    for outer, inner in (*pairwise(product.output), *pairwise(product.summed)):
        owners = [k for k, own in enumerate(product.letters) if outer in own or inner in own]
        size, count = product.sizes[inner], sizes[outer]
        of_sums = product.start is not None and inner == product.output[-1:]
        if of_sums or len(owners) != (2 if inner in product.summed else 1):
            continue
        if not all(
            {outer, inner} <= {*steps[k]}
            and (
                is_one_axis(steps[k], outer, inner, size) or _are_gathered(product, k, outer, inner)
            )
            for k in owners
        ):
            continue
        del sizes[outer]
        sizes[inner] = times(count, size)
        full[inner] = full.pop(outer) * full[inner]
    return replace(product, sizes=sizes, full=full)


def _are_gathered(product: Product, which: int, *letters: str) -> bool:
    """Return True if these axes of an operand count gathered rows."""
    if product.gathered is None:
        return False
    k, rows = product.gathered
    return which == k and {*letters} <= {*rows}


def _row_numbers(product: Product) -> Body:
    """The loops that store where each gathered row begins: its number, with a stride of 1."""
    if product.gathered is None:
        return []
    k, letters = product.gathered
    steps = _steps_by_letter(product, k)
    elements, shape = product.elements, tuple(product.sizes[x] for x in letters)
    index = indices(elements, shape)
    place = elements.row_numbers(product.i, math.prod(product.full[x] for x in letters))
    row = offset_at(whole(0), index, [extent(steps[letter]) for letter in letters])
    target = offset_at(place.index, index, strides(shape))
    return loops_around(shape, index, [Store(place.buffer, target, row)])


def _steps_by_letter(product: Product, which: int) -> Mapping[str, int | Dim]:
    """The strides of an operand; empty if it is not stored."""
    elements, operand = product.elements, product.operands[which]
    node = elements.graph.nodes[operand.node]
    if operand.node not in elements.places and node.operation is not Op.VIEW:
        return {}
    return dict(zip(product.letters[which], steps_of(node) or (), strict=False))


def _first_start(elements: ElementReader, start: Ref, corner: Sequence[Expression]) -> Load:
    """The first initial value of the columns' sums, which are contiguous."""
    return elements.load(start.node, broadcast(elements.graph.nodes[start.node].shape, corner))


def _matrix(
    product: Product, which: int, order: str, fixed: Mapping[str, Expression]
) -> Matrix | None:
    """A stored operand as a matrix with one contiguous axis; None if it has none."""
    elements, operand, letters = product.elements, product.operands[which], product.letters[which]
    node, steps = elements.graph.nodes[operand.node], _steps_by_letter(product, which)
    if not steps:
        return None
    (row, rows), (column, columns) = ((steps[x], product.sizes[x]) for x in order)
    lying = operand.node if operand.node in elements.places else node.arguments[0].node
    place = elements.places[lying]
    if place.rows is not None:
        axis = 0 if steps[letters[-1]] == 1 else 1
        across = order[0] != letters[axis]
        return Matrix(place.buffer, place.offset, extent(steps[letters[axis]]), across, place.rows)
    first = elements.load(operand.node, [fixed.get(letter, whole(0)) for letter in letters])
    buffer, offset = first.buffer, first.index
    for axis, letter in enumerate(order):
        if _are_gathered(product, which, letter):
            numbers = elements.row_numbers(product.i)
            return Matrix(buffer, offset, whole(1), axis == 1, numbers)
    if (column == 1 or columns == 1) and is_valid_stride(row, rows, columns):
        return Matrix(buffer, offset, extent(row if rows != 1 else columns))
    if (row == 1 or rows == 1) and is_valid_stride(column, columns, rows):
        return Matrix(buffer, offset, extent(column if columns != 1 else rows), transposed=True)
    return None
