"""The arguments of packed GEMM: a block of memory, with what is planned from them."""

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import INT, VOID, i64, minimum
from handgrad.engines.loops.target import Tile

INTS = INT.as_pointer()
# Integers, and addresses, 0 for none. `a_width` is the row stride of `a`, whose rows are those of
# the product, or its columns if `a_transposed`. `a_rows` has these rows' indices in memory.
ARGUMENTS: tuple[str, ...] = (
    *("m", "n", "k"),
    *("a", "a_width", "a_transposed", "a_rows"),
    *("b", "b_width", "b_transposed", "b_rows"),
    *("c", "c_width"),
    *("start", "end", "given"),  # the initial sums; the epilogue of each tile, and its argument
    *("room", "workers", "parts"),
)
# The number of tiles; the first `tall` have `height` rows, the others one less. The number of
# panels, their addresses and strides. The largest depth of a block of k; the current block.
PLANNED = (
    *("tiles", "height", "tall", "panels", "packed_a", "packed_b", "panel_a", "panel_b"),
    *("most", "begin", "depth"),
)
NAMES = ARGUMENTS + PLANNED


def end_type(number: ir.Type) -> ir.Type:
    """The type of an epilogue: its argument, row, column, rows, columns, the tile and its width."""
    arguments = [INTS, INT, INT, INT, INT, number.as_pointer(), INT]
    return ir.FunctionType(VOID, arguments).as_pointer()


class Arguments:
    """Reads and writes the block by name, in LLVM IR; `shape` is that of the tiles."""

    def __init__(self, b: ir.IRBuilder, memory: ir.Value, shape: Tile) -> None:
        self.b, self.memory, self.shape = b, memory, shape

    def __getitem__(self, name: str) -> ir.Value:
        return self.b.load(self._place(name))

    def __setitem__(self, name: str, value: ir.Value) -> None:
        self.b.store(value, self._place(name))

    def _place(self, name: str) -> ir.Value:
        return self.b.gep(self.memory, [i64(NAMES.index(name))])

    def pointer(self, name: str, kind: ir.Type) -> ir.Value:
        return self.b.inttoptr(self[name], kind)

    def is_given(self, name: str) -> ir.Value:
        return self.b.icmp_signed("!=", self[name], i64(0))

    def range_of(self, part: ir.Value, count: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The begin and end of a part's range of `count`."""
        b, parts = self.b, self["parts"]
        begin, end = (b.mul(x, count) for x in (part, b.add(part, i64(1))))
        return b.sdiv(begin, parts), b.sdiv(end, parts)

    def rows_of(self, tile: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """A tile's first row, its number of rows in c, and its height."""
        b, rows, tall = self.b, self["height"], self["tall"]
        is_tall = b.icmp_signed("<", tile, tall)
        row = b.sub(b.mul(tile, rows), b.select(is_tall, i64(0), b.sub(tile, tall)))
        height = b.select(is_tall, rows, b.sub(rows, i64(1)))
        return row, minimum(b, height, b.sub(self["m"], row)), height
