"""The block of arguments of a packed product, and what is added to it on the way."""

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import INT, VOID, smaller, whole

INTS = INT.as_pointer()
# Whole numbers and addresses, 0 where there is none. Rows of `a` lie `a_width` apart; they are the
# product's rows, or its columns if `a_transposed`. `a_rows`, the numbers of these rows in memory.
ARGUMENTS: tuple[str, ...] = (
    *("m", "n", "k"),
    *("a", "a_width", "a_transposed", "a_rows"),
    *("b", "b_width", "b_transposed", "b_rows"),
    *("c", "c_width"),
    *("start", "end", "given"),  # the sums' beginning; what is called for each finished tile
    *("room", "workers", "parts"),
)
# The shape of the tiles, and the functions for it.
PLANNED_BY_SHAPE = (
    *("rows", "width", "step", "kernel", "shorter"),
    *("copy_a", "across_a", "copy_b", "across_b"),
)
# How many tiles there are, the first of them with all `rows`, the others with one less; where
# panels lie, and how far apart; how long a block of k is, and the one in work.
PLANNED = (
    *("tiles", "tall", "panels", "packed_a", "packed_b", "panel_a", "panel_b"),
    *("most", "begin", "depth"),
)
NAMES = ARGUMENTS + PLANNED_BY_SHAPE + PLANNED


def end_type(number: ir.Type) -> ir.Type:
    """What `end` is: of given, row, column, rows, columns, the tile and its width."""
    arguments = [INTS, INT, INT, INT, INT, number.as_pointer(), INT]
    return ir.FunctionType(VOID, arguments).as_pointer()


class Block:
    """The block as code reads and writes it."""

    def __init__(self, b: ir.IRBuilder, memory: ir.Value) -> None:
        self.b, self.memory = b, memory

    def __getitem__(self, name: str) -> ir.Value:
        return self.b.load(self._place(name))

    def __setitem__(self, name: str, value: ir.Value) -> None:
        self.b.store(value, self._place(name))

    def _place(self, name: str) -> ir.Value:
        return self.b.gep(self.memory, [whole(NAMES.index(name))])

    def pointer(self, name: str, kind: ir.Type) -> ir.Value:
        return self.b.inttoptr(self[name], kind)

    def is_given(self, name: str) -> ir.Value:
        return self.b.icmp_signed("!=", self[name], whole(0))

    def share(self, part: ir.Value, count: ir.Value) -> tuple[ir.Value, ir.Value]:
        """A part's share of `count`: where it begins and ends."""
        b, parts = self.b, self["parts"]
        begin, end = (b.mul(x, count) for x in (part, b.add(part, whole(1))))
        return b.sdiv(begin, parts), b.sdiv(end, parts)

    def rows_of(self, tile: ir.Value) -> tuple[ir.Value, ir.Value, ir.Value]:
        """A tile's first row, how many it has, and whether it is a tall one."""
        b, rows, tall = self.b, self["rows"], self["tall"]
        is_tall = b.icmp_signed("<", tile, tall)
        row = b.sub(b.mul(tile, rows), b.select(is_tall, whole(0), b.sub(tile, tall)))
        height = b.select(is_tall, rows, b.sub(rows, whole(1)))
        return row, smaller(b, height, b.sub(self["m"], row)), is_tall
