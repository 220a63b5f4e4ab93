"""Sums in lanes: partial results side by side in a vector, joined at the end in halves.

The vector has the same number of lanes on every processor, and so each sum the same order.
"""

from collections.abc import Sequence

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    AS_IT_STANDS,
    INT,
    INT32,
    SINGLE,
    Mark,
    counting,
    declared,
    extreme,
    whole,
)
from handgrad.engines.loops.ir import LANES, Call, Expression, Num, Var

MOST_UNROLLED = 8 * LANES  # numbers


class Lanes:
    """Partial results of an operation, of all numbers and of a chunk, in variables."""

    def __init__(
        self, b: ir.IRBuilder, variables: Sequence[ir.Value], operation: str, start: float
    ) -> None:
        self.b, self.operation = b, operation
        self.total, self.chunk = variables
        self.vector = self.total.type.pointee
        self.start = ir.Constant(self.vector, [start] * LANES)
        b.store(self.start, self.total)

    def take(self, numbers: ir.Value, count: ir.Value) -> None:
        """A chunk of that many numbers in memory; the first goes to the first lane."""
        b, known = self.b, _known(count)
        b.store(self.start, self.chunk)
        full = b.and_(count, whole(-LANES)) if known is None else whole(known // LANES * LANES)
        if known is None or known >= LANES:
            with counting(b, full, LANES, marks=_marks(known)) as i:
                self._add(self.chunk, self._load(b.gep(numbers, [i])))
        if known is None or known % LANES:
            rest = b.sub(count, full) if known is None else whole(known % LANES)
            self._add(self.chunk, self._part(b.gep(numbers, [full]), rest))
        self._add(self.total, b.load(self.chunk))

    def take_own(self, numbers: ir.Value, count: ir.Value) -> None:
        """The same of memory of our own, beyond whose end there is room for a vector."""
        b, known = self.b, _known(count)
        b.store(self.start, self.chunk)
        if known is None or known % LANES:
            place = b.bitcast(b.gep(numbers, [count]), self.vector.as_pointer())
            b.store(self.start, place, align=self._size())
        with counting(b, count, LANES, marks=_marks(known)) as i:
            self._add(self.chunk, self._load(b.gep(numbers, [i])))
        self._add(self.total, b.load(self.chunk))

    def joined(self) -> ir.Value:
        """The one result of all lanes."""
        b, value = self.b, self.b.load(self.total)
        half = LANES // 2
        while half:
            low, high = (
                b.shuffle_vector(value, value, _whole_numbers(range(begin, begin + half)))
                for begin in (0, half)
            )
            value = self._combined(low, high)
            half //= 2
        return b.extract_element(value, ir.Constant(INT32, 0))

    def _add(self, variable: ir.Value, numbers: ir.Value) -> None:
        self.b.store(self._combined(self.b.load(variable), numbers), variable)

    def _combined(self, x: ir.Value, y: ir.Value) -> ir.Value:
        if self.operation == "add":
            return self.b.fadd(x, y)
        if self.operation == "multiply":
            return self.b.fmul(x, y)
        return extreme(self.b, ">" if self.operation == "maximum" else "<", x, y)

    def _size(self) -> int:
        return 4 if self.vector.element == SINGLE else 8

    def _load(self, start: ir.Value) -> ir.Value:
        place = self.b.bitcast(start, self.vector.as_pointer())
        return self.b.load(place, align=self._size())

    def _part(self, start: ir.Value, count: ir.Value) -> ir.Value:
        """As many numbers as there are; in the other lanes, what changes nothing."""
        b, numbered = self.b, ir.Constant(ir.VectorType(INT, LANES), list(range(LANES)))
        nothing = ir.Constant(numbered.type, ir.Undefined)
        first = b.insert_element(nothing, count, ir.Constant(INT32, 0))
        counts = b.shuffle_vector(first, nothing, _whole_numbers([0] * LANES))
        place = b.bitcast(start, self.vector.as_pointer())
        size, mask = ir.Constant(INT32, self._size()), b.icmp_signed("<", numbered, counts)
        given = [place, size, mask, self.start]
        name = f"llvm.masked.load.v{LANES}f{8 * self._size()}.p0"
        return b.call(declared(b.module, name, self.vector, [x.type for x in given]), given)


def _marks(count: int | None) -> Sequence[Mark]:
    """LLVM unrolls a loop of few rounds."""
    return [AS_IT_STANDS] if count is None or count > MOST_UNROLLED else []


def _known(count: ir.Value) -> int | None:
    return int(count.constant) if isinstance(count, ir.Constant) else None


def _whole_numbers(places: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(INT32, len(places)), list(places))


def step_of(index: Expression, counter: str) -> int | None:
    """How far an index moves on when the counter does by one; None where that is not known."""
    match index:
        case Num():
            return 0
        case Var(name, _):
            return int(name == counter)
        case Call("add", (x, y), _):
            steps = step_of(x, counter), step_of(y, counter)
            return None if None in steps else sum(step or 0 for step in steps)
        case Call("multiply", (x, y), _):
            return 0 if step_of(x, counter) == 0 == step_of(y, counter) else None
    return None
