"""Specialization of plain programs: partial evaluation for known sizes, dead-store elimination."""

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
from handgrad.engines.loops.program import Program
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
    """Substitute values for variables and fold constant integers; unrolls loops of one round."""
    changes = Counter(s.name for _, s in placed(body) if isinstance(s, Let))
    return _substitute(body, dict(values), changes)


def _substitute(
    body: Sequence[Statement], values: dict[str, Expression], changes: Counter[str]
) -> Body:
    result: Body = []
    for statement in body:
        match statement:
            case For(counter, stop, inner, step, begin):
                begin, stop = substituted(begin, values), substituted(stop, values)
                first, last = known(begin), known(stop)
                if first is not None and last is not None and first < last <= first + step:
                    values[counter] = begin
                    result += _substitute(inner, values, changes)
                elif first is None or last is None or first < last:
                    values.pop(counter, None)
                    result.append(
                        For(counter, stop, _substitute(inner, values, changes), step, begin)
                    )
            case Let(name, value):
                value = substituted(value, values)
                if known(value) is not None and changes[name] == 1:
                    values[name] = value
                else:
                    result.append(Let(name, value))
            case Store(buffer, index, value):
                result.append(Store(buffer, substituted(index, values), substituted(value, values)))
            case ReturnIf(condition, value):
                result.append(ReturnIf(substituted(condition, values), substituted(value, values)))
            case Draw(offset=offset, count=count):
                offset, count = substituted(offset, values), substituted(count, values)
                result.append(replace(statement, offset=offset, count=count))
            case _:
                result.append(statement)
    return result


def substituted(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """An expression with values substituted for variables."""
    match expression:
        case Var(name, _):
            return values.get(name, expression)
        case Load(index=index):
            return replace(expression, index=substituted(index, values))
        case Call(operation, arguments, type):
            operands = tuple(substituted(argument, values) for argument in arguments)
            numbers = [known(a) for a in operands]
            if type == "int" and operation in INTEGER_ARITHMETIC and len(numbers) == 2:
                a, b = numbers
                if a is not None and b is not None:
                    return whole(INTEGER_ARITHMETIC[operation](a, b))
            if type == "int" and operation == "add":
                return operands[0] + operands[1]
            if type == "int" and operation == "multiply":
                return operands[0] * operands[1]
            return Call(operation, operands, type)
    return expression


def replace_loads(body: Sequence[Statement], buffer: str, value: Expression) -> Body:
    """Replace each load from a buffer by a value."""

    def changed(expression: Expression) -> Expression:
        match expression:
            case Load(name, index, _):
                return value if name == buffer else replace(expression, index=changed(index))
            case Call(arguments=arguments):
                return replace(expression, arguments=tuple(map(changed, arguments)))
        return expression

    result: Body = []
    for statement in body:
        match statement:
            case For(body=inner):
                result.append(replace(statement, body=replace_loads(inner, buffer, value)))
            case Store(_, index, number):
                result.append(replace(statement, index=changed(index), value=changed(number)))
            case Let(_, number):
                result.append(replace(statement, value=changed(number)))
            case _:
                result.append(statement)
    return result


def without_early_returns(body: Sequence[Statement]) -> Body:
    """The statements without early returns, for numbers that are not finite."""
    return [
        replace(statement, body=without_early_returns(statement.body))
        if isinstance(statement, For)
        else statement
        for statement in body
        if not isinstance(statement, ReturnIf)
    ]


def of_one_row(program: Program) -> Program:
    """A prediction of a single row, without early returns and without what nothing reads."""
    body = substitute(without_early_returns(program.body), {"n_rows": whole(1)})
    return replace(program, body=without_stores(body, ()))


def without_stores(body: Sequence[Statement], buffers: Collection[str]) -> Body:
    """Dead-store elimination: remove stores to these buffers, if nothing reads them."""
    loaded = {name for _, s in placed(body) for e in expressions(s) for name in _buffers(e)}
    unread = {*buffers} - loaded
    while True:
        read = {
            name
            for _, statement in placed(body)
            for expression in expressions(statement)
            for name in variables(expression)
            if not (isinstance(statement, Let) and statement.name == name)
        }
        left = _live(body, unread, read)
        if left == body:
            return left
        body = left


def _live(body: Sequence[Statement], unread: Collection[str], read: Collection[str]) -> Body:
    result: Body = []
    for i, statement in enumerate(body):
        live: Statement | None = statement
        if (isinstance(statement, Store) and statement.buffer in unread) or (
            isinstance(statement, Let) and statement.name not in read
        ):
            live = None
        elif isinstance(statement, For):
            inner = _live(statement.body, unread, read)
            live = replace(statement, body=inner) if inner else None
        if live is not None:
            result.append(live)
        elif result and isinstance(result[-1], Comment) and _ends_section(body[i + 1 :]):
            result.pop()  # the comment of removed statements
    return result


def _ends_section(body: Sequence[Statement]) -> bool:
    return not body or isinstance(body[0], Comment)


def _buffers(expression: Expression) -> list[str]:
    match expression:
        case Load(buffer, index, _):
            return [buffer, *_buffers(index)]
        case Call(_, arguments, _):
            return [name for argument in arguments for name in _buffers(argument)]
    return []


def buffers_of(body: Sequence[Statement]) -> set[str]:
    """The buffers that statements read or write."""
    buffers = {name for _, s in placed(body) for e in expressions(s) for name in _buffers(e)}
    for _, statement in placed(body):
        if isinstance(statement, Store | Draw):
            buffers.add(statement.buffer)
        if isinstance(statement, Draw):
            buffers.add("streams")
    return buffers
