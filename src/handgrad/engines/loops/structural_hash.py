"""Structural hashes of statements, ignoring offsets: equal for those that differ in memory only."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

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
    ParallelFor,
    Reduce,
    Statement,
    Store,
    Var,
)


def hash_of_statement(
    statement: Statement, names: dict[str, str], offsets: list[int]
) -> Hashable | None:
    """A key for a statement; its offsets are appended to `offsets`. None if it has no key.

    Parameters
    ----------
    statement : Statement
        A loop nest, a matrix product, or a part of a nest.
    names : dict of str to str
        New names of the local variables so far.
    offsets : list of int
        Integers within indices.
    """
    match statement:
        case For(counter, stop, body, step, begin):
            _rename(names, counter)
            bounds = [hash_of_expression(bound, names, None) for bound in (begin, stop)]
            return _joined([*bounds, step], body, names, offsets)
        case ParallelFor(counter, count, body):
            _rename(names, counter)
            return _joined(["parts", count], body, names, offsets)
        case Store(buffer, index, value):
            place = hash_of_expression(index, names, offsets)
            return buffer, place, hash_of_expression(value, names, None, offsets)
        case Let(name, value):
            key = hash_of_expression(value, names, None, offsets)
            _rename(names, name)
            return key
        case Reduce(name, operation, start, counters, value):
            sizes = [hash_of_expression(size, names, None) for _, size in counters]
            _rename(names, *(counter for counter, _ in counters))
            key = hash_of_expression(value, names, None, offsets)
            _rename(names, name)
            return operation, repr(start), *sizes, key
        case Multiply():
            return _hash_of_product(statement, names, offsets)
    return None


def _rename(names: dict[str, str], *local: str) -> None:
    for name in local:
        names[name] = str(len(names))


def _joined(
    parts: Sequence[Hashable],
    body: Sequence[Statement],
    names: dict[str, str],
    offsets: list[int],
) -> Hashable | None:
    """The key of a statement with a body; None if a part of the body has none."""
    inside = [hash_of_statement(part, names, offsets) for part in body]
    return None if None in inside else (*parts, *inside)


def _hash_of_product(
    product: Multiply, names: dict[str, str], offsets: list[int]
) -> Hashable | None:
    parts: list[Hashable] = [product.sizes]
    sizes = product.m, product.n, product.k
    parts += [hash_of_expression(size, names, None) for size in sizes]
    for matrix in (product.a, product.b, product.c):
        place = hash_of_expression(matrix.offset, names, offsets)
        width = hash_of_expression(matrix.width, names, None)
        rows = _hash_of_load(matrix.rows, names, offsets)
        parts.append((matrix.buffer, place, width, matrix.transposed, rows))
    parts += [_hash_of_load(load, names, offsets) for load in (product.start, product.workspace)]
    if product.epilogue is None:
        return tuple(parts)
    end = product.epilogue
    _rename(names, end.row, end.column, end.sums)
    return _joined(parts, end.body, names, offsets)


def _hash_of_load(load: Load | None, names: dict[str, str], offsets: list[int]) -> Hashable:
    return None if load is None else hash_of_expression(load, names, offsets)


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


def with_offsets(statement: Statement, numbers: Iterator[Expression]) -> Statement:
    """Replace the offsets of a statement, in the order in which its hash appends them."""
    match statement:
        case For(body=body) | ParallelFor(body=body):
            return replace(statement, body=_body_with_offsets(body, numbers))
        case Store(buffer, index, value):
            index = with_offsets_in(index, numbers, in_index=True)
            return Store(buffer, index, with_offsets_in(value, numbers))
        case Let(value=value) | Reduce(value=value):
            return replace(statement, value=with_offsets_in(value, numbers))
        case Multiply():
            return _product_with_offsets(statement, numbers)
    return statement


def _body_with_offsets(body: Sequence[Statement], numbers: Iterator[Expression]) -> Body:
    return [with_offsets(part, numbers) for part in body]


def _product_with_offsets(product: Multiply, numbers: Iterator[Expression]) -> Multiply:
    a, b, c = (_matrix_with_offsets(x, numbers) for x in (product.a, product.b, product.c))
    start, workspace = (_load_with_offsets(x, numbers) for x in (product.start, product.workspace))
    end: Epilogue | None = product.epilogue
    if end is not None:
        end = replace(end, body=_body_with_offsets(end.body, numbers))
    return replace(product, a=a, b=b, c=c, start=start, workspace=workspace, epilogue=end)


def _matrix_with_offsets(matrix: Matrix, numbers: Iterator[Expression]) -> Matrix:
    offset = with_offsets_in(matrix.offset, numbers, in_index=True)
    return replace(matrix, offset=offset, rows=_load_with_offsets(matrix.rows, numbers))


def _load_with_offsets(load: Load | None, numbers: Iterator[Expression]) -> Load | None:
    if load is None:
        return None
    return replace(load, index=with_offsets_in(load.index, numbers, in_index=True))


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
