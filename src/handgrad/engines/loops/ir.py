"""The loop program: a few kinds of statement over flat buffers, which print as Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Literal

LANES = 16  # partial results, of however many numbers a processor's vectors are
CHUNK = 512  # numbers in one row of lanes, a multiple of theirs: more would lose digits
# The data's type, double, whole numbers, truth values.
Type = Literal["float", "double", "int", "bool"]


class Expression:
    """A number that the loops read or compute.

    A plain number beside one has its type. Sums and products of whole numbers are computed now,
    where they are known.
    """

    type: Type

    def beside(self, other: "Expression | float") -> "Expression":
        """A plain number as one of this type."""
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
    """The whole number that an expression is, if that is known."""
    return int(number.value) if isinstance(number, Num) and number.type == "int" else None


@dataclass(frozen=True)
class Num(Expression):
    """A constant."""

    value: float | int | bool
    type: Type


@dataclass(frozen=True)
class Var(Expression):
    """A local variable: a loop's counter, a sum in the making."""

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
    """An operation of the graph on numbers; `cast` changes the type."""

    operation: str
    arguments: tuple[Expression, ...]
    type: Type


@dataclass(frozen=True)
class For:
    """`body` for each value of the counter from `begin` up to `stop`, in steps of `step`."""

    counter: str
    stop: Expression
    body: Sequence["Statement"]
    step: int = 1
    begin: Expression = Num(0, "int")


@dataclass(frozen=True)
class ParallelFor:
    """`body` for each of `count` parts, in any order or at once: none needs what another writes."""

    counter: str
    count: int
    body: Sequence["Statement"]


@dataclass(frozen=True)
class Store:
    """Put a number into a buffer."""

    buffer: str
    index: Expression
    value: Expression


@dataclass(frozen=True)
class Let:
    """Give a local variable a value."""

    name: str
    value: Expression


@dataclass(frozen=True)
class ReturnIf:
    """Leave the function with `value` where the condition holds."""

    condition: Expression
    value: Expression


@dataclass(frozen=True)
class Matrix:
    """Part of a buffer as a matrix: rows lie `width` apart; `transposed`: columns do.

    Where there are `rows`, what lies first, second, ... is in the rows of these numbers.
    """

    buffer: str
    offset: Expression
    width: Expression
    transposed: bool = False
    rows: Load | None = None


@dataclass(frozen=True)
class Epilogue:
    """What is done with each number of a product: `sums` is that of `row` and `column`."""

    row: str
    column: str
    sums: str
    body: Sequence["Statement"]


@dataclass(frozen=True)
class Multiply:
    """c (m, n) = a (m, k) b (k, n) or start + a b; for a full batch `sizes` are m, n and k.

    The sums of each column begin at its number from `start` on. Where there is an `end`, what c
    holds afterwards is not said. `room`: from where on in scratch memory matrices may be packed.
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
    """All numbers `value`, for each value of the counters, added (or the like) to one variable.

    They go to `LANES` partial results: that at place i of the innermost counter to number
    i % LANES, of each `CHUNK` of them by itself first. At the end the second half is added to the
    first, until one is left.
    """

    name: str
    operation: str
    start: Num
    counters: Sequence[tuple[str, Expression]]
    value: Expression


@dataclass(frozen=True)
class Draw:
    """`count` random numbers from [0, 1) into a buffer; its words in `streams` move on."""

    stream: int
    buffer: str
    offset: Expression
    count: Expression


@dataclass(frozen=True)
class Comment:
    """The line of the textbook that the next statements come from."""

    text: str


Statement = For | ParallelFor | Store | Let | ReturnIf | Multiply | Reduce | Draw | Comment
Body = list[Statement]


def walk(body: Sequence[Statement]) -> Iterator[Statement]:
    """All statements, and those within their loops."""
    for statement in body:
        yield statement
        if isinstance(statement, For | ParallelFor):
            yield from walk(statement.body)


def outer_variables(body: Sequence[Statement], own: Sequence[str]) -> list[Var]:
    """The local variables from outside that statements need, in the order of their names.

    `own` are those that they are given.
    """
    used, inside = dict[str, Var](), {*own}

    def look(thing: object) -> None:
        if isinstance(thing, Var):
            used[thing.name] = thing
        elif isinstance(thing, For | Let):
            inside.add(thing.counter if isinstance(thing, For) else thing.name)
        elif isinstance(thing, Epilogue):
            inside.update((thing.row, thing.column, thing.sums))
        elif isinstance(thing, Reduce):
            inside.update((thing.name, *(counter for counter, _ in thing.counters)))
        if isinstance(thing, list | tuple):
            for part in thing:
                look(part)
        elif is_dataclass(thing):
            for name in fields(thing):
                look(getattr(thing, name.name))

    look(body)
    return [used[name] for name in sorted(used) if name not in inside]


@lru_cache(2**14)
def whole(value: int) -> Num:
    """A whole number."""
    return Num(int(value), "int")


def least(a: Expression, b: Expression) -> Expression:
    """The smaller of two whole numbers, computed now where both are known."""
    if isinstance(a, Num) and isinstance(b, Num):
        return a if a.value < b.value else b
    return Call("minimum", (a, b), "int")


def cast(expression: Expression, type: Type) -> Expression:
    """The number in another type."""
    if expression.type == type:
        return expression
    return Call("cast", (expression,), type)


def initial_sums(product: Multiply) -> Body:
    """The starts of a product's sums put into c, row by row."""
    if product.start is None:
        return []
    c, start, i, j = product.c, product.start, Var("start_i", "int"), Var("start_j", "int")
    number = Load(start.buffer, start.index + j, "float")
    place = c.offset + i * c.width + j
    return [For(i.name, product.m, [For(j.name, product.n, [Store(c.buffer, place, number)])])]


def epilogue_loops(product: Multiply) -> Body:
    """What is done with the numbers of a product that lie in c, row by row."""
    if product.epilogue is None:
        return []
    end, c = product.epilogue, product.c
    place = c.offset + Var(end.row, "int") * c.width + Var(end.column, "int")
    sums = Let(end.sums, Load(c.buffer, place, "float"))
    return [For(end.row, product.m, [For(end.column, product.n, [sums, *end.body])])]
