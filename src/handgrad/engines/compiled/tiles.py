"""Small matrix products, computed tile by tile in the vector registers of the processor.

A tile is some rows of c, one vector wide. Its sums stay in registers while k runs: each row of b
is loaded as one vector, and multiplied by one number of a for every row of the tile. The large
products of BLAS are made of such tiles too; but BLAS first looks at its arguments, copies both
matrices and may wake other threads, which takes longer than a small product itself.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    SINGLE,
    VOID,
    Write,
    counting,
    declared,
    keep_apart,
    smaller,
    whole,
    written,
)
from handgrad.engines.compiled.loops import Multiply, Num

# Measured: outside of these BLAS is as fast or faster.
LARGE_PRODUCT = 1_000_000  # multiplications
FEW_ROWS, FEW_BYTES = 6, 32  # of c, and of a row of c
MOST_COPIED = 65536  # bytes on the stack
LINE = 16  # bytes: all vectors are made of such lines, within which numbers change places fast


def vector_bytes() -> int:
    """The size of this processor's vectors; 0 if it cannot load a part of one."""
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 0


def rows_of_a_tile(m: int, most: int) -> int:
    """All rows if they fit, else the height with which the last two tiles overlap least."""
    if m <= most:
        return m
    return min(range(most, most // 2, -1), key=lambda rows: -m % rows)


class Tiles:
    """Writes the functions of a module that multiply small matrices, each of them once."""

    def __init__(self, module: Any, number: ir.Type) -> None:
        self.module, self.number = module, number
        self.size = 4 if number == SINGLE else 8
        self.bytes = vector_bytes()
        self.width = self.bytes // self.size
        self.most_rows = 20 if self.bytes == 64 else 12  # of 32 or 16 registers
        self.vector = ir.VectorType(number, max(self.width, 1))
        self.array = number.as_pointer()
        self.used = False

    def suit(self, product: Multiply) -> bool:
        """Whether tiles are faster than BLAS, and the sizes they must know are known."""
        m, n, k = product.sizes
        small = m * n * k <= LARGE_PRODUCT and m >= FEW_ROWS and n * self.size >= FEW_BYTES
        if not self.bytes or not small or not isinstance(product.n, Num):
            return False
        if not product.b.transposed:
            return True
        copied = k * self._step(n) * self.size
        return isinstance(product.k, Num) and k * self.size >= LINE and copied <= MOST_COPIED

    def _step(self, n: int) -> int:
        """How far apart the rows of b's copy lie: each begins where a vector does."""
        return -(-n // self.width) * self.width

    def function(self, product: Multiply) -> ir.Function:
        """What multiplies: a function of m, k, and of a, b and c, each with its width."""
        self.used = True
        m, n, k = product.sizes
        rows = rows_of_a_tile(m, self.most_rows)
        letters = "NT"[product.a.transposed] + "NT"[product.b.transposed]
        shape = [rows, n, *([k] if product.b.transposed else [])]
        name = ".".join(map(str, ["product", letters, *shape]))
        kinds = [INT, INT, *[self.array, INT] * 3]
        return self._written(name, kinds, partial(self._product, product, rows))

    def _written(self, name: str, arguments: Sequence[ir.Type], write: Write) -> ir.Function:
        function = written(self.module, name, arguments, write)
        keep_apart(function)
        return function

    def _product(self, product: Multiply, rows: int, b: ir.IRBuilder) -> None:
        _, n, k = product.sizes
        m, depth, left, left_width, right, right_width, result, result_width = b.function.args
        if product.b.transposed:
            copy = b.alloca(self.number, whole(k * self._step(n)))
            copy.align = self.bytes
            name, kinds = f"transposition.{n}.{k}", [self.array, INT, self.array]
            transposition = self._written(name, kinds, partial(self._transposition, n, k))
            b.call(transposition, [right, right_width, copy])
            right, right_width = copy, whole(self._step(n))
        given = (depth, left, left_width, right, right_width, result, result_width)
        with b.if_else(b.icmp_signed("<", m, whole(rows))) as (few, enough):
            for case, height in ((few, 1), (enough, rows)):
                with case:
                    self._tiling(b, height, product.a.transposed, (m, n), given)

    def _tiling(
        self,
        b: ir.IRBuilder,
        rows: int,
        transposed: bool,
        shape: tuple[ir.Value, int],
        given: Sequence[ir.Value],
    ) -> None:
        """All tiles of c. The last in a column begins so early that it ends where c does."""
        kinds = [INT, *[self.array, INT] * 3, INT]
        tile = self._written(
            f"tile.{'NT'[transposed]}.{rows}", kinds, partial(self._tile, rows, transposed)
        )
        m, n = shape
        k, left, left_width, right, right_width, result, result_width = given
        with counting(b, m, rows, "row") as i:
            row = smaller(b, i, b.sub(m, whole(rows)))
            a = b.gep(left, [row if transposed else b.mul(row, left_width)])
            c = b.gep(result, [b.mul(row, result_width)])
            with counting(b, whole(n), self.width, "column") as column:
                places = [a, left_width, b.gep(right, [column]), right_width]
                places += [b.gep(c, [column]), result_width]
                b.call(tile, [k, *places, b.sub(whole(n), column)])

    def _tile(self, rows: int, transposed: bool, b: ir.IRBuilder) -> None:
        """One tile, of which only the first `count` columns are there."""
        k, left, left_width, right, right_width, result, result_width, count = b.function.args
        mask = self._mask(b, count)
        starts = [
            b.gep(left, [whole(r) if transposed else b.mul(whole(r), left_width)])
            for r in range(rows)
        ]
        before, inside, after = b.block, *(b.append_basic_block() for _ in range(2))
        b.branch(inside)
        b.position_at_end(inside)
        position = b.phi(INT)
        sums = [b.phi(self.vector) for _ in range(rows)]
        row = self._load(b, b.gep(right, [b.mul(position, right_width)]), mask)
        along = b.mul(position, left_width) if transposed else position
        factors = [self._spread(b, b.load(b.gep(start, [along]))) for start in starts]
        added = [
            self._fma(b, factor, row, so_far) for factor, so_far in zip(factors, sums, strict=True)
        ]
        following = b.add(position, whole(1))
        for phi, value in zip([position, *sums], [following, *added], strict=True):
            phi.add_incoming(ir.Constant(phi.type, None), before)
            phi.add_incoming(value, inside)
        b.cbranch(b.icmp_signed("<", following, k), inside, after)
        b.position_at_end(after)
        for r, total in enumerate(added):
            self._store(b, total, b.gep(result, [b.mul(whole(r), result_width)]), mask)

    def _transposition(self, n: int, k: int, b: ir.IRBuilder) -> None:
        """Copy bᵀ (n, k), its rows `width` apart, to b (k, n), block by block.

        The last blocks begin so early that they end where bᵀ does; one with too few rows reads
        its last row again, for columns that no tile looks at.
        """
        source, width, target = b.function.args
        length = LINE // self.size
        line = ir.VectorType(self.number, length).as_pointer()
        with counting(b, whole(n), self.width, "column") as j:
            column = smaller(b, j, whole(max(n - self.width, 0)))
            with counting(b, whole(k), length, "row") as p:
                row = smaller(b, p, whole(k - length))
                corner = b.gep(source, [b.add(b.mul(column, width), row)])
                rows = [b.mul(whole(min(r, n - 1)), width) for r in range(self.width)]
                places = [b.bitcast(b.gep(corner, [r]), line) for r in rows]
                lines = [b.load(place, align=self.size) for place in places]
                block = [self._joined(b, lines[r::length]) for r in range(length)]
                start = b.add(b.mul(row, whole(self._step(n))), column)
                for r, vector in enumerate(self._transposed(b, block)):
                    place = b.gep(target, [b.add(start, whole(r * self._step(n)))])
                    b.store(vector, b.bitcast(place, self.vector.as_pointer()), align=self.size)

    def _joined(self, b: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
        """The parts one after another in one vector."""
        while len(parts) > 1:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            order = range(2 * parts[0].type.count)
            parts = [self._shuffled(b, one, other, order) for one, other in pairs]
        return parts[0]

    def _transposed(self, b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
        """The vectors with each square of lines transposed.

        Zipping rows i and i + half moves the highest binary digit of the row to the lowest of the
        place; after as many zips as there are digits, row and place have changed roles.
        """
        length, half = len(rows), len(rows) // 2
        orders = [
            [
                line + i + of
                for line in range(0, self.width, length)
                for i in part
                for of in (0, self.width)
            ]
            for part in (range(half), range(half, length))
        ]
        for _ in range(length.bit_length() - 1):
            pairs = zip(rows[:half], rows[half:], strict=True)
            rows = [
                self._shuffled(b, one, other, order) for one, other in pairs for order in orders
            ]
        return rows

    @staticmethod
    def _shuffled(
        b: ir.IRBuilder, one: ir.Value, other: ir.Value, order: Sequence[int]
    ) -> ir.Value:
        places = ir.Constant(ir.VectorType(INT32, len(order)), list(order))
        return b.shuffle_vector(one, other, places)

    def _spread(self, b: ir.IRBuilder, value: ir.Value) -> ir.Value:
        """A vector of one number."""
        nothing = ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined)
        first = b.insert_element(nothing, value, ir.Constant(INT32, 0))
        return self._shuffled(b, first, nothing, [0] * self.width)

    def _mask(self, b: ir.IRBuilder, count: ir.Value) -> ir.Value:
        numbered = ir.Constant(ir.VectorType(INT, self.width), list(range(self.width)))
        return b.icmp_signed("<", numbered, self._spread(b, count))

    def _fma(self, b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        return b.call(self._intrinsic("fma", self.vector, [self.vector] * 3), [x, y, z])

    def _load(self, b: ir.IRBuilder, start: ir.Value, mask: ir.Value) -> ir.Value:
        place, zero = b.bitcast(start, self.vector.as_pointer()), ir.Constant(self.vector, None)
        given = [place, ir.Constant(INT32, self.size), mask, zero]
        load = self._intrinsic("masked.load", self.vector, [x.type for x in given], ".p0")
        return b.call(load, given)

    def _store(self, b: ir.IRBuilder, value: ir.Value, start: ir.Value, mask: ir.Value) -> None:
        place = b.bitcast(start, self.vector.as_pointer())
        given = [value, place, ir.Constant(INT32, self.size), mask]
        b.call(self._intrinsic("masked.store", VOID, [x.type for x in given], ".p0"), given)

    def _intrinsic(
        self, name: str, result: ir.Type, arguments: list[ir.Type], memory: str = ""
    ) -> ir.Function:
        full = f"llvm.{name}.v{self.width}f{8 * self.size}{memory}"
        return declared(self.module, full, result, arguments)
