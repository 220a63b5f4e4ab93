"""Partitioning: splits long loops and large products into parts for several threads.

Each number is computed within one part, in an order that depends on sizes alone, so its bits are
independent of the number of parts. Products by BLAS are the exception: their bits depend on the
number of cores, but not on how many threads are free.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from handgrad.engines.loops.element_access import ElementReader
from handgrad.engines.loops.ir import (
    Call,
    Expression,
    For,
    Matrix,
    Multiply,
    ParallelFor,
    Statement,
    Var,
    least,
    whole,
)
from handgrad.engines.loops.target import LINE, workspace_size

# The least work that is worth another thread: numbers of a loop, multiplications.
NUMBERS, MULTIPLICATIONS = 2**14, 2**19


def partition_loop(
    elements: ElementReader, loop: For, turns: int, numbers: int, part: Var | None = None
) -> Statement:
    """Split a loop if its `turns` for a full batch compute enough numbers; `part` counts parts."""
    count = min(elements.target.max_parts, numbers // NUMBERS, turns)
    if count < 2:
        return loop
    part = part or elements.new("p")
    size = _size_of_a_part(turns, count, LINE if turns == numbers else 1)
    begin = part * whole(size)
    within = replace(loop, begin=begin, stop=least(begin + whole(size), loop.stop))
    return ParallelFor(part.name, count, [within])


def partition_product(elements: ElementReader, product: Multiply) -> Statement:
    """Split a product by rows or columns if it is large enough."""
    if product.workspace is not None:  # it is split when it is packed
        return product
    m, n, k = product.sizes
    count = min(elements.target.max_parts, m * n * k // MULTIPLICATIONS, max(m, n) // LINE)
    if count < 2:
        return product
    part, size = elements.new("p"), _size_of_a_part(max(m, n), count, LINE)
    begin = part * whole(size)
    a, b, c = product.a, product.b, product.c
    if m > n:
        rows = _left(product.m, begin, size)
        within = replace(product, m=rows, a=_from(a, begin), c=_from(c, begin), sizes=(size, n, k))
    else:
        columns = _left(product.n, begin, size)
        b, c = _from(b, begin, columns=True), _from(c, begin, columns=True)
        start = product.start and replace(product.start, index=product.start.index + begin)
        within = replace(product, n=columns, b=b, c=c, sizes=(m, size, k), start=start)
    return ParallelFor(part.name, count, [within])


def partition_products(
    elements: ElementReader, loop: For, turns: Sequence[int], product: Multiply
) -> Statement:
    """Split the outer loop over a batch of products if they are large enough together."""
    multiplications = math.prod(turns) * math.prod(product.sizes)
    within = partition_loop(elements, loop, turns[0], multiplications * NUMBERS // MULTIPLICATIONS)
    if isinstance(within, ParallelFor) and product.workspace is not None:
        return _with_own_workspace(elements, within, product)
    return within


def _with_own_workspace(
    elements: ElementReader, parts: ParallelFor, product: Multiply
) -> ParallelFor:
    """Give each part its own workspace for packed matrices."""
    own, size = elements.workspace(product.sizes, parts.count), workspace_size(*product.sizes)
    place = replace(own, index=own.index + Var(parts.counter, "int") * whole(size))

    def moved(statement: Statement) -> Statement:
        if isinstance(statement, For):
            return replace(statement, body=[*map(moved, statement.body)])
        return replace(product, workspace=place)

    return replace(parts, body=[*map(moved, parts.body)])


def _size_of_a_part(size: int, count: int, unit: int) -> int:
    """The size of all parts but the last, a multiple of `unit`."""
    return -(-size // (count * unit)) * unit


def _left(size: Expression, begin: Expression, most: int) -> Expression:
    """The rows or columns of a part: the last may have fewer, or none in a small batch."""
    left = least(whole(most), size - begin)
    return Call("maximum", (whole(0), left), "int")


def _from(matrix: Matrix, begin: Expression, columns: bool = False) -> Matrix:
    """The submatrix from a row or column on."""
    along = begin if columns != matrix.transposed else begin * matrix.width
    return replace(matrix, offset=matrix.offset + along)
