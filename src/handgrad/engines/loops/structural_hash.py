"""Structural hashes of loop nests, ignoring offsets: equal for nests that differ in memory only."""

from collections.abc import Hashable, Iterator
from dataclasses import replace

from handgrad.engines.loops.ir import (
    Call,
    Expression,
    For,
    Let,
    Load,
    Multiply,
    Num,
    Statement,
    Store,
    Var,
)


def hash_of_nest(loop: For, names: dict[str, str], offsets: list[int]) -> Hashable:
    """A key for a nest; its offsets are appended to `offsets`. None if the nest has no key."""
    names[loop.counter] = str(len(names))
    bounds = (
        hash_of_expression(loop.begin, names, None),
        hash_of_expression(loop.stop, names, None),
        loop.step,
    )
    parts: list[Hashable] = []
    for part in loop.body:
        if isinstance(part, For):
            inner = hash_of_nest(part, names, offsets)
            if inner is None:
                return None
            parts.append(inner)
        elif isinstance(part, Store):
            place = hash_of_expression(part.index, names, offsets)
            parts.append((part.buffer, place, hash_of_expression(part.value, names, None, offsets)))
        elif isinstance(part, Let):
            parts.append(hash_of_expression(part.value, names, None, offsets))
            names[part.name] = str(len(names))
        else:
            return None
    return (bounds, *parts)


def hash_of_expression(
    expression: Expression,
    names: dict[str, str],
    offsets: list[int] | None,
    of_loads: list[int] | None = None,
) -> Hashable:
    """A key for an expression; integers within an index are appended to `offsets` instead."""
    match expression:
        case Num(value, type):
            if offsets is None or type != "int":
                return type, repr(value)
            offsets.append(int(value))
            return None
        case Var(name, type):
            return names.get(name, name), type
        case Load(buffer, index, type):
            within = of_loads if offsets is None else offsets
            return buffer, hash_of_expression(index, names, within), type
        case Call(operation, arguments, type):
            parts = [hash_of_expression(part, names, offsets, of_loads) for part in arguments]
            return operation, *parts, type
    raise TypeError(f"{expression!r} is no expression of a loop program")


def with_offsets(loop: For, numbers: Iterator[Expression]) -> For:
    """Replace the offsets of a nest, in the order in which `hash_of_nest` appends them."""
    body: list[Statement] = []
    for part in loop.body:
        if isinstance(part, For):
            body.append(with_offsets(part, numbers))
        elif isinstance(part, Store):
            index = with_offsets_in(part.index, numbers, in_index=True)
            body.append(Store(part.buffer, index, with_offsets_in(part.value, numbers)))
        elif isinstance(part, Let):
            body.append(Let(part.name, with_offsets_in(part.value, numbers)))
    return replace(loop, body=body)


def with_offsets_in(
    expression: Expression, numbers: Iterator[Expression], *, in_index: bool = False
) -> Expression:
    """Replace the offsets in an expression."""
    match expression:
        case Num(_, "int") if in_index:
            return next(numbers)
        case Load(buffer, index, type):
            return Load(buffer, with_offsets_in(index, numbers, in_index=True), type)
        case Call(operation, arguments, type):
            parts = [with_offsets_in(part, numbers, in_index=in_index) for part in arguments]
            return Call(operation, tuple(parts), type)
    return expression


def hash_of_product(product: Multiply, offsets: list[int]) -> Hashable:
    """A key for a matrix product without epilogue or gathered rows; None for others."""
    matrices = (product.a, product.b, product.c)
    if product.epilogue is not None or any(matrix.rows is not None for matrix in matrices):
        return None
    parts: list[Hashable] = [product.sizes, product.workspace]
    parts += [hash_of_expression(size, {}, None) for size in (product.m, product.n, product.k)]
    for matrix in matrices:
        place = hash_of_expression(matrix.offset, {}, offsets)
        parts.append(
            (matrix.buffer, place, hash_of_expression(matrix.width, {}, None), matrix.transposed)
        )
    if product.start is not None:
        parts.append((product.start.buffer, hash_of_expression(product.start.index, {}, offsets)))
    return tuple(parts)


def product_with_offsets(product: Multiply, numbers: Iterator[Expression]) -> Multiply:
    """Replace the offsets of a product's matrices."""
    a, b, c = (
        replace(matrix, offset=with_offsets_in(matrix.offset, numbers, in_index=True))
        for matrix in (product.a, product.b, product.c)
    )
    start = product.start
    if start is not None:
        start = replace(start, index=with_offsets_in(start.index, numbers, in_index=True))
    return replace(product, a=a, b=b, c=c, start=start)
