"""Packing: into panels, where the numbers that a tile needs for each k stand side by side.

They are those of its rows, from a, or of its columns, from b. A panel begins with a line of its
own: before b's the start of the sums stands there, and panels whole powers of two apart would
drive each other out of the cache.
"""

from functools import partial

import llvmlite.ir as ir

from handgrad.engines.compiled.gemm.arguments import INTS, Block
from handgrad.engines.compiled.ir_helpers import INT, counting, smaller, whole, written
from handgrad.engines.compiled.vectors import Vectors, corner

EVER = 2**40  # more panels than there are: all are tall


class Packing:
    """Writes the functions of a module that pack a and b."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.lanes, self.module = vectors, vectors.lanes, vectors.module
        self.array = vectors.number.as_pointer()

    def copy(self, step: int) -> ir.Function:
        """Copies rows of a matrix that lies as panels do: each row to all the panels.

        The panels from `begin` to `end` have `height` numbers of a row, those from `tall` on one
        less. Whole vectors are read; where a row has less than a panel's step left, what it has.
        """
        kinds = [*[INT] * 5, *[INT, INT, self.array, INT, INTS], self.array, INT]
        return written(self.module, f"copy.{step}", kinds, partial(self._copy, step))

    def _copy(self, step: int, b: ir.IRBuilder) -> None:
        begin, end, height, tall, length, *rest = b.function.args
        first, depth, source, width, rows, panels, apart = rest
        parts = [whole(part) for part in range(0, step, self.lanes)]
        inner = smaller(b, _whole_panels(b, step, height, tall, length), end)
        with counting(b, depth, name="k") as k:
            row = corner(b, source, _row_number(b, rows, b.add(first, k)), width, whole(0))
            place = b.gep(panels, [b.mul(k, whole(step))])

            def start_of(panel: ir.Value) -> ir.Value:
                shorter = b.sub(panel, smaller(b, panel, tall))
                return b.sub(b.mul(panel, height), shorter)

            with counting(b, inner, name="whole", begin=begin) as panel:
                start = b.gep(row, [start_of(panel)])
                out = b.gep(place, [b.mul(panel, apart)])
                for part in parts:
                    vector = self.vectors.load(b, b.gep(start, [part]))
                    self.vectors.store(b, vector, b.gep(out, [part]))
            outer = b.select(b.icmp_signed(">", inner, begin), inner, begin)
            with counting(b, end, name="partial", begin=outer) as panel:
                offset = start_of(panel)
                start, left = b.gep(row, [offset]), b.sub(length, offset)
                out = b.gep(place, [b.mul(panel, apart)])
                for part in parts:
                    mask = self.vectors.mask(b, b.sub(left, part))
                    vector = self.vectors.load_some(b, b.gep(start, [part]), mask)
                    self.vectors.store(b, vector, b.gep(out, [part]))

    def across(self, step: int) -> ir.Function:
        """Copies `depth` numbers of each of `count` <= step rows, which become a panel's columns.

        Squares as wide as a vector are turned in registers: whole lines of the cache are read at
        once, as rows a power of two apart would drive each other out of it. The last square begins
        so early that it ends where the rows do; what has no row gets the last one's numbers.
        """
        kinds = [INT, INT, INT, self.array, INT, INTS, self.array]
        return written(self.module, f"across.{step}", kinds, partial(self._across, step))

    def _across(self, step: int, b: ir.IRBuilder) -> None:
        first, count, depth, source, width, rows, panel = b.function.args
        lanes, vectors = self.lanes, self.vectors
        spare = b.alloca(vectors.number, whole(lanes * lanes))
        few = b.icmp_signed("<", depth, whole(lanes))
        with counting(b, whole(step), lanes, name="part") as part:
            last = b.sub(count, whole(1))
            here = [smaller(b, b.add(part, whole(r)), last) for r in range(lanes)]
            numbers = [_row_number(b, rows, b.add(first, r)) for r in here]
            starts = [corner(b, source, number, width, whole(0)) for number in numbers]
            out = b.gep(panel, [part])
            with counting(b, depth, lanes, name="k") as position:
                k = b.select(few, whole(0), smaller(b, position, b.sub(depth, whole(lanes))))
                square = self._loaded(b, few, [b.gep(start, [k]) for start in starts], depth)
                place = b.select(few, spare, b.gep(out, [b.mul(k, whole(step))]))
                apart = b.select(few, whole(lanes), whole(step))
                for r, value in enumerate(vectors.square(b, square)):
                    vectors.store(b, value, b.gep(place, [b.mul(whole(r), apart)]))
            with b.if_then(few), counting(b, depth, name="k") as k:
                value = vectors.load(b, b.gep(spare, [b.mul(k, whole(lanes))]))
                vectors.store(b, value, b.gep(out, [b.mul(k, whole(step))]))

    def _loaded(
        self, b: ir.IRBuilder, few: ir.Value, places: list[ir.Value], depth: ir.Value
    ) -> list[ir.Value]:
        """A vector from each place, or what there is of it."""
        found = []
        with b.if_else(few) as (some, all_of_them):
            with some:
                mask = self.vectors.mask(b, depth)
                found.append([self.vectors.load_some(b, place, mask) for place in places])
                blocks = [b.block]
            with all_of_them:
                found.append([self.vectors.load(b, place) for place in places])
                blocks.append(b.block)
        phis = [b.phi(self.vectors.type) for _ in places]
        for values, block in zip(found, blocks, strict=True):
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, block)
        return phis

    def pack_a(self, b: ir.IRBuilder) -> None:
        """A part's share of a's panels."""
        memory, part = b.function.args
        block = Block(b, memory)
        begin, end = block.share(part, block["tiles"])
        panels = self._after_the_line(b, block, "a")
        with b.if_else(block.is_given("a_transposed")) as (as_panels, across):
            with as_panels:
                of = [begin, end, block["rows"], block["tall"], block["m"]]
                self._copied(b, block, "a", of, panels)
            with across, counting(b, end, name="tile", begin=begin) as tile:
                row, rows, _ = block.rows_of(tile)
                panel = b.gep(panels, [b.mul(tile, block["panel_a"])])
                self._turned(b, block, "a", row, rows, panel)

    def pack_b(self, b: ir.IRBuilder) -> None:
        """A part's share of b's panels, and before each of them where its sums begin."""
        memory, part = b.function.args
        block = Block(b, memory)
        begin, end = block.share(part, block["panels"])
        self._begin_sums(b, block, begin, end)
        panels, width = self._after_the_line(b, block, "b"), block["width"]
        with b.if_else(block.is_given("b_transposed")) as (across, as_panels):
            with as_panels:
                self._copied(b, block, "b", [begin, end, width, whole(EVER), block["n"]], panels)
            with across, counting(b, end, name="panel", begin=begin) as number:
                column = b.mul(number, width)
                columns = smaller(b, width, b.sub(block["n"], column))
                panel = b.gep(panels, [b.mul(number, block["panel_b"])])
                self._turned(b, block, "b", column, columns, panel)

    def _after_the_line(self, b: ir.IRBuilder, block: Block, matrix: str) -> ir.Value:
        line = block["step" if matrix == "a" else "width"]
        return b.gep(block.pointer(f"packed_{matrix}", self.array), [line])

    def _copied(
        self, b: ir.IRBuilder, block: Block, matrix: str, of: list[ir.Value], panels: ir.Value
    ) -> None:
        copy = block.pointer(f"copy_{matrix}", self.copy(self.lanes).type)
        given = [block["begin"], block["depth"], block.pointer(matrix, self.array)]
        given += [block[f"{matrix}_width"], block.pointer(f"{matrix}_rows", INTS)]
        b.call(copy, [*of, *given, panels, block[f"panel_{matrix}"]])

    def _turned(
        self,
        b: ir.IRBuilder,
        block: Block,
        matrix: str,
        first: ir.Value,
        count: ir.Value,
        panel: ir.Value,
    ) -> None:
        across = block.pointer(f"across_{matrix}", self.across(self.lanes).type)
        source = b.gep(block.pointer(matrix, self.array), [block["begin"]])
        given = [first, count, block["depth"], source, block[f"{matrix}_width"]]
        b.call(across, [*given, block.pointer(f"{matrix}_rows", INTS), panel])

    def _begin_sums(self, b: ir.IRBuilder, block: Block, begin: ir.Value, end: ir.Value) -> None:
        """The start for the first block of k, 0 for the others and where there is no start."""
        is_first = b.icmp_signed("==", block["begin"], whole(0))
        known = b.and_(is_first, block.is_given("start"))
        start, width = block.pointer("start", self.array), block["width"]
        panels, n = block.pointer("packed_b", self.array), block["n"]
        with counting(b, end, name="panel", begin=begin) as number:
            place = b.gep(panels, [b.mul(number, block["panel_b"])])
            with counting(b, width, self.lanes, name="line") as offset:
                column = b.add(b.mul(number, width), offset)
                count = b.select(known, b.sub(n, column), whole(0))
                mask = self.vectors.mask(b, count)
                values = self.vectors.load_some(b, b.gep(start, [column]), mask)
                self.vectors.store(b, values, b.gep(place, [offset]))


def _whole_panels(
    b: ir.IRBuilder, step: int, height: ir.Value, tall: ir.Value, length: ir.Value
) -> ir.Value:
    """How many panels begin at least `step` before the end of a row."""
    room = b.sub(length, whole(step))
    up_to_tall = b.sdiv(room, height)
    beyond = b.sdiv(b.sub(room, tall), b.sub(height, whole(1)))
    count = b.select(b.icmp_signed("<", up_to_tall, tall), up_to_tall, beyond)
    some = b.icmp_signed(">=", room, whole(0))
    return b.select(some, b.add(count, whole(1)), whole(0))


def _row_number(b: ir.IRBuilder, rows: ir.Value, row: ir.Value) -> ir.Value:
    """The number in memory of a matrix's row, which `rows` may say."""
    before = b.block
    with b.if_then(b.icmp_signed("!=", b.ptrtoint(rows, INT), whole(0))):
        inside, found = b.block, b.load(b.gep(rows, [row]))
    number = b.phi(INT)
    number.add_incoming(row, before)
    number.add_incoming(found, inside)
    return number
