"""Small GEMM: matrix products tile by tile in vector registers, without packing or threads.

A tile is some rows of c, one vector wide. Its sums stay in registers while k runs: each row of b
is loaded as one vector and multiplied by one number of a for every row of the tile. Packing both
matrices and waking other threads, as large products do, takes longer than a small product itself.
The bits are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.kernels import k_blocks, tile_update
from handgrad.engines.compiled.gemm.packing import PanelWriter
from handgrad.engines.compiled.gemv import Gemv, GemvVariant
from handgrad.engines.compiled.ir_helpers import (
    INT,
    Write,
    counted_loop,
    define_once,
    i64,
    mark_noalias,
    minimum,
)
from handgrad.engines.compiled.vectors import Vectors, element_address, vector_bytes
from handgrad.engines.loops.ir import Multiply
from handgrad.engines.loops.target import MAX_BLOCK_DEPTH, is_worth_packing


def tile_rows(m: int, most: int) -> int:
    """The rows of a tile: all of them if they fit, else with the least overlap of the last two."""
    if m <= most:
        return m
    return min(range(most, most // 2, -1), key=lambda rows: -m % rows)


@dataclass(frozen=True)
class Panel:
    """A panel of a product: some columns and a block of k, with the addresses of its matrices."""

    depth: ir.Value
    a: ir.Value
    a_width: ir.Value
    b: ir.Value
    b_width: ir.Value
    c: ir.Value
    c_width: ir.Value
    columns: ir.Value
    start: ir.Value  # of the sums, or null
    spare: ir.Value  # a temporary tile
    several: bool  # more than one block of k
    is_first: ir.Value


def is_small_gemm(product: Multiply) -> bool:
    """True for small products; False for all on processors without fused multiply-add."""
    return vector_bytes() > 0 and not is_worth_packing(*product.sizes)


class SmallGemm:
    """Writes a module's functions of small matrix products, each of them once."""

    def __init__(self, module: ir.Module, number: ir.Type) -> None:
        self.module, self.number = module, number
        self.bytes = vector_bytes()
        self.vectors = Vectors(module, number, self.bytes)
        self.lanes = self.vectors.lanes
        self.most_rows = 12 if self.bytes == 32 else 20  # of 16 or 32 registers
        self.array = number.as_pointer()
        self.used = False

    def function(self, product: Multiply) -> ir.Function:
        """The function of m, n, k, of a, b and c, each with its row stride, and of the start.

        The start is the initial sum of each column, or null.
        """
        self.used = True
        m, n, k = product.sizes
        kinds = [INT, INT, INT, *[self.array, INT] * 3, self.array]
        if 1 in (m, n) and m != n:
            transposed = product.a.transposed, product.b.transposed
            variant = GemvVariant(n == 1, *transposed, k > MAX_BLOCK_DEPTH)
            write = partial(Gemv(self.vectors).product, variant)
            return self._defined(variant.name, kinds, write)
        rows = tile_rows(m, self.most_rows)
        letters = "NT"[product.a.transposed] + "NT"[product.b.transposed]
        name = f"product.{letters}.{rows}{'.blocks' * (k > MAX_BLOCK_DEPTH)}"
        return self._defined(name, kinds, partial(self._product, product, rows))

    def _defined(self, name: str, arguments: Sequence[ir.Type], write: Write) -> ir.Function:
        function = define_once(self.module, name, arguments, write)
        mark_noalias(function)
        return function

    def _product(self, product: Multiply, rows: int, b: ir.IRBuilder) -> None:
        m, n, k, left, left_width, right, right_width, result, result_width, start = b.function.args
        (of_a, of_b), lanes = (product.a.transposed, product.b.transposed), i64(self.lanes)
        copy = b.alloca(self.number, i64(MAX_BLOCK_DEPTH * self.lanes if of_b else 1))
        copy.align = self.bytes
        spare = b.alloca(self.number, i64(rows * self.lanes))
        several = product.sizes[2] > MAX_BLOCK_DEPTH
        with k_blocks(b, k, several) as (begin, depth, is_first):
            a = b.gep(left, [b.mul(begin, left_width) if of_a else begin])
            has_start = b.icmp_signed("!=", b.ptrtoint(start, INT), i64(0))
            has_start = b.and_(has_start, is_first)
            with counted_loop(b, n, self.lanes, "column") as column:
                columns = minimum(b, lanes, b.sub(n, column))
                part, width = element_address(b, right, begin, right_width, column), right_width
                if of_b:
                    source = [column, columns, depth, b.gep(right, [begin]), right_width]
                    transpose = PanelWriter(self.vectors).transpose()
                    b.call(transpose, [*source, ir.Constant(INT.as_pointer(), None), copy, lanes])
                    part, width = copy, lanes
                sums = b.select(has_start, b.gep(start, [column]), ir.Constant(self.array, None))
                matrices = (a, left_width, part, width, b.gep(result, [column]), result_width)
                panel = Panel(depth, *matrices, columns, sums, spare, several, is_first)
                with b.if_else(b.icmp_signed("<", m, i64(rows))) as (few, enough):
                    for case, height in ((few, 1), (enough, rows)):
                        with case:
                            self._tiling(b, height, of_a, m, panel)

    def _tiling(
        self, b: ir.IRBuilder, rows: int, transposed: bool, m: ir.Value, panel: Panel
    ) -> None:
        """Loop over the tiles of a panel; the last one overlaps the one before and ends with c."""
        kinds = [INT, *[self.array, INT] * 3, INT, self.array]
        name = f"tile.{'NT'[transposed]}.{rows}"
        tile = self._defined(name, kinds, partial(self._tile, rows, transposed))
        lanes = i64(self.lanes)
        with counted_loop(b, m, rows, "row") as i:
            row = minimum(b, i, b.sub(m, i64(rows)))
            a = b.gep(panel.a, [row if transposed else b.mul(row, panel.a_width)])
            c, c_width = b.gep(panel.c, [b.mul(row, panel.c_width)]), panel.c_width
            if panel.several:
                c, c_width = (
                    b.select(panel.is_first, *pair) for pair in ((c, panel.spare), (c_width, lanes))
                )
            matrices = [a, panel.a_width, panel.b, panel.b_width, c, c_width]
            b.call(tile, [panel.depth, *matrices, panel.columns, panel.start])
            if panel.several:
                with b.if_then(b.not_(panel.is_first)):
                    self._add(b, panel, b.sub(i, row), b.sub(i64(rows), b.sub(i, row)), i)

    def _add(
        self, b: ir.IRBuilder, panel: Panel, skipped: ir.Value, rows: ir.Value, row: ir.Value
    ) -> None:
        """Add the temporary tile to c, without the rows that overlap the tile before it."""
        spare = b.gep(panel.spare, [b.mul(skipped, i64(self.lanes))])
        c = b.gep(panel.c, [b.mul(row, panel.c_width)])
        arguments = [rows, panel.columns, spare, i64(self.lanes), c, panel.c_width]
        for update in ("add", "put"):
            b.call(tile_update(self.vectors, update), arguments)

    def _tile(self, rows: int, transposed: bool, b: ir.IRBuilder) -> None:
        """The microkernel: a tile of which the first `count` columns are in c."""
        k, left, left_width, right, right_width, result, result_width, count, start = (
            b.function.args
        )
        vectors = self.vectors
        mask, none = vectors.mask(b, count), ir.Constant(vectors.type, None)
        starts = [
            b.gep(left, [i64(r) if transposed else b.mul(i64(r), left_width)]) for r in range(rows)
        ]
        before, inside, after = b.block, *(b.append_basic_block() for _ in range(2))
        with b.if_then(b.icmp_signed("!=", b.ptrtoint(start, INT), i64(0))):
            initial, loaded = vectors.masked_load(b, start, mask), b.block
        first = b.phi(vectors.type)
        first.add_incoming(none, before)
        first.add_incoming(initial, loaded)
        before = b.block
        b.branch(inside)
        b.position_at_end(inside)
        position = b.phi(INT)
        sums = [b.phi(vectors.type) for _ in range(rows)]
        row = vectors.masked_load(b, b.gep(right, [b.mul(position, right_width)]), mask)
        along = b.mul(position, left_width) if transposed else position
        added = []
        for place, so_far in zip(starts, sums, strict=True):  # load a where it is used:
            factor = vectors.splat(b, b.load(b.gep(place, [along])))  # registers are few
            added.append(vectors.fma(b, factor, row, so_far))
        following = b.add(position, i64(1))
        for phi, begin, value in zip(
            [position, *sums], [i64(0), *[first] * rows], [following, *added], strict=True
        ):
            phi.add_incoming(begin, before)
            phi.add_incoming(value, inside)
        b.cbranch(b.icmp_signed("<", following, k), inside, after)
        b.position_at_end(after)
        for r, total in enumerate(added):
            vectors.masked_store(b, total, b.gep(result, [b.mul(i64(r), result_width)]), mask)
