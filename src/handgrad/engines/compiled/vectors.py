"""Vectors in LLVM IR: loads, stores, transposes, and reductions.

A reduction keeps partial results in the lanes of a vector and combines them at the end by halves.
Its vector has the same number of lanes on every processor, so each sum has the same order.
"""

from collections.abc import Sequence

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    NO_UNROLL,
    SINGLE,
    VOID,
    LoopHint,
    counted_loop,
    declared,
    has_fma,
    i64,
    select_extreme,
)
from handgrad.engines.loops.ir import LANES, Call, Expression, Num, Var

LINE = 16  # bytes: vectors consist of such lines, and shuffles within a line are fast


def vector_bytes() -> int:
    """The size of this processor's vectors in bytes; 0 without fused multiply-add."""
    features = binding.get_host_cpu_features()
    if not has_fma():
        return 0
    return 64 if features.get("avx512f") else 32 if features.get("avx") else LINE


class Vectors:
    """Operations of a module on vectors of `lanes` numbers."""

    def __init__(self, module: ir.Module, number: ir.Type, size_in_bytes: int) -> None:
        self.module, self.number, self.bytes = module, number, size_in_bytes
        self.size = 4 if number == SINGLE else 8
        self.lanes = size_in_bytes // self.size
        self.type = ir.VectorType(number, max(self.lanes, 1))

    def load(self, b: ir.IRBuilder, place: ir.Value) -> ir.Value:
        return b.load(b.bitcast(place, self.type.as_pointer()), align=self.size)

    def store(self, b: ir.IRBuilder, value: ir.Value, place: ir.Value) -> None:
        b.store(value, b.bitcast(place, self.type.as_pointer()), align=self.size)

    def mask(self, b: ir.IRBuilder, count: ir.Value) -> ir.Value:
        """A mask of the first `count` lanes."""
        numbered = ir.Constant(ir.VectorType(INT, self.lanes), list(range(self.lanes)))
        return b.icmp_signed("<", numbered, self.splat(b, count))

    def masked_load(self, b: ir.IRBuilder, place: ir.Value, mask: ir.Value) -> ir.Value:
        """Load the masked numbers; the others are 0 and their memory is not read."""
        start, zero = b.bitcast(place, self.type.as_pointer()), ir.Constant(self.type, None)
        arguments = [start, ir.Constant(INT32, self.size), mask, zero]
        load = self._intrinsic("masked.load", self.type, [x.type for x in arguments], ".p0")
        return b.call(load, arguments)

    def masked_store(
        self, b: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value
    ) -> None:
        start = b.bitcast(place, self.type.as_pointer())
        arguments = [value, start, ir.Constant(INT32, self.size), mask]
        store = self._intrinsic("masked.store", VOID, [x.type for x in arguments], ".p0")
        b.call(store, arguments)

    def splat(self, b: ir.IRBuilder, value: ir.Value) -> ir.Value:
        """A vector with the number in each lane."""
        nothing = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        first = b.insert_element(nothing, value, ir.Constant(INT32, 0))
        return shuffled(b, first, nothing, [0] * self.lanes)

    def fma(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        return b.call(self._intrinsic("fma", self.type, [self.type] * 3), [x, y, z])

    def transpose(self, b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
        """Transpose a square of vectors: within lines first, then the lines themselves."""
        length = LINE // self.size
        groups = [
            self.transpose_lines(b, rows[i : i + length]) for i in range(0, self.lanes, length)
        ]
        columns = [self._lines_in_order(b, list(vectors)) for vectors in zip(*groups, strict=True)]
        return [vector for vectors in zip(*columns, strict=True) for vector in vectors]

    def transpose_lines(self, b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
        """Transpose each square of lines.

        Interleaving rows i and i + half moves the highest bit of the row index to the lowest bit of
        the lane index; after as many rounds as there are bits, the two have changed roles.
        """
        length, half = len(rows), len(rows) // 2
        both, starts = (0, self.lanes), range(0, self.lanes, length)
        orders = [
            [line + i + of for line in starts for i in part for of in both]
            for part in (range(half), range(half, length))
        ]
        for _ in range(length.bit_length() - 1):
            pairs = zip(rows[:half], rows[half:], strict=True)
            rows = [shuffled(b, one, other, order) for one, other in pairs for order in orders]
        return rows

    def _lines_in_order(self, b: ir.IRBuilder, vectors: list[ir.Value]) -> list[ir.Value]:
        """The first line of each vector, then the second of each, and so on."""
        if len(vectors) == 1:
            return vectors
        halves = []
        length = LINE // self.size
        for first in (0, length):
            lines = range(first, 2 * self.lanes, 2 * length)
            order = [line + i for line in lines for i in range(length)]
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            halves.append(self._lines_in_order(b, [shuffled(b, x, y, order) for x, y in pairs]))
        return [vector for pair in zip(*halves, strict=True) for vector in pair]

    def _intrinsic(
        self, name: str, result: ir.Type, arguments: list[ir.Type], memory: str = ""
    ) -> ir.Function:
        full = f"llvm.{name}.v{self.lanes}f{8 * self.size}{memory}"
        return declared(self.module, full, result, arguments)


def shuffled(b: ir.IRBuilder, one: ir.Value, other: ir.Value, order: Sequence[int]) -> ir.Value:
    """Shuffle the numbers of two vectors: `order` indexes their concatenation."""
    places = ir.Constant(ir.VectorType(INT32, len(order)), list(order))
    return b.shuffle_vector(one, other, places)


def concatenated(b: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    """Concatenate vectors."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        order = range(2 * parts[0].type.count)
        parts = [shuffled(b, one, other, order) for one, other in pairs]
    return parts[0]


def element_address(
    b: ir.IRBuilder, start: ir.Value, row: ir.Value, width: ir.Value, column: ir.Value
) -> ir.Value:
    """The address of an element of a matrix whose row stride is `width`."""
    return b.gep(start, [b.add(b.mul(row, width), column)])


def offset_address(b: ir.IRBuilder, place: ir.Value, offset: int) -> ir.Value:
    """The address `offset` numbers further."""
    return b.gep(place, [i64(offset)])


MOST_UNROLLED = 8 * LANES  # numbers


class VectorReduction:
    """Reduction of numbers in memory, chunk by chunk, in the lanes of two variables."""

    def __init__(
        self, b: ir.IRBuilder, variables: Sequence[ir.Value], operation: str, start: float
    ) -> None:
        self.b, self.operation = b, operation
        self.total, self.chunk = variables
        self.vector = self.total.type.pointee
        self.start = ir.Constant(self.vector, [start] * LANES)
        b.store(self.start, self.total)

    def add_chunk(self, numbers: ir.Value, count: ir.Value) -> None:
        """Reduce a chunk of `count` numbers; the first goes to the first lane."""
        b, known = self.b, _constant(count)
        b.store(self.start, self.chunk)
        full = b.and_(count, i64(-LANES)) if known is None else i64(known // LANES * LANES)
        if known is None or known >= LANES:
            with counted_loop(b, full, LANES, hints=_hints(known)) as i:
                self._add(self.chunk, self._load(b.gep(numbers, [i])))
        if known is None or known % LANES:
            rest = b.sub(count, full) if known is None else i64(known % LANES)
            self._add(self.chunk, self._load_first(b.gep(numbers, [full]), rest))
        self._add(self.total, b.load(self.chunk))

    def add_padded_chunk(self, numbers: ir.Value, count: ir.Value) -> None:
        """Reduce a chunk in memory of our own, which has room for a vector beyond its end."""
        b, known = self.b, _constant(count)
        b.store(self.start, self.chunk)
        if known is None or known % LANES:
            place = b.bitcast(b.gep(numbers, [count]), self.vector.as_pointer())
            b.store(self.start, place, align=self._size())
        with counted_loop(b, count, LANES, hints=_hints(known)) as i:
            self._add(self.chunk, self._load(b.gep(numbers, [i])))
        self._add(self.total, b.load(self.chunk))

    def result(self) -> ir.Value:
        """Combine all lanes to one number."""
        b, value = self.b, self.b.load(self.total)
        half = LANES // 2
        while half:
            low, high = (
                b.shuffle_vector(value, value, _indices(range(begin, begin + half)))
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
        return select_extreme(self.b, ">" if self.operation == "maximum" else "<", x, y)

    def _size(self) -> int:
        return 4 if self.vector.element == SINGLE else 8

    def _load(self, start: ir.Value) -> ir.Value:
        place = self.b.bitcast(start, self.vector.as_pointer())
        return self.b.load(place, align=self._size())

    def _load_first(self, start: ir.Value, count: ir.Value) -> ir.Value:
        """Load `count` numbers; the other lanes have the operation's neutral element."""
        b, numbered = self.b, ir.Constant(ir.VectorType(INT, LANES), list(range(LANES)))
        nothing = ir.Constant(numbered.type, ir.Undefined)
        first = b.insert_element(nothing, count, ir.Constant(INT32, 0))
        counts = b.shuffle_vector(first, nothing, _indices([0] * LANES))
        place = b.bitcast(start, self.vector.as_pointer())
        size, mask = ir.Constant(INT32, self._size()), b.icmp_signed("<", numbered, counts)
        arguments = [place, size, mask, self.start]
        name = f"llvm.masked.load.v{LANES}f{8 * self._size()}.p0"
        load = declared(b.module, name, self.vector, [x.type for x in arguments])
        return b.call(load, arguments)


def _hints(count: int | None) -> Sequence[LoopHint]:
    """The hints of a loop over `count` numbers: LLVM unrolls a short one."""
    return [NO_UNROLL] if count is None or count > MOST_UNROLLED else []


def _constant(count: ir.Value) -> int | None:
    return int(count.constant) if isinstance(count, ir.Constant) else None


def _indices(lanes: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(INT32, len(lanes)), list(lanes))


def stride_of(index: Expression, counter: str) -> int | None:
    """The change of an index when the counter grows by one; None if it is not constant."""
    match index:
        case Num():
            return 0
        case Var(name, _):
            return int(name == counter)
        case Call("add", (x, y), _):
            strides = stride_of(x, counter), stride_of(y, counter)
            return None if None in strides else sum(stride or 0 for stride in strides)
        case Call("multiply", (x, y), _):
            return 0 if stride_of(x, counter) == 0 == stride_of(y, counter) else None
    return None
