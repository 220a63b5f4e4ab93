"""Packing of a and b into panels, in which the numbers of a tile for one k are contiguous.

These are the numbers of its rows, from a, or of its columns, from b. Each panel begins with a line
of its own: before b's panels it has the initial sums. It also avoids cache conflicts between
panels, whose stride would be a power of two.
"""

from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.arguments import INTS, Arguments
from handgrad.engines.compiled.ir_helpers import INT, counted_loop, define_once, i64, minimum
from handgrad.engines.compiled.vectors import Vectors, element_address
from handgrad.engines.loops.target import Tile

ALL_PANELS = 2**40  # more than any product has: all are tall


class PanelWriter:
    """Writes a module's functions that put rows of a matrix into panels."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array = vectors.number.as_pointer()

    def copy(self, step: int) -> ir.Function:
        """Pack a matrix whose rows run along the panels' columns: each row goes to all panels.

        The panels from `begin` to `end` have `height` numbers of a row, those from `tall` on one
        less. Full vectors are loaded, masked ones near the end of a row.
        """
        kinds = [*[INT] * 5, *[INT, INT, self.array, INT, INTS], self.array, INT]
        return define_once(self.module, f"copy.{step}", kinds, partial(self._copy, step))

    def _copy(self, step: int, b: ir.IRBuilder) -> None:
        begin, end, height, tall, length, *rest = b.function.args
        first, depth, source, width, rows, panels, apart = rest
        parts = [i64(part) for part in range(0, step, self.lanes)]
        inner = minimum(b, _whole_panels(b, step, height, tall, length), end)
        with counted_loop(b, depth, name="k") as k:
            row = element_address(b, source, _row_number(b, rows, b.add(first, k)), width, i64(0))
            place = b.gep(panels, [b.mul(k, i64(step))])

            def start_of(panel: ir.Value) -> ir.Value:
                shorter = b.sub(panel, minimum(b, panel, tall))
                return b.sub(b.mul(panel, height), shorter)

            with counted_loop(b, inner, name="whole", begin=begin) as panel:
                start = b.gep(row, [start_of(panel)])
                out = b.gep(place, [b.mul(panel, apart)])
                for part in parts:
                    vector = self.vectors.load(b, b.gep(start, [part]))
                    self.vectors.store(b, vector, b.gep(out, [part]))
            outer = b.select(b.icmp_signed(">", inner, begin), inner, begin)
            with counted_loop(b, end, name="partial", begin=outer) as panel:
                offset = start_of(panel)
                start, left = b.gep(row, [offset]), b.sub(length, offset)
                out = b.gep(place, [b.mul(panel, apart)])
                for part in parts:
                    mask = self.vectors.mask(b, b.sub(left, part))
                    vector = self.vectors.masked_load(b, b.gep(start, [part]), mask)
                    self.vectors.store(b, vector, b.gep(out, [part]))

    def transpose(self) -> ir.Function:
        """Pack `depth` numbers of each of `count` <= step rows, which become a panel's columns.

        Squares as wide as a vector are transposed in registers: a cache line is loaded once, even
        if rows with a power-of-two stride evict each other. The last square overlaps the one before
        and ends with the rows; missing rows repeat the last one.
        """
        kinds = [INT, INT, INT, self.array, INT, INTS, self.array, INT]
        return define_once(self.module, "transpose", kinds, self._transpose)

    def _transpose(self, b: ir.IRBuilder) -> None:
        first, count, depth, source, width, rows, panel, step = b.function.args
        lanes, vectors = self.lanes, self.vectors
        spare = b.alloca(vectors.number, i64(lanes * lanes))
        few = b.icmp_signed("<", depth, i64(lanes))
        with counted_loop(b, step, lanes, name="part") as part:
            last = b.sub(count, i64(1))
            here = [minimum(b, b.add(part, i64(r)), last) for r in range(lanes)]
            numbers = [_row_number(b, rows, b.add(first, r)) for r in here]
            starts = [element_address(b, source, number, width, i64(0)) for number in numbers]
            out = b.gep(panel, [part])
            with counted_loop(b, depth, lanes, name="k") as position:
                k = b.select(few, i64(0), minimum(b, position, b.sub(depth, i64(lanes))))
                square = self._load_square(b, few, [b.gep(start, [k]) for start in starts], depth)
                place = b.select(few, spare, b.gep(out, [b.mul(k, step)]))
                apart = b.select(few, i64(lanes), step)
                for r, value in enumerate(vectors.transpose(b, square)):
                    vectors.store(b, value, b.gep(place, [b.mul(i64(r), apart)]))
            with b.if_then(few), counted_loop(b, depth, name="k") as k:
                value = vectors.load(b, b.gep(spare, [b.mul(k, i64(lanes))]))
                vectors.store(b, value, b.gep(out, [b.mul(k, step)]))

    def _load_square(
        self, b: ir.IRBuilder, few: ir.Value, places: list[ir.Value], depth: ir.Value
    ) -> list[ir.Value]:
        """Load a vector from each address, masked if the rows are shorter."""
        cases = []
        with b.if_else(few) as (some, all_of_them):
            with some:
                mask = self.vectors.mask(b, depth)
                cases.append([self.vectors.masked_load(b, place, mask) for place in places])
                blocks = [b.block]
            with all_of_them:
                cases.append([self.vectors.load(b, place) for place in places])
                blocks.append(b.block)
        phis = [b.phi(self.vectors.type) for _ in places]
        for values, block in zip(cases, blocks, strict=True):
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, block)
        return phis


class Packing(PanelWriter):
    """Writes a module's functions that pack a and b, for tiles of a shape."""

    def __init__(self, vectors: Vectors, shape: Tile) -> None:
        super().__init__(vectors)
        self.shape = shape

    def pack_a(self) -> ir.Function:
        """Pack a range of a's panels; the last argument is the place of the first."""
        return define_once(self.module, "pack.a", [INTS, INT, INT, self.array], self._pack_a)

    def pack_b(self) -> ir.Function:
        """Pack a range of b's panels, with the initial sums before each."""
        return define_once(self.module, "pack.b", [INTS, INT, INT, self.array], self._pack_b)

    def _pack_a(self, b: ir.IRBuilder) -> None:
        memory, begin, end, place = b.function.args
        block, shape = Arguments(b, memory, self.shape), self.shape
        place = b.gep(place, [b.sub(i64(shape.step), b.mul(begin, block["panel_a"]))])
        with b.if_else(block.is_given("a_transposed")) as (as_panels, across):
            with as_panels:
                extent = [begin, end, block["height"], block["tall"], block["m"]]
                self._pack_rows(b, block, "a", extent, place, shape.step)
            with across, counted_loop(b, end, name="tile", begin=begin) as tile:
                row, rows, _ = block.rows_of(tile)
                panel = b.gep(place, [b.mul(tile, block["panel_a"])])
                self._pack_transposed(b, block, "a", row, rows, panel, shape.step)

    def _pack_b(self, b: ir.IRBuilder) -> None:
        memory, begin, end, place = b.function.args
        block, width = Arguments(b, memory, self.shape), i64(self.shape.width)
        place = b.gep(place, [b.neg(b.mul(begin, block["panel_b"]))])
        self._begin_sums(b, block, begin, end, place)
        place = b.gep(place, [width])
        with b.if_else(block.is_given("b_transposed")) as (across, as_panels):
            with as_panels:
                extent = [begin, end, width, i64(ALL_PANELS), block["n"]]
                self._pack_rows(b, block, "b", extent, place, self.shape.width)
            with across, counted_loop(b, end, name="panel", begin=begin) as number:
                column = b.mul(number, width)
                columns = minimum(b, width, b.sub(block["n"], column))
                panel = b.gep(place, [b.mul(number, block["panel_b"])])
                self._pack_transposed(b, block, "b", column, columns, panel, self.shape.width)

    def _pack_rows(
        self,
        b: ir.IRBuilder,
        block: Arguments,
        matrix: str,
        extent: list[ir.Value],
        panels: ir.Value,
        step: int,
    ) -> None:
        source = [block["begin"], block["depth"], block.pointer(matrix, self.array)]
        source += [block[f"{matrix}_width"], block.pointer(f"{matrix}_rows", INTS)]
        b.call(self.copy(step), [*extent, *source, panels, block[f"panel_{matrix}"]])

    def _pack_transposed(
        self,
        b: ir.IRBuilder,
        block: Arguments,
        matrix: str,
        first: ir.Value,
        count: ir.Value,
        panel: ir.Value,
        step: int,
    ) -> None:
        source = b.gep(block.pointer(matrix, self.array), [block["begin"]])
        arguments = [first, count, block["depth"], source, block[f"{matrix}_width"]]
        arguments += [block.pointer(f"{matrix}_rows", INTS), panel, i64(step)]
        b.call(self.transpose(), arguments)

    def _begin_sums(
        self,
        b: ir.IRBuilder,
        block: Arguments,
        begin: ir.Value,
        end: ir.Value,
        panels: ir.Value,
    ) -> None:
        """Store the initial sums: the start in the first block of k, if there is one; else 0."""
        is_first = b.icmp_signed("==", block["begin"], i64(0))
        known = b.and_(is_first, block.is_given("start"))
        start, width = block.pointer("start", self.array), i64(self.shape.width)
        n = block["n"]
        with counted_loop(b, end, name="panel", begin=begin) as number:
            place = b.gep(panels, [b.mul(number, block["panel_b"])])
            with counted_loop(b, width, self.lanes, name="line") as offset:
                column = b.add(b.mul(number, width), offset)
                count = b.select(known, b.sub(n, column), i64(0))
                mask = self.vectors.mask(b, count)
                values = self.vectors.masked_load(b, b.gep(start, [column]), mask)
                self.vectors.store(b, values, b.gep(place, [offset]))


def _whole_panels(
    b: ir.IRBuilder, step: int, height: ir.Value, tall: ir.Value, length: ir.Value
) -> ir.Value:
    """The number of panels that begin at least `step` before the end of a row."""
    room = b.sub(length, i64(step))
    up_to_tall = b.sdiv(room, height)
    beyond = b.sdiv(b.sub(room, tall), b.sub(height, i64(1)))
    count = b.select(b.icmp_signed("<", up_to_tall, tall), up_to_tall, beyond)
    some = b.icmp_signed(">=", room, i64(0))
    return b.select(some, b.add(count, i64(1)), i64(0))


def _row_number(b: ir.IRBuilder, rows: ir.Value, row: ir.Value) -> ir.Value:
    """The index in memory of a matrix's row: `rows[row]`, or `row` without `rows`."""
    before = b.block
    with b.if_then(b.icmp_signed("!=", b.ptrtoint(rows, INT), i64(0))):
        inside, index = b.block, b.load(b.gep(rows, [row]))
    number = b.phi(INT)
    number.add_incoming(row, before)
    number.add_incoming(index, inside)
    return number
