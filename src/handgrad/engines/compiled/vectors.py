"""Vectors of numbers in LLVM's intermediate representation: loads, stores, squares that turn."""

from collections.abc import Sequence

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    SINGLE,
    VOID,
    declared,
    rounds_once,
    whole,
)

LINE = 16  # bytes: all vectors are made of such lines, within which numbers change places fast


def vector_bytes() -> int:
    """The size of this processor's vectors; 0 if it does not multiply and add in one."""
    features = binding.get_host_cpu_features()
    if not rounds_once():
        return 0
    return 64 if features.get("avx512f") else 32 if features.get("avx") else LINE


class Vectors:
    """Writes what a module does with vectors of `lanes` numbers."""

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
        """Which numbers of a vector are there if `count` are."""
        numbered = ir.Constant(ir.VectorType(INT, self.lanes), list(range(self.lanes)))
        return b.icmp_signed("<", numbered, self.spread(b, count))

    def load_some(self, b: ir.IRBuilder, place: ir.Value, mask: ir.Value) -> ir.Value:
        """The numbers that the mask names, 0 for the others, which are not looked at."""
        start, zero = b.bitcast(place, self.type.as_pointer()), ir.Constant(self.type, None)
        given = [start, ir.Constant(INT32, self.size), mask, zero]
        load = self._intrinsic("masked.load", self.type, [x.type for x in given], ".p0")
        return b.call(load, given)

    def store_some(self, b: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value) -> None:
        start = b.bitcast(place, self.type.as_pointer())
        given = [value, start, ir.Constant(INT32, self.size), mask]
        b.call(self._intrinsic("masked.store", VOID, [x.type for x in given], ".p0"), given)

    def spread(self, b: ir.IRBuilder, value: ir.Value) -> ir.Value:
        """A vector of one number."""
        nothing = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        first = b.insert_element(nothing, value, ir.Constant(INT32, 0))
        return shuffled(b, first, nothing, [0] * self.lanes)

    def fma(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        return b.call(self._intrinsic("fma", self.type, [self.type] * 3), [x, y, z])

    def square(self, b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
        """As many rows as a vector has lanes, transposed: in the lines, then these as they lie."""
        length = LINE // self.size
        groups = [self.lines(b, rows[i : i + length]) for i in range(0, self.lanes, length)]
        columns = [self._gathered(b, list(vectors)) for vectors in zip(*groups, strict=True)]
        return [vector for vectors in zip(*columns, strict=True) for vector in vectors]

    def lines(self, b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
        """The vectors with each square of lines transposed.

        Zipping rows i and i + half moves the highest binary digit of the row to the lowest of the
        place; after as many zips as there are digits, row and place have changed roles.
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

    def _gathered(self, b: ir.IRBuilder, vectors: list[ir.Value]) -> list[ir.Value]:
        """Of each vector its first line; of each its second; and so on."""
        if len(vectors) == 1:
            return vectors
        halves = []
        length = LINE // self.size
        for first in (0, length):
            lines = range(first, 2 * self.lanes, 2 * length)
            order = [line + i for line in lines for i in range(length)]
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            halves.append(self._gathered(b, [shuffled(b, x, y, order) for x, y in pairs]))
        return [vector for pair in zip(*halves, strict=True) for vector in pair]

    def _intrinsic(
        self, name: str, result: ir.Type, arguments: list[ir.Type], memory: str = ""
    ) -> ir.Function:
        full = f"llvm.{name}.v{self.lanes}f{8 * self.size}{memory}"
        return declared(self.module, full, result, arguments)


def shuffled(b: ir.IRBuilder, one: ir.Value, other: ir.Value, order: Sequence[int]) -> ir.Value:
    """The numbers of two vectors, one after another, in this order."""
    places = ir.Constant(ir.VectorType(INT32, len(order)), list(order))
    return b.shuffle_vector(one, other, places)


def joined(b: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    """The vectors one after another in one."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        order = range(2 * parts[0].type.count)
        parts = [shuffled(b, one, other, order) for one, other in pairs]
    return parts[0]


def corner(
    b: ir.IRBuilder, start: ir.Value, row: ir.Value, width: ir.Value, column: ir.Value
) -> ir.Value:
    """The place of a number of a matrix whose rows lie `width` apart."""
    return b.gep(start, [b.add(b.mul(row, width), column)])


def at(b: ir.IRBuilder, place: ir.Value, offset: int) -> ir.Value:
    """The place so many numbers further."""
    return b.gep(place, [whole(offset)])
