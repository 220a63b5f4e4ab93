"""Microkernels of packed GEMM: a tile of c in registers; blocks of k; the epilogue of a tile."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.arguments import INTS, Arguments, end_type
from handgrad.engines.compiled.ir_helpers import BIT, INT, counted_loop, define_once, i64, minimum
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


class Kernels:
    """Writes a module's functions that compute tiles of c."""

    def __init__(self, vectors: Vectors, largest_tile: int) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array, self.largest_tile = vectors.number.as_pointer(), largest_tile

    def kernel(self, shape: Tile, rows: int) -> ir.Function:
        """The microkernel: a tile of c, the sums over k of a panel of a times a panel of b.

        Their initial values precede b's panel. The only branch is the loop over k: partial tiles,
        accumulation and the epilogue go through a temporary tile in the L1 cache.
        """
        kinds = [INT, self.array, self.array, self.array, INT]
        name = f"kernel.{rows}.{shape.width}"
        return define_once(self.module, name, kinds, partial(self._kernel, shape, rows))

    def _kernel(self, shape: Tile, rows: int, b: ir.IRBuilder) -> None:
        depth, left, right, c, c_width = b.function.args
        vectors, lanes = self.vectors, self.lanes
        columns = range(0, shape.width, lanes)
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
        positions = [(r, column) for r in range(rows) for column in columns]
        for (r, column), value in zip(positions, sums, strict=True):
            vectors.store(b, value, element_address(b, c, i64(r), c_width, i64(column)))

    def tile(self) -> ir.Function:
        """A tile of c from two panels: directly, or by a temporary tile."""
        return define_once(
            self.module, "tile", [INTS, INT, INT, self.array, self.array], self._tile
        )

    def _tile(self, b: ir.IRBuilder) -> None:
        memory, tile, panel, left, right = b.function.args
        block = Arguments(b, memory)
        spare = b.alloca(self.vectors.number, i64(self.largest_tile))
        spare.align = CACHE_LINE
        row, rows, is_tall = block.rows_of(tile)
        width, c_width, begin, depth = (block[x] for x in ("width", "c_width", "begin", "depth"))
        column = b.mul(panel, width)
        columns = minimum(b, width, b.sub(block["n"], column))
        c = element_address(b, block.pointer("c", self.array), row, c_width, column)
        is_first = b.icmp_signed("==", begin, i64(0))
        is_last = b.icmp_signed("==", b.add(begin, depth), block["k"])
        ends = b.and_(is_last, block.is_given("end"))
        height = b.select(is_tall, block["rows"], b.sub(block["rows"], i64(1)))
        is_whole = b.icmp_signed("==", b.mul(rows, columns), b.mul(height, width))
        direct = b.and_(b.and_(is_whole, is_first), b.not_(ends))
        kernel = b.select(is_tall, block["kernel"], block["shorter"])
        kinds = [INT, self.array, self.array, self.array, INT]
        kernel = b.inttoptr(kernel, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        place, place_width = b.select(direct, c, spare), b.select(direct, c_width, width)
        b.call(kernel, [depth, left, right, place, place_width])
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
