"""Operations of portable programs, and the functions of numbers that are printed beside them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT, Function, function
from handgrad.engines.loops.ir import (
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Num,
    ReturnIf,
    Statement,
    Store,
    Var,
    walk,
)
from handgrad.engines.loops.program import Program

# Operations that every printer writes: IEEE arithmetic, comparisons, selection.
OPERATIONS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
        *("logical_and", "logical_or", "logical_not", "where", "cast"),
        *("sqrt", "floor", "ceil", "abs", "maximum", "minimum", "isnan", "isfinite"),
    )
)
INTEGER_OPERATIONS = frozenset(
    (
        *("add", "subtract", "multiply", "negative", "maximum", "minimum", "where", "cast"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    )
)


def expressions(statement: Statement) -> list[Expression]:
    """The expressions that a plain statement reads, without those in a loop's body."""
    match statement:
        case For(begin=begin, stop=stop):
            return [begin, stop]
        case Store(_, index, value):
            return [index, value]
        case Let(_, value):
            return [value]
        case ReturnIf(condition, value):
            return [condition, value]
        case Draw(_, _, offset, count):
            return [offset, count]
        case Comment():
            return []
    raise TypeError(f"{statement} is no plain statement")


DOUBLE_SUFFIX = "_double"  # of a function's name, in a program of float32


def functions_of(program: Program) -> list[Function]:
    """The functions that a program of plain statements calls, callees before callers.

    They have the names that `called_as` gives their calls. In a program of float32 a function of
    doubles has "double" throughout.
    """
    single = bool(program.dtype == np.float32)
    functions: dict[str, Function] = {}

    def collect(expression: Expression) -> None:
        for call in _calls(expression):
            name = called_as(call, single=single)
            if name not in functions:
                made = _function(call, single=single)
                for let in made.body:
                    collect(let.value)
                collect(made.result)
                functions[name] = made

    for statement in walk(program.body):
        for expression in expressions(statement):
            collect(expression)
    return [*functions.values()]


def called_as(call: Call, *, single: bool) -> str:
    """The name of a call's function in a program of float32 (`single`) or float64."""
    return call.operation + (DOUBLE_SUFFIX if single and call.type == "double" else "")


def _function(call: Call, *, single: bool) -> Function:
    name = called_as(call, single=single)
    of_doubles = single and call.type == "double"
    written = function(call.operation, single=single and not of_doubles, fused=False)
    if not of_doubles:
        return replace(written, name=name)
    return Function(
        name,
        tuple(Var(parameter.name, "double") for parameter in written.parameters),
        tuple(Let(let.name, _in_doubles(let.value)) for let in written.body),
        _in_doubles(written.result),
    )


def _in_doubles(expression: Expression) -> Expression:
    """The expression with doubles in place of the function's own floating-point type."""
    type = "double" if expression.type == "float" else expression.type
    match expression:
        case Call(operation, arguments, _):
            return Call(operation, tuple(map(_in_doubles, arguments)), type)
        case Num() | Var():
            return replace(expression, type=type)
    raise TypeError(f"{expression!r} in a function of numbers")


def _calls(expression: Expression) -> Iterator[Call]:
    """The calls of functions in an expression."""
    if isinstance(expression, Call):
        if expression.operation in WRITTEN_OUT:
            yield expression
        for argument in expression.arguments:
            yield from _calls(argument)
    elif isinstance(expression, Load):
        yield from _calls(expression.index)
