"""The kernel of a packed product, which keeps a tile of c in registers, and what becomes of it."""

from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.arguments import INTS, Block, end_type
from handgrad.engines.compiled.ir_helpers import INT, counting, smaller, whole, written
from handgrad.engines.compiled.vectors import Vectors, at, corner
from handgrad.engines.loops.target import Tile

CACHE_LINE = 64  # bytes


class Kernels:
    """Writes the functions of a module that compute tiles of c."""

    def __init__(self, vectors: Vectors, largest_tile: int) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array, self.largest_tile = vectors.number.as_pointer(), largest_tile

    def kernel(self, shape: Tile, rows: int) -> ir.Function:
        """A tile of c: the sums over k of a panel of a times a panel of b.

        They begin at what stands before b's panel. There are no branches but k's: what else is to
        be done to a tile happens by way of spare memory in the first cache.
        """
        kinds = [INT, self.array, self.array, self.array, INT]
        name = f"kernel.{rows}.{shape.width}"
        return written(self.module, name, kinds, partial(self._kernel, shape, rows))

    def _kernel(self, shape: Tile, rows: int, b: ir.IRBuilder) -> None:
        depth, left, right, c, c_width = b.function.args
        vectors, lanes = self.vectors, self.lanes
        columns = range(0, shape.width, lanes)
        starts = [vectors.load(b, at(b, right, column - shape.width)) for column in columns] * rows
        before = b.block
        head, body, after = (b.append_basic_block(x) for x in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        k, sums = b.phi(INT), [b.phi(vectors.type) for _ in starts]
        b.cbranch(b.icmp_signed("<", k, depth), body, after)
        b.position_at_end(body)
        a = b.gep(left, [b.mul(k, whole(shape.step))])
        row = b.gep(right, [b.mul(k, whole(shape.width))])
        line = [vectors.load(b, at(b, row, column)) for column in columns]
        added = list[ir.Value]()
        for r in range(rows):  # a number of a where it is used: else registers would not suffice
            factor = vectors.spread(b, b.load(at(b, a, r)))
            added += [vectors.fma(b, factor, x, sums[len(added) + i]) for i, x in enumerate(line)]
        following = b.add(k, whole(1))
        for phi, start, value in zip(
            [k, *sums], [whole(0), *starts], [following, *added], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, body)
        b.branch(head)
        b.position_at_end(after)
        places = [(r, column) for r in range(rows) for column in columns]
        for (r, column), value in zip(places, sums, strict=True):
            vectors.store(b, value, corner(b, c, whole(r), c_width, whole(column)))

    def tile(self) -> ir.Function:
        """A tile of c from two panels; if more is to be done to it, by way of spare memory."""
        return written(self.module, "tile", [INTS, INT, INT, self.array, self.array], self._tile)

    def _tile(self, b: ir.IRBuilder) -> None:
        memory, tile, panel, left, right = b.function.args
        block = Block(b, memory)
        spare = b.alloca(self.vectors.number, whole(self.largest_tile))
        spare.align = CACHE_LINE
        row, rows, is_tall = block.rows_of(tile)
        width, c_width, begin, depth = (block[x] for x in ("width", "c_width", "begin", "depth"))
        column = b.mul(panel, width)
        columns = smaller(b, width, b.sub(block["n"], column))
        c = corner(b, block.pointer("c", self.array), row, c_width, column)
        is_first = b.icmp_signed("==", begin, whole(0))
        is_last = b.icmp_signed("==", b.add(begin, depth), block["k"])
        ends = b.and_(is_last, block.is_given("end"))
        height = b.select(is_tall, block["rows"], b.sub(block["rows"], whole(1)))
        is_whole = b.icmp_signed("==", b.mul(rows, columns), b.mul(height, width))
        direct = b.and_(b.and_(is_whole, is_first), b.not_(ends))
        kernel = b.select(is_tall, block["kernel"], block["shorter"])
        kinds = [INT, self.array, self.array, self.array, INT]
        kernel = b.inttoptr(kernel, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        place, place_width = b.select(direct, c, spare), b.select(direct, c_width, width)
        b.call(kernel, [depth, left, right, place, place_width])
        with b.if_then(b.not_(direct)):
            given = [rows, columns, spare, width, c, c_width]
            with b.if_then(b.not_(is_first)):
                b.call(moving(self.vectors, "add"), given)
            with b.if_else(ends) as (yes, no):
                with yes:
                    end = block.pointer("end", end_type(self.vectors.number))
                    where = [block.pointer("given", INTS), row, column, rows, columns]
                    b.call(end, [*where, spare, width])
                with no:
                    b.call(moving(self.vectors, "put"), given)


def moving(vectors: Vectors, what: str) -> ir.Function:
    """What adds c's tile to one in spare memory, or puts that to c: no number outside of c."""
    array = vectors.number.as_pointer()
    kinds = [INT, INT, array, INT, array, INT]
    return written(vectors.module, f"tile.{what}", kinds, partial(_move, vectors, what))


def _move(vectors: Vectors, what: str, b: ir.IRBuilder) -> None:
    rows, columns, spare, width, c, c_width = b.function.args
    lanes = whole(vectors.lanes)
    rest = b.srem(columns, lanes)
    end, mask = b.sub(columns, rest), vectors.mask(b, rest)

    def each(row: ir.Value, column: ir.Value, some: bool) -> None:
        here = corner(b, spare, row, width, column)
        there = corner(b, c, row, c_width, column)
        value = vectors.load(b, here)
        if what == "add":
            before = vectors.load_some(b, there, mask) if some else vectors.load(b, there)
            vectors.store(b, b.fadd(before, value), here)
        elif some:
            vectors.store_some(b, value, there, mask)
        else:
            vectors.store(b, value, there)

    with counting(b, rows, name="row") as row:
        with counting(b, end, vectors.lanes, name="column") as column:
            each(row, column, some=False)
        with b.if_then(b.icmp_signed("!=", rest, whole(0))):
            each(row, end, some=True)
