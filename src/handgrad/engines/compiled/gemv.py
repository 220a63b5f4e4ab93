"""Products with one row or column: a matrix times some numbers, a vector of sums at a time.

Each lane of a vector has the sum of one number of c. Where the matrix lies so that a row of memory
has the terms of one sum, squares of it are turned in registers.
"""

from dataclasses import dataclass

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.blocks import each_block, upwards
from handgrad.engines.compiled.ir_helpers import INT, counting, keep_apart, smaller, whole, written
from handgrad.engines.compiled.vectors import Vectors, at, corner
from handgrad.engines.loops.target import MAX_BLOCK_DEPTH

GROUPS = 8  # vectors of sums under way at once: one alone waits for its multiply-adds
FAR = 1024  # bytes: of rows that are a multiple of it apart few fit into the first cache at once


@dataclass(frozen=True)
class Thin:
    """A product whose c is one column, or one row: its matrix is the left or the right one."""

    is_column: bool
    a_transposed: bool
    b_transposed: bool
    several: bool  # blocks of k

    @property
    def turned(self) -> bool:
        """Whether a row of the matrix has the terms of one sum."""
        return not self.a_transposed if self.is_column else self.b_transposed

    @property
    def name(self) -> str:
        letters = "NT"[self.a_transposed] + "NT"[self.b_transposed]
        return (
            f"product.{letters}.{'column' if self.is_column else 'row'}{'.blocks' * self.several}"
        )


class ThinProducts:
    """Writes what thin products of a module need."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array = vectors.number.as_pointer()

    def product(self, thin: Thin, b: ir.IRBuilder) -> None:
        """For each column of c, or row, and each block of k: the sums, some vectors at a time."""
        m, n, k, left, left_width, right, right_width, result, result_width, start = b.function.args
        spare = b.alloca(self.vectors.number, whole(GROUPS * self.lanes))
        room = b.alloca(self.vectors.number, whole(MAX_BLOCK_DEPTH + 2 * self.lanes))
        sides = [(left, left_width, thin.a_transposed), (right, right_width, not thin.b_transposed)]
        (matrix, width, by_k), (factors, apart, far) = sides if thin.is_column else sides[::-1]
        few, long = (n, m) if thin.is_column else (m, n)
        step, across = (result_width, whole(1)) if thin.is_column else (whole(1), result_width)
        has_start = b.icmp_signed("!=", b.ptrtoint(start, INT), whole(0))
        together = self._together(b, width, thin.turned)
        parts = upwards(b, long, together)
        with counting(b, few, name="few") as i, each_block(b, k, thin.several) as block:
            begin, depth, is_first = block
            numbers = corner(b, factors, *((begin, apart, i) if far else (i, apart, begin)))
            apart = apart if far else whole(1)
            if thin.turned:
                numbers, apart = self._copy(b, numbers, apart, depth, room), whole(1)
            with counting(b, parts, name="part") as part:
                first = b.mul(part, together)
                count = smaller(b, together, b.sub(long, first))
                begins = b.gep(start, [i if thin.is_column else first])
                given = b.and_(is_first, has_start)
                self._begin(b, spare, given, begins, not thin.is_column, count)
                there = corner(
                    b, matrix, *((begin, width, first) if by_k else (first, width, begin))
                )
                b.call(self._tile(thin.turned), [depth, there, width, numbers, apart, count, spare])
                there = b.gep(result, [b.add(b.mul(first, step), b.mul(i, across))])
                self._end(b, spare, there, step, is_first, count)

    def _together(self, b: ir.IRBuilder, width: ir.Value, turned: bool) -> ir.Value:
        """How many sums are under way at once."""
        if not turned:
            return whole(GROUPS * self.lanes)
        far = self._drive_out(b, width)
        return b.select(far, whole(2 * self.lanes), whole(GROUPS // 2 * self.lanes))

    def _drive_out(self, b: ir.IRBuilder, width: ir.Value) -> ir.Value:
        """Whether rows lie so far apart that they drive each other out of the first cache."""
        return b.icmp_signed("==", b.srem(width, whole(FAR // self.vectors.size)), whole(0))

    def _copy(
        self, b: ir.IRBuilder, place: ir.Value, step: ir.Value, depth: ir.Value, room: ir.Value
    ) -> ir.Value:
        """The numbers side by side, between vectors of -0.0: to add 0 * -0.0 changes no sum."""
        numbers = at(b, room, self.lanes)
        with counting(b, depth, name="k") as k:
            b.store(b.load(b.gep(place, [b.mul(k, step)])), b.gep(numbers, [k]))
        nothing = self.vectors.spread(b, ir.Constant(self.vectors.number, -0.0))
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
        """The sums begin at 0, or at a number of the start each, or all of them at one."""
        for group in range(GROUPS):
            zero = ir.Constant(self.vectors.type, None)
            self.vectors.store(b, zero, at(b, spare, group * self.lanes))
        with b.if_then(has_start), counting(b, count, name="start") as i:
            b.store(b.load(b.gep(start, [i if each else whole(0)])), b.gep(spare, [i]))

    def _end(
        self,
        b: ir.IRBuilder,
        spare: ir.Value,
        c: ir.Value,
        step: ir.Value,
        is_first: ir.Value,
        count: ir.Value,
    ) -> None:
        """Put the sums to c, or add them to what the blocks before left there."""
        with counting(b, count, name="sum") as i:
            place, value = b.gep(c, [b.mul(i, step)]), b.load(b.gep(spare, [i]))
            b.store(b.select(is_first, value, b.fadd(b.load(place), value)), place)

    def _tile(self, turned: bool) -> ir.Function:
        """Adds to `count` sums in spare memory their terms."""
        kinds = [INT, self.array, INT, self.array, INT, INT, self.array]
        write, name = (self._turned, "turned") if turned else (self._straight, "straight")
        function = written(self.module, f"tile.{name}", kinds, write)
        keep_apart(function)
        return function

    def _straight(self, b: ir.IRBuilder) -> None:
        """Where each row of memory has a term of every sum: the sums stay in registers."""
        depth, matrix, width, numbers, step, count, spare = b.function.args
        vectors = self.vectors
        parts = range(0, GROUPS * self.lanes, self.lanes)
        masks = [vectors.mask(b, b.sub(count, whole(part))) for part in parts]
        sums = [vectors.load(b, at(b, spare, part)) for part in parts]
        before, inside, after = b.block, *(b.append_basic_block() for _ in range(2))
        b.branch(inside)
        b.position_at_end(inside)
        k, totals = b.phi(INT), [b.phi(vectors.type) for _ in parts]
        row = b.gep(matrix, [b.mul(k, width)])
        factor = vectors.spread(b, b.load(b.gep(numbers, [b.mul(k, step)])))
        added = []
        for part, mask, total in zip(parts, masks, totals, strict=True):
            terms = vectors.load_some(b, at(b, row, part), mask)
            added.append(vectors.fma(b, factor, terms, total))
        following = b.add(k, whole(1))
        for phi, start, value in zip(
            [k, *totals], [whole(0), *sums], [following, *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, inside)
        b.cbranch(b.icmp_signed("<", following, depth), inside, after)
        b.position_at_end(after)
        for part, value in zip(parts, added, strict=True):
            vectors.store(b, value, at(b, spare, part))

    def _turned(self, b: ir.IRBuilder) -> None:
        """The same where each row of memory has the terms of one sum: square by square.

        What is not a whole square is copied to spare memory before. Where rows drive each other
        out of the cache, squares begin with a line of it: each line is needed once.
        """
        depth, matrix, width, numbers, _, count, spare = b.function.args
        vectors, lanes = self.vectors, self.lanes
        copy = b.alloca(vectors.number, whole(lanes * lanes))
        into_a_line = b.srem(b.ptrtoint(matrix, INT), whole(vectors.bytes))
        earlier = b.sdiv(into_a_line, whole(-vectors.size))
        begin = b.select(self._drive_out(b, width), earlier, whole(0))
        with counting(b, depth, lanes, name="k", begin=begin) as k:
            factors, left = b.gep(numbers, [k]), b.sub(depth, k)
            with counting(b, count, lanes, name="group") as group:
                rows = smaller(b, whole(lanes), b.sub(count, group))
                least = smaller(b, smaller(b, rows, left), b.add(k, whole(lanes)))
                is_part = b.icmp_signed("<", least, whole(lanes))
                row = corner(b, matrix, group, width, k)
                with b.if_then(is_part), counting(b, rows, name="row") as r:
                    there = vectors.mask(b, left)
                    there = b.and_(there, b.not_(vectors.mask(b, b.neg(k))))
                    some = vectors.load_some(b, corner(b, row, r, width, whole(0)), there)
                    vectors.store(b, some, b.gep(copy, [b.mul(r, whole(lanes))]))
                row, apart = (
                    b.select(is_part, *pair) for pair in ((copy, row), (whole(lanes), width))
                )
                places = [corner(b, row, whole(r), apart, whole(0)) for r in range(lanes)]
                place = b.gep(spare, [group])
                total = vectors.load(b, place)
                square = vectors.square(b, [vectors.load(b, x) for x in places])
                for i, terms in enumerate(square):
                    factor = vectors.spread(b, b.load(at(b, factors, i)))
                    total = vectors.fma(b, factor, terms, total)
                vectors.store(b, total, place)
