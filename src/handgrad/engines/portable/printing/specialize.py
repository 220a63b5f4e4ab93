"""A plain program fitted to its use: for numbers that are known, without what nobody asks for."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from handgrad.engines.loops.ir import (
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    ReturnIf,
    Statement,
    Store,
    Var,
    known,
    whole,
)
from handgrad.engines.portable.functions import expressions
from handgrad.engines.portable.printing.scopes import placed, variables

INTEGER_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "minimum": min,
    "maximum": max,
}


def substitute(body: Sequence[Statement], values: Mapping[str, Expression]) -> Body:
    """The statements where these variables have these values.

    What follows from whole numbers that are known is computed now; a loop of one round is none.
    """
    changes = Counter(s.name for _, s in placed(body) if isinstance(s, Let))
    return _valued(body, dict(values), changes)


def _valued(body: Sequence[Statement], given: dict[str, Expression], changes: Counter[str]) -> Body:
    found: Body = []
    for statement in body:
        match statement:
            case For(counter, stop, inner, step, begin):
                begin, stop = substituted(begin, given), substituted(stop, given)
                first, last = known(begin), known(stop)
                if first is not None and last is not None and first < last <= first + step:
                    given[counter] = begin
                    found += _valued(inner, given, changes)
                elif first is None or last is None or first < last:
                    given.pop(counter, None)
                    found.append(For(counter, stop, _valued(inner, given, changes), step, begin))
            case Let(name, value):
                value = substituted(value, given)
                if known(value) is not None and changes[name] == 1:
                    given[name] = value
                else:
                    found.append(Let(name, value))
            case Store(buffer, index, value):
                found.append(Store(buffer, substituted(index, given), substituted(value, given)))
            case ReturnIf(condition, value):
                found.append(ReturnIf(substituted(condition, given), substituted(value, given)))
            case Draw(offset=offset, count=count):
                offset, count = substituted(offset, given), substituted(count, given)
                found.append(replace(statement, offset=offset, count=count))
            case _:
                found.append(statement)
    return found


def substituted(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """The expression where these variables have these values."""
    match expression:
        case Var(name, _):
            return values.get(name, expression)
        case Load(index=index):
            return replace(expression, index=substituted(index, values))
        case Call(operation, arguments, type):
            given = tuple(substituted(argument, values) for argument in arguments)
            numbers = [known(a) for a in given]
            if type == "int" and operation in INTEGER_ARITHMETIC and len(numbers) == 2:
                a, b = numbers
                if a is not None and b is not None:
                    return whole(INTEGER_ARITHMETIC[operation](a, b))
            if type == "int" and operation == "add":
                return given[0] + given[1]
            if type == "int" and operation == "multiply":
                return given[0] * given[1]
            return Call(operation, given, type)
    return expression


def replace_loads(body: Sequence[Statement], buffer: str, value: Expression) -> Body:
    """The statements where each number of a buffer that is read is this one."""

    def changed(expression: Expression) -> Expression:
        match expression:
            case Load(name, index, _):
                return value if name == buffer else replace(expression, index=changed(index))
            case Call(arguments=arguments):
                return replace(expression, arguments=tuple(map(changed, arguments)))
        return expression

    found: Body = []
    for statement in body:
        match statement:
            case For(body=inner):
                found.append(replace(statement, body=replace_loads(inner, buffer, value)))
            case Store(_, index, number):
                found.append(replace(statement, index=changed(index), value=changed(number)))
            case Let(_, number):
                found.append(replace(statement, value=changed(number)))
            case _:
                found.append(statement)
    return found


def without_early_returns(body: Sequence[Statement]) -> Body:
    """The statements but for those that leave early: what is not finite goes on to the end."""
    return [
        replace(statement, body=without_early_returns(statement.body))
        if isinstance(statement, For)
        else statement
        for statement in body
        if not isinstance(statement, ReturnIf)
    ]


def without_stores(body: Sequence[Statement], buffers: Collection[str]) -> Body:
    """The statements but for those that only fill these buffers, and what nothing needs then."""
    loaded = {name for _, s in placed(body) for e in expressions(s) for name in _buffers(e)}
    unasked = {*buffers} - loaded
    while True:
        read = {
            name
            for _, statement in placed(body)
            for expression in expressions(statement)
            for name in variables(expression)
            if not (isinstance(statement, Let) and statement.name == name)
        }
        left = _kept(body, unasked, read)
        if left == body:
            return left
        body = left


def _kept(body: Sequence[Statement], unasked: Collection[str], read: Collection[str]) -> Body:
    found: Body = []
    for i, statement in enumerate(body):
        kept: Statement | None = statement
        if (isinstance(statement, Store) and statement.buffer in unasked) or (
            isinstance(statement, Let) and statement.name not in read
        ):
            kept = None
        elif isinstance(statement, For):
            inner = _kept(statement.body, unasked, read)
            kept = replace(statement, body=inner) if inner else None
        if kept is not None:
            found.append(kept)
        elif found and isinstance(found[-1], Comment) and _begins_anew(body[i + 1 :]):
            found.pop()  # it told of what is gone
    return found


def _begins_anew(body: Sequence[Statement]) -> bool:
    return not body or isinstance(body[0], Comment)


def _buffers(expression: Expression) -> list[str]:
    match expression:
        case Load(buffer, index, _):
            return [buffer, *_buffers(index)]
        case Call(_, arguments, _):
            return [name for argument in arguments for name in _buffers(argument)]
    return []


def buffers_of(body: Sequence[Statement]) -> set[str]:
    """The buffers that statements read or fill."""
    found = {name for _, s in placed(body) for e in expressions(s) for name in _buffers(e)}
    for _, statement in placed(body):
        if isinstance(statement, Store | Draw):
            found.add(statement.buffer)
        if isinstance(statement, Draw):
            found.add("streams")
    return found
