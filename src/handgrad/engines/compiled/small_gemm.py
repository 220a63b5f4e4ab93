"""Small matrix products, computed tile by tile in the vector registers of the processor.

A tile is some rows of c, one vector wide. Its sums stay in registers while k runs: each row of b
is loaded as one vector, and multiplied by one number of a for every row of the tile. The large
products are made of such tiles too, but both matrices are copied first, and other threads may be
woken, which takes longer than a small product itself. The bits are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.blocks import each_block
from handgrad.engines.compiled.gemm.kernels import moving
from handgrad.engines.compiled.gemm.packing import Packing
from handgrad.engines.compiled.gemv import Thin, ThinProducts
from handgrad.engines.compiled.ir_helpers import (
    INT,
    Write,
    counting,
    keep_apart,
    smaller,
    whole,
    written,
)
from handgrad.engines.compiled.vectors import Vectors, corner, vector_bytes
from handgrad.engines.loops.ir import Multiply
from handgrad.engines.loops.target import MAX_BLOCK_DEPTH, is_worth_packing


def rows_of_a_tile(m: int, most: int) -> int:
    """All rows if they fit, else the height with which the last two tiles overlap least."""
    if m <= most:
        return m
    return min(range(most, most // 2, -1), key=lambda rows: -m % rows)


@dataclass(frozen=True)
class Block:
    """Some columns of a product, and a block of its k: where its matrices begin, how they lie."""

    depth: ir.Value
    a: ir.Value
    a_width: ir.Value
    b: ir.Value
    b_width: ir.Value
    c: ir.Value
    c_width: ir.Value
    columns: ir.Value
    start: ir.Value  # of the sums, or null
    spare: ir.Value  # memory for a tile
    several: bool  # blocks of k
    is_first: ir.Value


class Tiles:
    """Writes the functions of a module that multiply small matrices, each of them once."""

    def __init__(self, module: ir.Module, number: ir.Type) -> None:
        self.module, self.number = module, number
        self.bytes = vector_bytes()
        self.vectors = Vectors(module, number, self.bytes)
        self.lanes = self.vectors.lanes
        self.most_rows = 12 if self.bytes == 32 else 20  # of 16 or 32 registers
        self.array = number.as_pointer()
        self.used = False

    def suit(self, product: Multiply) -> bool:
        """Whether tiles are the way for it; on processors without fma none is."""
        return bool(self.bytes) and not is_worth_packing(*product.sizes)

    def function(self, product: Multiply) -> ir.Function:
        """What multiplies: of m, n, k, of a, b and c, each with its width, and of the start.

        The start, or null, is where the sums of each column begin.
        """
        self.used = True
        m, n, k = product.sizes
        kinds = [INT, INT, INT, *[self.array, INT] * 3, self.array]
        if 1 in (m, n) and m != n:
            of = product.a.transposed, product.b.transposed
            thin = Thin(n == 1, *of, k > MAX_BLOCK_DEPTH)
            write = partial(ThinProducts(self.vectors).product, thin)
            return self._written(thin.name, kinds, write)
        rows = rows_of_a_tile(m, self.most_rows)
        letters = "NT"[product.a.transposed] + "NT"[product.b.transposed]
        name = f"product.{letters}.{rows}{'.blocks' * (k > MAX_BLOCK_DEPTH)}"
        return self._written(name, kinds, partial(self._product, product, rows))

    def _written(self, name: str, arguments: Sequence[ir.Type], write: Write) -> ir.Function:
        function = written(self.module, name, arguments, write)
        keep_apart(function)
        return function

    def _product(self, product: Multiply, rows: int, b: ir.IRBuilder) -> None:
        m, n, k, left, left_width, right, right_width, result, result_width, start = b.function.args
        (of_a, of_b), lanes = (product.a.transposed, product.b.transposed), whole(self.lanes)
        copy = b.alloca(self.number, whole(MAX_BLOCK_DEPTH * self.lanes if of_b else 1))
        copy.align = self.bytes
        spare = b.alloca(self.number, whole(rows * self.lanes))
        several = product.sizes[2] > MAX_BLOCK_DEPTH
        with each_block(b, k, several) as (begin, depth, is_first):
            a = b.gep(left, [b.mul(begin, left_width) if of_a else begin])
            has_start = b.icmp_signed("!=", b.ptrtoint(start, INT), whole(0))
            has_start = b.and_(has_start, is_first)
            with counting(b, n, self.lanes, "column") as column:
                columns = smaller(b, lanes, b.sub(n, column))
                part, width = corner(b, right, begin, right_width, column), right_width
                if of_b:
                    given = [column, columns, depth, b.gep(right, [begin]), right_width]
                    across = Packing(self.vectors).across(self.lanes)
                    b.call(across, [*given, ir.Constant(INT.as_pointer(), None), copy])
                    part, width = copy, lanes
                sums = b.select(has_start, b.gep(start, [column]), ir.Constant(self.array, None))
                matrices = (a, left_width, part, width, b.gep(result, [column]), result_width)
                block = Block(depth, *matrices, columns, sums, spare, several, is_first)
                with b.if_else(b.icmp_signed("<", m, whole(rows))) as (few, enough):
                    for case, height in ((few, 1), (enough, rows)):
                        with case:
                            self._tiling(b, height, of_a, m, block)

    def _tiling(
        self, b: ir.IRBuilder, rows: int, transposed: bool, m: ir.Value, block: Block
    ) -> None:
        """The tiles of some columns. The last begins so early that it ends where c does."""
        kinds = [INT, *[self.array, INT] * 3, INT, self.array]
        name = f"tile.{'NT'[transposed]}.{rows}"
        tile = self._written(name, kinds, partial(self._tile, rows, transposed))
        lanes = whole(self.lanes)
        with counting(b, m, rows, "row") as i:
            row = smaller(b, i, b.sub(m, whole(rows)))
            a = b.gep(block.a, [row if transposed else b.mul(row, block.a_width)])
            c, c_width = b.gep(block.c, [b.mul(row, block.c_width)]), block.c_width
            if block.several:
                c, c_width = (
                    b.select(block.is_first, *pair) for pair in ((c, block.spare), (c_width, lanes))
                )
            given = [a, block.a_width, block.b, block.b_width, c, c_width]
            b.call(tile, [block.depth, *given, block.columns, block.start])
            if block.several:
                with b.if_then(b.not_(block.is_first)):
                    self._add(b, block, b.sub(i, row), b.sub(whole(rows), b.sub(i, row)), i)

    def _add(
        self, b: ir.IRBuilder, block: Block, skipped: ir.Value, rows: ir.Value, row: ir.Value
    ) -> None:
        """Add the tile in spare memory to c, but for the rows that the tile before it had too."""
        spare = b.gep(block.spare, [b.mul(skipped, whole(self.lanes))])
        c = b.gep(block.c, [b.mul(row, block.c_width)])
        given = [rows, block.columns, spare, whole(self.lanes), c, block.c_width]
        for what in ("add", "put"):
            b.call(moving(self.vectors, what), given)

    def _tile(self, rows: int, transposed: bool, b: ir.IRBuilder) -> None:
        """One tile, of which only the first `count` columns are there."""
        k, left, left_width, right, right_width, result, result_width, count, start = (
            b.function.args
        )
        vectors = self.vectors
        mask, none = vectors.mask(b, count), ir.Constant(vectors.type, None)
        starts = [
            b.gep(left, [whole(r) if transposed else b.mul(whole(r), left_width)])
            for r in range(rows)
        ]
        before, inside, after = b.block, *(b.append_basic_block() for _ in range(2))
        with b.if_then(b.icmp_signed("!=", b.ptrtoint(start, INT), whole(0))):
            given, there = vectors.load_some(b, start, mask), b.block
        first = b.phi(vectors.type)
        first.add_incoming(none, before)
        first.add_incoming(given, there)
        before = b.block
        b.branch(inside)
        b.position_at_end(inside)
        position = b.phi(INT)
        sums = [b.phi(vectors.type) for _ in range(rows)]
        row = vectors.load_some(b, b.gep(right, [b.mul(position, right_width)]), mask)
        along = b.mul(position, left_width) if transposed else position
        added = []
        for place, so_far in zip(starts, sums, strict=True):  # a number where it is used: all
            factor = vectors.spread(b, b.load(b.gep(place, [along])))  # at once fill registers
            added.append(vectors.fma(b, factor, row, so_far))
        following = b.add(position, whole(1))
        for phi, begin, value in zip(
            [position, *sums], [whole(0), *[first] * rows], [following, *added], strict=True
        ):
            phi.add_incoming(begin, before)
            phi.add_incoming(value, inside)
        b.cbranch(b.icmp_signed("<", following, k), inside, after)
        b.position_at_end(after)
        for r, total in enumerate(added):
            vectors.store_some(b, total, b.gep(result, [b.mul(whole(r), result_width)]), mask)
