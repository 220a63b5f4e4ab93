"""Prints loop programs as Python that can be run."""

from collections.abc import Sequence

from handgrad.engines.loops.ir import (
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ParallelFor,
    Reduce,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    epilogue_loops,
    whole,
)

# Names of the types in a printed program; `number` is the dtype of the data.
TYPES: dict[Type, str] = {"float": "number", "double": "float", "int": "int", "bool": "bool"}

# Names of the reductions.
IN_LANES = {
    "add": "sum_in_lanes",
    "multiply": "product_in_lanes",
    "maximum": "maximum_in_lanes",
    "minimum": "minimum_in_lanes",
}

SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "logical_and": "and",
    "logical_or": "or",
}


def source(body: Sequence[Statement], indent: int = 0) -> list[str]:
    """Print statements as lines of Python."""
    pad = "    " * indent
    lines: list[str] = []
    for statement in body:
        match statement:
            case Comment(text):
                lines.append(f"{pad}# {text}")
            case For(counter, _, inner):
                lines.append(f"{pad}for {counter} in range({_bounds(statement)}):")
                lines += source(inner, indent + 1)
            case ParallelFor(counter, count, inner):
                lines.append(f"{pad}for {counter} in parts({count}):")
                lines += source(inner, indent + 1)
            case Store(buffer, index, value):
                place = f"{buffer}[{text_of(index)}]"
                lines.append(pad + _assignment(place, Load(buffer, index, value.type), value))
            case Let(name, value):
                lines.append(pad + _assignment(name, Var(name, value.type), value))
            case ReturnIf(condition, value):
                lines.append(f"{pad}if {text_of(condition)}:")
                lines.append(f"{pad}    return {text_of(value)}")
            case Multiply():
                lines += [f"{pad}{line}" for line in _product(statement)]
            case Reduce(name, operation, _, counters, value):
                numbers = _rows(counters, text_of(value))
                lines.append(f"{pad}{name} = {IN_LANES[operation]}({numbers})")
            case Draw(stream, buffer, offset, count):
                place = f"({buffer}, {text_of(offset)})"
                lines.append(f"{pad}draw(streams, {stream}, {text_of(count)}, {place})")
    return lines


def _assignment(place: str, before: Expression, value: Expression) -> str:
    match value:
        case Call("add", (first, more), _) if first == before:
            return f"{place} += {text_of(more)}"
    return f"{place} = {text_of(value)}"


def _rows(counters: Sequence[tuple[str, Expression]], value: str) -> str:
    """The numbers of a reduction: a list for each row of the innermost counter."""
    *outer, (inner, stop) = counters
    row = f"[{value} for {inner} in range({text_of(stop)})]"
    if not outer:
        return row
    return f"*({row} {' '.join(f'for {name} in range({text_of(size)})' for name, size in outer)})"


def _bounds(loop: For) -> str:
    stop, from_zero = text_of(loop.stop), loop.begin == whole(0)
    if loop.step != 1:
        return f"{text_of(loop.begin)}, {stop}, {loop.step}"
    return stop if from_zero else f"{text_of(loop.begin)}, {stop}"


def _product(product: Multiply) -> list[str]:
    """The call of a matrix product, and its epilogue as loops over c."""
    arguments = [*map(text_of, (product.m, product.n, product.k))]
    arguments += [*map(_matrix, (product.a, product.b, product.c))]
    if (start := product.start) is not None:
        arguments.append(f"({start.buffer}, {text_of(start.index)})")
    return [f"matrix_product({', '.join(arguments)})", *source(epilogue_loops(product))]


def _matrix(matrix: Matrix) -> str:
    fields = [matrix.buffer, text_of(matrix.offset), text_of(matrix.width), str(matrix.transposed)]
    fields += [f"{at.buffer}, {text_of(at.index)}" for at in (matrix.rows,) if at is not None]
    return f"({', '.join(fields)})"


# Precedence of operators, as in Python; operators of the same level group from the left.
PRECEDENCE = {"or": 1, "and": 2, "+": 4, "-": 4, "*": 5, "/": 5, "**": 7}
NOT, COMPARISON, SIGN = 2.5, 3, 6


def text_of(expression: Expression, around: float = 0) -> str:
    """Print an expression as Python; in parentheses if `around`, a precedence, is higher."""
    own: float
    match expression:
        case Num(value, _):
            text, own = "-inf" if value == float("-inf") else repr(value), SIGN if value < 0 else 9
        case Var(name, _):
            return name
        case Load(buffer, index, _):
            return f"{buffer}[{text_of(index)}]"
        case Call("where", (condition, a, b), _):
            text, own = f"{text_of(a, 1)} if {text_of(condition, 1)} else {text_of(b, 1)}", 0
        case Call("negative", (a,), _):
            text, own = f"-{text_of(a, SIGN + 1)}", SIGN
        case Call("logical_not", (a,), _):
            text, own = f"not {text_of(a, NOT)}", NOT
        case Call("cast", (a,), type):
            return f"{TYPES[type]}({text_of(a)})"
        case Call(operation, (a, b), _) if operation in SYMBOLS:
            symbol = SYMBOLS[operation]
            own = PRECEDENCE.get(symbol, COMPARISON)
            left = own if symbol in "+-*/" or own < COMPARISON else own + 1
            text = f"{text_of(a, left)} {symbol} {text_of(b, own + 1)}"
        case Call(operation, arguments, _):
            return f"{operation}({', '.join(map(text_of, arguments))})"
    return f"({text})" if own < around else text
