"""Microkernels of packed GEMM: a tile of c in registers; blocks of k; the epilogue of a tile."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.arguments import INTS, Arguments, end_type
from handgrad.engines.compiled.ir_helpers import (
    BIT,
    INT,
    counted_loop,
    define_once,
    i64,
    minimum,
    prefetch,
)
from handgrad.engines.compiled.vectors import Vectors, element_address, offset_address
from handgrad.engines.loops.target import LINE, MAX_BLOCK_DEPTH, Tile


def k_block_sizes(b: ir.IRBuilder, k: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The number of blocks of k, at least one, and their depth, computed at run time."""
    count = ceil_div(b, k, i64(MAX_BLOCK_DEPTH))
    count = b.select(b.icmp_signed("<", count, i64(1)), i64(1), count)
    depth = b.mul(ceil_div(b, k, b.mul(count, i64(LINE))), i64(LINE))
    return count, minimum(b, k, depth)


@contextmanager
def k_blocks(
    b: ir.IRBuilder, k: ir.Value, several: bool
) -> Iterator[tuple[ir.Value, ir.Value, ir.Value]]:
    """Loop over the blocks of k: yields the begin, the depth, and whether it is the first block."""
    if not several:
        yield i64(0), k, ir.Constant(BIT, 1)
        return
    count, most = k_block_sizes(b, k)
    with counted_loop(b, count, name="block") as number:
        begin = b.mul(number, most)
        is_first = b.icmp_signed("==", number, i64(0))
        yield begin, minimum(b, most, b.sub(k, begin)), is_first


def ceil_div(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """x / y, rounded up."""
    return b.sdiv(b.add(x, b.sub(y, i64(1))), y)


CACHE_LINE = 64  # bytes
PREFETCHED = 10  # rows of a panel ahead: with AVX-512, where two threads share a core


class Kernels:
    """Writes a module's functions that compute tiles of c."""

    def __init__(self, vectors: Vectors, shape: Tile) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array, self.shape = vectors.number.as_pointer(), shape
        self.arguments = [INT, self.array, self.array, self.array, INT, BIT, INT]

    def kernel(self, rows: int) -> ir.Function:
        """The microkernel: a tile of c, the sums over k of a panel of a times a panel of b.

        Their initial values precede b's panel. They are stored, or added to the tile. The last
        panel may have fewer vectors. Partial tiles and the epilogue go through a temporary tile in
        the L1 cache.
        """
        name = f"kernel.{rows}"
        return define_once(self.module, name, self.arguments, partial(self._kernel, rows))

    def _kernel(self, rows: int, b: ir.IRBuilder) -> None:
        columns = b.function.args[-1]
        for vectors in range(1, self.shape.vectors):
            with b.if_then(b.icmp_signed("<=", columns, i64(vectors * self.lanes))):
                self._sums(b, rows, vectors)
                b.ret_void()
        self._sums(b, rows, self.shape.vectors)

    def _sums(self, b: ir.IRBuilder, rows: int, count: int) -> None:
        depth, left, right, *_ = b.function.args
        vectors, shape = self.vectors, self.shape
        columns = range(0, count * self.lanes, self.lanes)
        places = self._places(b, rows, columns)
        starts = [
            vectors.load(b, offset_address(b, right, column - shape.width)) for column in columns
        ] * rows
        before = b.block
        head, body, after = (b.append_basic_block(x) for x in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        k, sums = b.phi(INT), [b.phi(vectors.type) for _ in starts]
        b.cbranch(b.icmp_signed("<", k, depth), body, after)
        b.position_at_end(body)
        a = b.gep(left, [b.mul(k, i64(shape.step))])
        row = b.gep(right, [b.mul(k, i64(shape.width))])
        if vectors.bytes == CACHE_LINE:
            for panel, width in ((a, shape.step), (row, shape.width)):
                for place in range(0, width, self.lanes):
                    prefetch(b, offset_address(b, panel, PREFETCHED * width + place))
        line = [vectors.load(b, offset_address(b, row, column)) for column in columns]
        added = list[ir.Value]()
        for r in range(rows):  # load a where it is used: registers are few
            factor = vectors.splat(b, b.load(offset_address(b, a, r)))
            added += [vectors.fma(b, factor, x, sums[len(added) + i]) for i, x in enumerate(line)]
        following = b.add(k, i64(1))
        for phi, start, value in zip(
            [k, *sums], [i64(0), *starts], [following, *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, body)
        b.branch(head)
        b.position_at_end(after)
        self._store(b, [*zip(places, sums, strict=True)])

    def _places(self, b: ir.IRBuilder, rows: int, columns: range) -> list[ir.Value]:
        """The addresses of a tile's vectors, row by row; the tile is prefetched."""
        _, _, _, c, c_width, *_ = b.function.args
        places = [
            element_address(b, c, i64(r), c_width, i64(column))
            for r in range(rows)
            for column in columns
        ]
        for r in range(rows):
            row = places[r * len(columns) : (r + 1) * len(columns)]
            for place in row[:: max(1, CACHE_LINE // self.vectors.bytes)]:
                prefetch(b, place, to_write=True)
        return places

    def _store(self, b: ir.IRBuilder, values: list[tuple[ir.Value, ir.Value]]) -> None:
        """Store a tile's vectors, or add them to those that are there."""
        adds = b.function.args[5]
        with b.if_else(adds) as (to_c, alone):
            with to_c:
                for place, value in values:
                    self.vectors.store(b, b.fadd(self.vectors.load(b, place), value), place)
            with alone:
                for place, value in values:
                    self.vectors.store(b, value, place)

    def tiles(self) -> ir.Function:
        """Tiles of c, of a panel of a and of some of b's: directly, or by a temporary tile."""
        arguments = [INTS, INT, INT, INT, self.array, self.array]
        return define_once(self.module, "tiles", arguments, self._tiles)

    def _tiles(self, b: ir.IRBuilder) -> None:
        memory, tile, first, last, left, right = b.function.args
        block, shape = Arguments(b, memory, self.shape), self.shape
        spare = b.alloca(self.vectors.number, i64(shape.rows * shape.width))
        spare.align = CACHE_LINE
        row, rows, height = block.rows_of(tile)
        c_width, begin, depth = (block[x] for x in ("c_width", "begin", "depth"))
        width = i64(shape.width)
        n, panel_b = block["n"], block["panel_b"]
        row_of_c = element_address(b, block.pointer("c", self.array), row, c_width, i64(0))
        is_first = b.icmp_signed("==", begin, i64(0))
        is_last = b.icmp_signed("==", b.add(begin, depth), block["k"])
        ends = b.and_(is_last, block.is_given("end"))
        is_full = b.and_(b.icmp_signed("==", rows, height), b.not_(ends))
        kernel: ir.Value = self.kernel(shape.rows)
        for count in range(shape.least_height - 1, shape.rows):
            is_count = b.icmp_signed("==", height, i64(count))
            kernel = b.select(is_count, self.kernel(count), kernel)
        with counted_loop(b, last, name="panel", begin=first) as panel:
            panel_of_b = b.gep(right, [b.mul(b.sub(panel, first), panel_b)])
            column = b.mul(panel, width)
            columns = minimum(b, width, b.sub(n, column))
            c = b.gep(row_of_c, [column])
            in_vectors = b.icmp_signed("==", b.and_(columns, i64(self.lanes - 1)), i64(0))
            direct = b.and_(in_vectors, is_full)
            place, place_width = b.select(direct, c, spare), b.select(direct, c_width, width)
            adds = b.and_(direct, b.not_(is_first))
            b.call(kernel, [depth, left, panel_of_b, place, place_width, adds, columns])
            with b.if_then(b.not_(direct)):
                arguments = [rows, columns, spare, width, c, c_width]
                with b.if_then(b.not_(is_first)):
                    b.call(tile_update(self.vectors, "add"), arguments)
                with b.if_else(ends) as (yes, no):
                    with yes:
                        end = block.pointer("end", end_type(self.vectors.number))
                        where = [block.pointer("given", INTS), row, column, rows, columns]
                        b.call(end, [*where, spare, width])
                    with no:
                        b.call(tile_update(self.vectors, "put"), arguments)


def tile_update(vectors: Vectors, update: str) -> ir.Function:
    """Add c's tile to a temporary one, or put that to c; touches no memory outside of c."""
    array = vectors.number.as_pointer()
    kinds = [INT, INT, array, INT, array, INT]
    return define_once(
        vectors.module, f"tile.{update}", kinds, partial(_update_tile, vectors, update)
    )


def _update_tile(vectors: Vectors, update: str, b: ir.IRBuilder) -> None:
    rows, columns, spare, width, c, c_width = b.function.args
    lanes = i64(vectors.lanes)
    rest = b.srem(columns, lanes)
    end, mask = b.sub(columns, rest), vectors.mask(b, rest)

    def each(row: ir.Value, column: ir.Value, some: bool) -> None:
        here = element_address(b, spare, row, width, column)
        there = element_address(b, c, row, c_width, column)
        value = vectors.load(b, here)
        if update == "add":
            before = vectors.masked_load(b, there, mask) if some else vectors.load(b, there)
            vectors.store(b, b.fadd(before, value), here)
        elif some:
            vectors.masked_store(b, value, there, mask)
        else:
            vectors.store(b, value, there)

    with counted_loop(b, rows, name="row") as row:
        with counted_loop(b, end, vectors.lanes, name="column") as column:
            each(row, column, some=False)
        with b.if_then(b.icmp_signed("!=", rest, i64(0))):
            each(row, end, some=True)
