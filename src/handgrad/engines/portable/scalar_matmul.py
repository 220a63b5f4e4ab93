"""Matrix products as scalar loops: each sum over k is one chain, k ascending, from its start.

The order of the loops changes no bits, so each product has the loops that suit its sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from handgrad.engines.loops.ir import (
    Body,
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
    known,
    least,
    whole,
)

ROWS = 2  # of a wide result at once: they share the loads of b
TERMS = 4  # of each sum at once: they share a load and a store of the sum
FEW_COLUMNS = 4  # less than a vector: then the sums are local variables
WIDE = 32  # columns
STRIP = 16  # numbers: a cache line
FEW_ROWS = 4  # not worth a copy of b

New = Callable[[str, Type], Var]  # makes a new variable


def product_loops(product: Multiply, new: New, room: int | None) -> Body:
    """The loops of a product; `room`, if not None, is the scratch offset of a copy of b."""
    if _is_narrow(product):
        return _by_rows(product, new, _columns_at_once)
    if not product.b.transposed:
        return _by_rows(product, new, _rows_added_up)
    if room is None or product.sizes[0] < FEW_ROWS:
        return _by_rows(product, new, _dot_products)
    copied, loops = _copied(product, new, room)
    return [*loops, *_by_rows(copied, new, _rows_added_up)]


def room_to_copy(product: Multiply) -> int:
    """The size of the copy of b in numbers; 0 if none is made."""
    m, n, k = product.sizes
    return n * k if product.b.transposed and m >= FEW_ROWS and not _is_narrow(product) else 0


def _is_narrow(product: Multiply) -> bool:
    columns = known(product.n)
    return columns is not None and columns <= FEW_COLUMNS


def _at(matrix: Matrix, row: Expression, column: Expression) -> Expression:
    if matrix.transposed:
        row, column = column, row
    return matrix.offset + row * matrix.width + column


def _number(matrix: Matrix, row: Expression, column: Expression) -> Load:
    return Load(matrix.buffer, _at(matrix, row, column), "float")


def _start(product: Multiply, column: Expression) -> Expression:
    """The initial value of a column's sums."""
    if product.start is None:
        return Num(0.0, "float")
    return Load(product.start.buffer, product.start.index + column, "float")


def _copied(product: Multiply, new: New, room: int) -> tuple[Multiply, Body]:
    """The product with a contiguous copy of b, and the loops that make it.

    They copy b in strips as wide as a cache line, so that each line is loaded once.
    """
    k, j, strip = new("k", "int"), new("j", "int"), new("strip", "int")
    copy, n = Matrix("scratch", whole(room), product.n), product.n
    columns = known(n)
    even = columns is not None and columns % STRIP == 0
    end = strip + whole(STRIP) if even else least(strip + whole(STRIP), n)
    store = Store("scratch", _at(copy, k, j), _number(product.b, k, j))
    within = For(k.name, product.k, [For(j.name, end, [store], begin=strip)])
    return replace(product, b=copy), [For(strip.name, n, [within], STRIP)]


def _by_rows(
    product: Multiply, new: New, of_rows: Callable[[Multiply, New, Expression, int], Body]
) -> Body:
    """Loop over the rows; of a wide result, `ROWS` at once."""
    return _in_blocks(
        new("i", "int"),
        product.m,
        product.sizes[0],
        ROWS if product.sizes[1] >= WIDE or _is_narrow(product) else 1,
        partial(of_rows, product, new),
        new,
    )


def _in_blocks(
    counter: Var,
    stop: Expression,
    most: int,
    size: int,
    of_some: Callable[[Expression, int], Body],
    new: New,
) -> Body:
    """Loop up to `stop` in steps of `size`, then one by one."""
    if most < size or size == 1:
        return [For(counter.name, stop, of_some(counter, 1))]
    last, block, body = known(stop), of_some(counter, size), list[Statement]()
    left: Expression
    if last is None:
        rest = left = new(f"left_{counter.name[0]}", "int")
        body.append(Let(rest.name, whole(0)))
        block.append(Let(rest.name, counter + whole(size)))
        body.append(For(counter.name, stop - whole(size - 1), block, size))
    else:
        left = whole(last - last % size)
        body.append(For(counter.name, left, block, size))
    if left != stop:
        body.append(For(counter.name, stop, of_some(counter, 1), begin=left))
    return body


def _rows_added_up(product: Multiply, new: New, i: Expression, count: int) -> Body:
    """Axpy form: add rows of b, each times a number of a, to rows of c; vectorizes over columns."""
    rows = [i + whole(r) for r in range(count)]
    z, c = new("j", "int"), product.c
    clear = [Store(c.buffer, _at(c, row, z), _start(product, z)) for row in rows]

    def terms(k: Expression, at_once: int) -> Body:
        ks, j = [k + whole(t) for t in range(at_once)], new("j", "int")
        lets: Body = []
        added: Body = []
        for row in rows:
            total: Expression = _number(c, row, j)
            for at in ks:
                factor = new("a", "float")
                lets.append(Let(factor.name, _number(product.a, row, at)))
                total = total + factor * _number(product.b, at, j)
            added.append(Store(c.buffer, _at(c, row, j), total))
        return [*lets, For(j.name, product.n, added)]

    loops = _in_blocks(new("k", "int"), product.k, product.sizes[2], TERMS, terms, new)
    return [For(z.name, product.n, [*clear]), *loops]


def _dot_products(product: Multiply, new: New, i: Expression, count: int) -> Body:
    """Dot form: the numbers of some rows of c, column by column, each a sum in a local variable."""
    j = new("j", "int")
    return [For(j.name, product.n, _sums(product, new, i, count, [j]))]


def _columns_at_once(product: Multiply, new: New, i: Expression, count: int) -> Body:
    """All numbers of some rows of a narrow c at once, each a sum in a local variable."""
    columns = [whole(column) for column in range(product.sizes[1])]
    return _sums(product, new, i, count, columns)


def _sums(
    product: Multiply, new: New, i: Expression, count: int, columns: Sequence[Expression]
) -> Body:
    """Sums over k side by side, for `count` rows and these columns."""
    k, a, b, c = new("k", "int"), product.a, product.b, product.c
    places = [(i + whole(r), column) for r in range(count) for column in columns]
    sums = [new("sum", "float") for _ in places]
    each = [*zip(sums, places, strict=True)]
    starts = [Let(total.name, _start(product, column)) for total, (_, column) in each]
    added = [
        Let(total.name, total + _number(a, row, k) * _number(b, k, column))
        for total, (row, column) in each
    ]
    stores = [Store(c.buffer, _at(c, row, column), total) for total, (row, column) in each]
    return [*starts, For(k.name, product.k, [*added]), *stores]
