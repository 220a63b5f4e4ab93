"""What the expressions of a portable program are made of, and where they stand."""

from handgrad.engines.loops.ir import (
    Comment,
    Draw,
    Expression,
    For,
    Let,
    ReturnIf,
    Statement,
    Store,
)

# What every printer writes in its language: IEEE's arithmetic, and what follows from comparisons.
OPERATIONS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "negative"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
        *("logical_and", "logical_or", "logical_not", "where", "cast"),
        *("sqrt", "floor", "ceil", "abs", "maximum", "minimum", "isnan", "isfinite"),
    )
)
OF_WHOLE_NUMBERS = frozenset(
    (
        *("add", "subtract", "multiply", "negative", "maximum", "minimum", "where", "cast"),
        *("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    )
)


def expressions(statement: Statement) -> list[Expression]:
    """What a plain statement reads, but for what stands in its loop."""
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
