"""Loop nests that occur several times, but for where in memory: equal layers make them."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

from handgrad.engines.loops.statements import (
    Call,
    Expression,
    For,
    Load,
    Num,
    Statement,
    Store,
    Var,
    whole,
)


@dataclass(frozen=True)
class RepeatedNest:
    """A nest as the first of its kind is, and where it lies in memory here.

    The offsets that are not the same in all of them are variables in it, these their values.
    """

    nest: For
    offsets: tuple[tuple[Var, int], ...]


def repeated_nests(body: Sequence[Statement]) -> dict[int, RepeatedNest]:
    """The nests within the loop over batches that occur more than once, by their `id`."""
    by_form: dict[Hashable, list[tuple[For, list[int]]]] = {}
    for loop in body:
        for nest in loop.body if isinstance(loop, For) else ():
            offsets: list[int] = []
            if isinstance(nest, For) and (form := _form(nest, {}, offsets)) is not None:
                by_form.setdefault(form, []).append((nest, offsets))
    found: dict[int, RepeatedNest] = {}
    for alike in by_form.values():
        if len(alike) > 1:
            found |= _as_one(alike)
    return found


def _as_one(alike: Sequence[tuple[For, list[int]]]) -> dict[int, RepeatedNest]:
    columns = [*zip(*(offsets for _, offsets in alike), strict=True)]
    variables: dict[tuple[int, ...], Var] = {}  # one where two are the same: what is in place
    for column in columns:
        if len({*column}) > 1:
            variables.setdefault(column, Var(f"offset{len(variables)}", "int"))
    first, _ = alike[0]
    nest = _with_numbers(first, iter([variables.get(c, whole(c[0])) for c in columns]))
    return {
        id(one): RepeatedNest(nest, tuple((v, c[k]) for c, v in variables.items()))
        for k, (one, _) in enumerate(alike)
    }


def _form(loop: For, names: dict[str, str], offsets: list[int]) -> Hashable:
    """What is equal for nests that differ in offsets alone, which are noted; None of others."""
    names[loop.counter] = str(len(names))
    bounds = (_form_of(loop.begin, names, None), _form_of(loop.stop, names, None), loop.step)
    parts: list[Hashable] = []
    for part in loop.body:
        if isinstance(part, For):
            inner = _form(part, names, offsets)
            if inner is None:
                return None
            parts.append(inner)
        elif isinstance(part, Store):
            place = _form_of(part.index, names, offsets)
            parts.append((part.buffer, place, _form_of(part.value, names, None, offsets)))
        else:
            return None
    return (bounds, *parts)


def _form_of(
    expression: Expression,
    names: dict[str, str],
    offsets: list[int] | None,
    of_loads: list[int] | None = None,
) -> Hashable:
    """The form of a number; of whole ones in an index nothing but that they are noted."""
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
            return buffer, _form_of(index, names, within), type
        case Call(operation, arguments, type):
            parts = [_form_of(part, names, offsets, of_loads) for part in arguments]
            return operation, *parts, type
    raise TypeError(f"{expression!r} is no number of a loop program")


def _with_numbers(loop: For, numbers: Iterator[Expression]) -> For:
    """The nest with these whole numbers in its indices."""
    body: list[Statement] = []
    for part in loop.body:
        if isinstance(part, For):
            body.append(_with_numbers(part, numbers))
        elif isinstance(part, Store):
            index = _renumbered(part.index, numbers, in_index=True)
            body.append(Store(part.buffer, index, _renumbered(part.value, numbers)))
    return replace(loop, body=body)


def _renumbered(
    expression: Expression, numbers: Iterator[Expression], *, in_index: bool = False
) -> Expression:
    match expression:
        case Num(_, "int") if in_index:
            return next(numbers)
        case Load(buffer, index, type):
            return Load(buffer, _renumbered(index, numbers, in_index=True), type)
        case Call(operation, arguments, type):
            parts = [_renumbered(part, numbers, in_index=in_index) for part in arguments]
            return Call(operation, tuple(parts), type)
    return expression
