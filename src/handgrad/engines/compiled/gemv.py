"""GEMV: matrix-vector products, a vector of sums at a time.

Each lane of a vector has the sum of one number of c. In the axpy form a row of memory has a term of
every sum. In the dot form it has the terms of one sum, and squares are transposed in registers.
"""

from dataclasses import dataclass

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.kernels import ceil_div, k_blocks
from handgrad.engines.compiled.ir_helpers import (
    INT,
    counted_loop,
    define_once,
    i64,
    mark_noalias,
    minimum,
)
from handgrad.engines.compiled.vectors import Vectors, element_address, offset_address
from handgrad.engines.loops.target import MAX_BLOCK_DEPTH

GROUPS = 8  # vectors of sums at once: a single one waits for the latency of its multiply-adds
FAR = 1024  # bytes: few rows whose stride is a multiple of it fit in the L1 cache


@dataclass(frozen=True)
class GemvVariant:
    """A variant of GEMV: c is one column, the matrix on the left; or one row, on the right."""

    is_column: bool
    a_transposed: bool
    b_transposed: bool
    several: bool  # more than one block of k

    @property
    def is_dot(self) -> bool:
        """True if a row of the matrix has the terms of one sum: the dot form."""
        return not self.a_transposed if self.is_column else self.b_transposed

    @property
    def name(self) -> str:
        letters = "NT"[self.a_transposed] + "NT"[self.b_transposed]
        return (
            f"product.{letters}.{'column' if self.is_column else 'row'}{'.blocks' * self.several}"
        )


class Gemv:
    """Writes a module's functions of matrix-vector products."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array = vectors.number.as_pointer()

    def product(self, variant: GemvVariant, b: ir.IRBuilder) -> None:
        """Compute the sums of each block of k, some vectors of them at a time."""
        m, n, k, left, left_width, right, right_width, result, result_width, start = b.function.args
        spare = b.alloca(self.vectors.number, i64(GROUPS * self.lanes))
        room = b.alloca(self.vectors.number, i64(MAX_BLOCK_DEPTH + 2 * self.lanes))
        sides = [
            (left, left_width, variant.a_transposed),
            (right, right_width, not variant.b_transposed),
        ]
        (matrix, width, by_k), (factors, apart, far) = sides if variant.is_column else sides[::-1]
        few, long = (n, m) if variant.is_column else (m, n)
        step, across = (result_width, i64(1)) if variant.is_column else (i64(1), result_width)
        has_start = b.icmp_signed("!=", b.ptrtoint(start, INT), i64(0))
        together = self._sums_at_once(b, width, variant.is_dot)
        parts = ceil_div(b, long, together)
        with counted_loop(b, few, name="few") as i, k_blocks(b, k, variant.several) as block:
            begin, depth, is_first = block
            numbers = element_address(
                b, factors, *((begin, apart, i) if far else (i, apart, begin))
            )
            apart = apart if far else i64(1)
            if variant.is_dot:
                numbers, apart = self._copy(b, numbers, apart, depth, room), i64(1)
            with counted_loop(b, parts, name="part") as part:
                first = b.mul(part, together)
                count = minimum(b, together, b.sub(long, first))
                begins = b.gep(start, [i if variant.is_column else first])
                begins_at_start = b.and_(is_first, has_start)
                each = not variant.is_column
                self._begin(b, spare, begins_at_start, begins, each, count)
                source = element_address(
                    b, matrix, *((begin, width, first) if by_k else (first, width, begin))
                )
                tile = self._tile(variant.is_dot)
                b.call(tile, [depth, source, width, numbers, apart, count, spare])
                target = b.gep(result, [b.add(b.mul(first, step), b.mul(i, across))])
                self._end(b, spare, target, step, is_first, count)

    def _sums_at_once(self, b: ir.IRBuilder, width: ir.Value, is_dot: bool) -> ir.Value:
        """The number of sums computed at once."""
        if not is_dot:
            return i64(GROUPS * self.lanes)
        far = self._conflicts(b, width)
        return b.select(far, i64(2 * self.lanes), i64(GROUPS // 2 * self.lanes))

    def _conflicts(self, b: ir.IRBuilder, width: ir.Value) -> ir.Value:
        """True for a row stride at which rows evict each other from the L1 cache."""
        return b.icmp_signed("==", b.srem(width, i64(FAR // self.vectors.size)), i64(0))

    def _copy(
        self, b: ir.IRBuilder, place: ir.Value, step: ir.Value, depth: ir.Value, room: ir.Value
    ) -> ir.Value:
        """Copy the numbers side by side, between vectors of -0.0, which change no sum: 0 * -0.0."""
        numbers = offset_address(b, room, self.lanes)
        with counted_loop(b, depth, name="k") as k:
            b.store(b.load(b.gep(place, [b.mul(k, step)])), b.gep(numbers, [k]))
        nothing = self.vectors.splat(b, ir.Constant(self.vectors.number, -0.0))
        for end in (room, b.gep(numbers, [depth])):
            self.vectors.store(b, nothing, end)
        return numbers

    def _begin(
        self,
        b: ir.IRBuilder,
        spare: ir.Value,
        has_start: ir.Value,
        start: ir.Value,
        each: bool,
        count: ir.Value,
    ) -> None:
        """Initialize the sums: at 0, or each at its number of the start, or all at one number."""
        for group in range(GROUPS):
            zero = ir.Constant(self.vectors.type, None)
            self.vectors.store(b, zero, offset_address(b, spare, group * self.lanes))
        with b.if_then(has_start), counted_loop(b, count, name="start") as i:
            b.store(b.load(b.gep(start, [i if each else i64(0)])), b.gep(spare, [i]))

    def _end(
        self,
        b: ir.IRBuilder,
        spare: ir.Value,
        c: ir.Value,
        step: ir.Value,
        is_first: ir.Value,
        count: ir.Value,
    ) -> None:
        """Store the sums in c, or add them to those of the blocks before."""
        with counted_loop(b, count, name="sum") as i:
            place, value = b.gep(c, [b.mul(i, step)]), b.load(b.gep(spare, [i]))
            b.store(b.select(is_first, value, b.fadd(b.load(place), value)), place)

    def _tile(self, is_dot: bool) -> ir.Function:
        """The function that adds the terms to `count` sums in temporary memory."""
        kinds = [INT, self.array, INT, self.array, INT, INT, self.array]
        write, name = (self._dot, "dot") if is_dot else (self._axpy, "axpy")
        function = define_once(self.module, f"tile.{name}", kinds, write)
        mark_noalias(function)
        return function

    def _axpy(self, b: ir.IRBuilder) -> None:
        """Axpy form: each row of memory has a term of every sum; the sums stay in registers."""
        depth, matrix, width, numbers, step, count, spare = b.function.args
        vectors = self.vectors
        parts = range(0, GROUPS * self.lanes, self.lanes)
        masks = [vectors.mask(b, b.sub(count, i64(part))) for part in parts]
        sums = [vectors.load(b, offset_address(b, spare, part)) for part in parts]
        before, inside, after = b.block, *(b.append_basic_block() for _ in range(2))
        b.branch(inside)
        b.position_at_end(inside)
        k, totals = b.phi(INT), [b.phi(vectors.type) for _ in parts]
        row = b.gep(matrix, [b.mul(k, width)])
        factor = vectors.splat(b, b.load(b.gep(numbers, [b.mul(k, step)])))
        added = []
        for part, mask, total in zip(parts, masks, totals, strict=True):
            terms = vectors.masked_load(b, offset_address(b, row, part), mask)
            added.append(vectors.fma(b, factor, terms, total))
        following = b.add(k, i64(1))
        for phi, start, value in zip(
            [k, *totals], [i64(0), *sums], [following, *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, inside)
        b.cbranch(b.icmp_signed("<", following, depth), inside, after)
        b.position_at_end(after)
        for part, value in zip(parts, added, strict=True):
            vectors.store(b, value, offset_address(b, spare, part))

    def _dot(self, b: ir.IRBuilder) -> None:
        """Dot form: each row of memory has the terms of one sum; transposes square by square.

        A partial square is copied to temporary memory first. If rows evict each other from the
        cache, squares are aligned to cache lines, so that each line is loaded once.
        """
        depth, matrix, width, numbers, _, count, spare = b.function.args
        vectors, lanes = self.vectors, self.lanes
        copy = b.alloca(vectors.number, i64(lanes * lanes))
        into_a_line = b.srem(b.ptrtoint(matrix, INT), i64(vectors.bytes))
        earlier = b.sdiv(into_a_line, i64(-vectors.size))
        begin = b.select(self._conflicts(b, width), earlier, i64(0))
        with counted_loop(b, depth, lanes, name="k", begin=begin) as k:
            factors, left = b.gep(numbers, [k]), b.sub(depth, k)
            with counted_loop(b, count, lanes, name="group") as group:
                rows = minimum(b, i64(lanes), b.sub(count, group))
                least = minimum(b, minimum(b, rows, left), b.add(k, i64(lanes)))
                is_part = b.icmp_signed("<", least, i64(lanes))
                row = element_address(b, matrix, group, width, k)
                with b.if_then(is_part), counted_loop(b, rows, name="row") as r:
                    mask = vectors.mask(b, left)
                    mask = b.and_(mask, b.not_(vectors.mask(b, b.neg(k))))
                    some = vectors.masked_load(b, element_address(b, row, r, width, i64(0)), mask)
                    vectors.store(b, some, b.gep(copy, [b.mul(r, i64(lanes))]))
                row, apart = (
                    b.select(is_part, *pair) for pair in ((copy, row), (i64(lanes), width))
                )
                places = [element_address(b, row, i64(r), apart, i64(0)) for r in range(lanes)]
                place = b.gep(spare, [group])
                total = vectors.load(b, place)
                square = vectors.transpose(b, [vectors.load(b, x) for x in places])
                for i, terms in enumerate(square):
                    factor = vectors.splat(b, b.load(offset_address(b, factors, i)))
                    total = vectors.fma(b, factor, terms, total)
                vectors.store(b, total, place)
