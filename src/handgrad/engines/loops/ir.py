"""The intermediate representation (IR) of loop programs: statements over flat buffers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Literal

LANES = 16  # partial results of a reduction, whatever the width of the vectors
CHUNK = 512  # numbers added to the lanes at a time, a multiple of LANES: more would lose digits
# float is the dtype of the data, float32 or float64.
Type = Literal["float", "double", "int", "bool"]


class Expression:
    """A scalar that the loops load or compute.

    A Python number as the other operand takes its type. Sums and products of known integers are
    folded.
    """

    type: Type

    def beside(self, other: "Expression | float") -> "Expression":
        """Convert a Python number to an expression of this type."""
        if isinstance(other, Expression):
            return other
        return Num(other, "int") if self.type == "int" else Num(float(other), self.type)

    def __add__(self, other: "Expression | float") -> "Expression":
        other = self.beside(other)
        a, b = known(self), known(other)
        if a is not None and b is not None:
            return whole(a + b)
        return other if a == 0 else self if b == 0 else Call("add", (self, other), self.type)

    def __sub__(self, other: "Expression | float") -> "Expression":
        return Call("subtract", (self, self.beside(other)), self.type)

    def __mul__(self, other: "Expression | float") -> "Expression":
        other = self.beside(other)
        a, b = known(self), known(other)
        if a is not None and b is not None:
            return whole(a * b)
        if 0 in (a, b):
            return whole(0)
        return other if a == 1 else self if b == 1 else Call("multiply", (self, other), self.type)

    def __truediv__(self, other: "Expression | float") -> "Expression":
        return Call("divide", (self, self.beside(other)), self.type)

    def __radd__(self, other: float) -> "Expression":
        return self.beside(other) + self

    def __rsub__(self, other: float) -> "Expression":
        return self.beside(other) - self

    def __rmul__(self, other: float) -> "Expression":
        return self.beside(other) * self

    def __rtruediv__(self, other: float) -> "Expression":
        return self.beside(other) / self

    def __neg__(self) -> "Expression":
        return Call("negative", (self,), self.type)

    def __lt__(self, other: "Expression | float") -> "Expression":
        return Call("less", (self, self.beside(other)), "bool")

    def __gt__(self, other: "Expression | float") -> "Expression":
        return Call("greater", (self, self.beside(other)), "bool")

    def __and__(self, other: "Expression") -> "Expression":
        return Call("logical_and", (self, other), "bool")

    def __or__(self, other: "Expression") -> "Expression":
        return Call("logical_or", (self, other), "bool")

    def __invert__(self) -> "Expression":
        return Call("logical_not", (self,), "bool")


def known(number: Expression) -> int | None:
    """The value of an integer constant; None for other expressions."""
    return int(number.value) if isinstance(number, Num) and number.type == "int" else None


@dataclass(frozen=True)
class Num(Expression):
    """A constant."""

    value: float | int | bool
    type: Type


@dataclass(frozen=True)
class Var(Expression):
    """A local variable, such as a loop counter or an accumulator."""

    name: str
    type: Type


@dataclass(frozen=True)
class Load(Expression):
    """One number of a buffer."""

    buffer: str
    index: Expression
    type: Type


@dataclass(frozen=True)
class Call(Expression):
    """An operation of the graph on scalars; `cast` changes the type."""

    operation: str
    arguments: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True)
class For:
    """A for loop: `counter` runs from `begin` to below `stop`, in steps of `step`."""

    counter: str
    stop: Expression
    body: Sequence["Statement"]
    step: int = 1
    begin: Expression = Num(0, "int")


@dataclass(frozen=True)
class ParallelFor:
    """A parallel loop over `count` parts: none reads what another writes."""

    counter: str
    count: int
    body: Sequence["Statement"]


@dataclass(frozen=True)
class Store:
    """Store a scalar in a buffer."""

    buffer: str
    index: Expression
    value: Expression


@dataclass(frozen=True)
class Let:
    """Assign to a local variable."""

    name: str
    value: Expression


@dataclass(frozen=True)
class ReturnIf:
    """Return `value` from the function if the condition holds."""

    condition: Expression
    value: Expression


@dataclass(frozen=True)
class Matrix:
    """Part of a buffer as a matrix with row stride `width`; `transposed`: column stride.

    With `rows` the rows (or columns) are gathered: number i is at the i-th index from `rows` on.
    """

    buffer: str
    offset: Expression
    width: Expression
    transposed: bool = False
    rows: Load | None = None


@dataclass(frozen=True)
class Epilogue:
    """The epilogue of a product: `body` runs for the number `sums` at each `row` and `column`."""

    row: str
    column: str
    sums: str
    body: Sequence["Statement"]


@dataclass(frozen=True)
class Multiply:
    """Matrix product c (m, n) = a (m, k) b (k, n), or start + a b.

    Parameters
    ----------
    m, n, k : Expression
        Sizes.
    a, b, c : Matrix
        Operands and result. With an `epilogue` the content of c is unspecified afterwards.
    sizes : tuple of int
        m, n and k of a full batch.
    start : Load, optional
        First initial value of the sums; the n columns have one each.
    epilogue : Epilogue, optional
        Runs for each number of the result.
    workspace : Load, optional
        Scratch memory for packed matrices.
    """

    m: Expression
    n: Expression
    k: Expression
    a: Matrix
    b: Matrix
    c: Matrix
    sizes: tuple[int, int, int]
    start: Load | None = None
    epilogue: Epilogue | None = None
    workspace: Load | None = None


@dataclass(frozen=True)
class Reduce:
    """A reduction of `value` over all counters to one variable, in a fixed order.

    `LANES` partial results: index i of the innermost counter goes to lane i % LANES, for each
    `CHUNK` of numbers separately. At the end, the second half of the lanes is added to the first
    until one is left.
    """

    name: str
    operation: str
    start: Num
    counters: Sequence[tuple[str, Expression]]
    value: Expression


@dataclass(frozen=True)
class Draw:
    """Draw `count` random numbers from [0, 1) into a buffer; advances the state in `streams`."""

    stream: int
    buffer: str
    offset: Expression
    count: Expression


@dataclass(frozen=True)
class Comment:
    """A comment: the source line of the next statements."""

    text: str


Statement = For | ParallelFor | Store | Let | ReturnIf | Multiply | Reduce | Draw | Comment
Body = list[Statement]


def walk(body: Sequence[Statement]) -> Iterator[Statement]:
    """Yield all statements, including those within loops."""
    for statement in body:
        yield statement
        if isinstance(statement, For | ParallelFor):
            yield from walk(statement.body)


def parts_of(thing: object) -> Iterator[object]:
    """Yield a statement or an expression, or several, and all within them."""
    if isinstance(thing, list | tuple):
        for part in thing:
            yield from parts_of(part)
    elif is_dataclass(thing):
        yield thing
        for name in fields(thing):
            yield from parts_of(getattr(thing, name.name))


def outer_names(body: Sequence[Statement], own: Sequence[str]) -> tuple[set[str], list[Var]]:
    """The buffers of statements, and their free variables except `own`, sorted by name."""
    buffers, used, inside = set[str](), dict[str, Var](), {*own}
    for part in parts_of(body):
        match part:
            case Var(name):
                used[name] = part
            case For(counter=name) | ParallelFor(counter=name) | Let(name=name):
                inside.add(name)
            case Epilogue():
                inside.update((part.row, part.column, part.sums))
            case Reduce(name=name, counters=counters):
                inside.update((name, *(counter for counter, _ in counters)))
            case Draw():
                buffers.update((part.buffer, "streams"))
            case Load() | Store() | Matrix():
                buffers.add(part.buffer)
    return buffers, [used[name] for name in sorted(used) if name not in inside]


@lru_cache(2**14)
def whole(value: int) -> Num:
    """An integer constant."""
    return Num(int(value), "int")


def least(a: Expression, b: Expression) -> Expression:
    """The minimum of two integers, folded if both are known."""
    if isinstance(a, Num) and isinstance(b, Num):
        return a if a.value < b.value else b
    return Call("minimum", (a, b), "int")


def cast(expression: Expression, type: Type) -> Expression:
    """Convert an expression to another type."""
    if expression.type == type:
        return expression
    return Call("cast", (expression,), type)


def initial_sums(product: Multiply) -> Body:
    """The loops that store the initial values of a product's sums in c."""
    if product.start is None:
        return []
    c, start, i, j = product.c, product.start, Var("start_i", "int"), Var("start_j", "int")
    number = Load(start.buffer, start.index + j, "float")
    place = c.offset + i * c.width + j
    return [For(i.name, product.m, [For(j.name, product.n, [Store(c.buffer, place, number)])])]


def epilogue_loops(product: Multiply) -> Body:
    """The epilogue of a product as loops over c."""
    if product.epilogue is None:
        return []
    end, c = product.epilogue, product.c
    place = c.offset + Var(end.row, "int") * c.width + Var(end.column, "int")
    sums = Let(end.sums, Load(c.buffer, place, "float"))
    return [For(end.row, product.m, [For(end.column, product.n, [sums, *end.body])])]
