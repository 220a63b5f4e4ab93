"""Packed GEMM: c = a b in tiles, on all cores, as an LLVM module for this processor.

c[i, j] is the chain acc = fma(a[i, k], b[k, j], acc) for k = 0, 1, ..., from 0 or the start of its
column. If k is long, the chains of its blocks, those after the first from 0, are added in order.
The bits depend on the numbers and sizes alone, not on vectors, tiles or parts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np
from numpy.typing import DTypeLike

from handgrad.engines.compiled.gemm.arguments import (
    ARGUMENTS,
    INTS,
    NAMES,
    Arguments,
)
from handgrad.engines.compiled.gemm.kernels import CACHE_LINE, Kernels, ceil_div, k_block_sizes
from handgrad.engines.compiled.gemm.packing import Packing
from handgrad.engines.compiled.ir_helpers import (
    DOUBLE,
    INT,
    SINGLE,
    VOID,
    counted_loop,
    define_once,
    i64,
    maximum,
    minimum,
)
from handgrad.engines.compiled.parallel_for import parallel_for
from handgrad.engines.compiled.vectors import Vectors, vector_bytes
from handgrad.engines.loops.target import tile_for

NAME = "multiply"
# Bytes of packed panels that stay in the L2 cache, by the bytes of a vector. Measured for the first
# two: the smallest caches of such processors have 1 MiB and 512 KiB.
L2_BYTES = {64: 2**19, 32: 2**18, 16: 2**18}
WIDE = 4  # c with more columns for each row is divided by columns, as measured


def module_text(dtype: DTypeLike) -> str:
    """The text of the LLVM module for this processor."""
    module = ir.Module("gemm")
    module.triple = binding.get_process_triple()
    number = SINGLE if np.dtype(dtype) == np.float32 else DOUBLE
    _GemmWriter(Vectors(module, number, vector_bytes())).write()
    return str(module)


class _GemmWriter:
    """Writes a module's functions that plan a product and run its parts on all cores."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.module = vectors, vectors.module
        self.array = vectors.number.as_pointer()
        self.shape = tile_for(vectors.bytes, vectors.size)
        self.packing = Packing(vectors, self.shape)
        self.kernels = Kernels(vectors, self.shape)

    def write(self) -> None:
        """Write the function of the block of arguments, which it does not change."""
        function = ir.Function(self.module, ir.FunctionType(VOID, [INTS]), NAME)
        b = ir.IRBuilder(function.append_basic_block())
        memory = b.alloca(INT, i64(len(NAMES)))
        block, passed = self._arguments(b, memory), self._arguments(b, function.args[0])
        for argument in ARGUMENTS:
            block[argument] = passed[argument]
        self._plan_tiles(b, block)
        jobs = [
            define_once(self.module, name, [INTS, INT], write, INT)
            for name, write in (("packing", self._pack), ("tiling", self._multiply))
        ]
        blocks, block["most"] = k_block_sizes(b, block["k"])
        self._plan_panels(b, block)
        with counted_loop(b, blocks, name="block") as number:
            block["begin"] = begin = b.mul(number, block["most"])
            block["depth"] = minimum(b, block["most"], b.sub(block["k"], begin))
            for job in jobs:
                self._run(b, block, job)
        b.ret_void()

    def _arguments(self, b: ir.IRBuilder, memory: ir.Value) -> Arguments:
        return Arguments(b, memory, self.shape)

    def _plan_tiles(self, b: ir.IRBuilder, block: Arguments) -> None:
        """Plan the tiles of c, whose heights differ by one at most; tall ones come first."""
        m = block["m"]
        block["tiles"] = tiles = ceil_div(b, m, i64(self.shape.rows))
        block["height"] = height = maximum(b, ceil_div(b, m, tiles), i64(self.shape.least_height))
        tall = b.sub(m, b.mul(tiles, b.sub(height, i64(1))))
        block["tall"] = b.select(b.icmp_signed("<", tall, i64(0)), i64(0), tall)
        block["panels"] = ceil_div(b, block["n"], i64(self.shape.width))

    def _plan_panels(self, b: ir.IRBuilder, block: Arguments) -> None:
        """Plan the addresses of the panels in scratch memory, aligned to cache lines."""
        rows = b.add(block["most"], i64(1))
        block["panel_a"] = b.mul(i64(self.shape.step), rows)
        block["panel_b"] = b.mul(i64(self.shape.width), rows)
        block["packed_a"] = packed_a = _aligned(b, block["room"])
        length = b.mul(b.mul(block["tiles"], block["panel_a"]), i64(self.vectors.size))
        block["packed_b"] = _aligned(b, b.add(packed_a, length))

    def _run(self, b: ir.IRBuilder, block: Arguments, job: ir.Function) -> None:
        """Run a job in parts, on this thread if there is one part."""
        alone = b.icmp_signed("==", block["parts"], i64(1))
        with b.if_else(alone) as (yes, no):
            with yes:
                b.call(job, [block.memory, i64(0)])
            with no:
                workers = block.pointer("workers", INTS)
                b.call(parallel_for(self.module), [workers, job, block.memory, block["parts"]])

    def _pack(self, b: ir.IRBuilder) -> None:
        """Pack a part of the matrix that all parts read."""
        memory, part = b.function.args
        block = self._arguments(b, memory)
        with b.if_else(self._by_rows(b, block)) as (of_b, of_a):
            for which, name, count in ((of_b, "b", "panels"), (of_a, "a", "tiles")):
                with which:
                    begin, end = block.range_of(part, block[count])
                    self._pack_range(b, block, name, begin, end, begin)
        b.ret(i64(0))

    def _multiply(self, b: ir.IRBuilder) -> None:
        """Compute a part's rows or columns of c.

        Groups of its own panels are packed when they are needed: they stay in the L2 cache while
        they are multiplied, and the next group takes their place.
        """
        memory, part = b.function.args
        block = self._arguments(b, memory)
        by_rows = self._by_rows(b, block)
        by_columns = b.not_(by_rows)
        (row, last_row), (column, last_column) = (
            block.range_of(part, block[count]) for count in ("tiles", "panels")
        )
        row = b.select(by_rows, row, i64(0))
        last_row = b.select(by_rows, last_row, block["tiles"])
        column = b.select(by_rows, i64(0), column)
        last_column = b.select(by_rows, block["panels"], last_column)
        at_once = b.select(by_rows, self._at_once(b, block, "a"), b.sub(last_row, row))
        with groups(b, row, last_row, at_once) as (first_tile, last_tile):
            with b.if_then(by_rows):
                self._pack_range(b, block, "a", first_tile, last_tile, row)
            place_a = b.select(by_rows, row, first_tile)
            at_once = self._at_once(b, block, "b")
            with groups(b, column, last_column, at_once) as (first, last):
                with b.if_then(by_columns):
                    self._pack_range(b, block, "b", first, last, column)
                place_b = b.select(by_rows, first, column)
                right = b.gep(self._panel(b, block, "b", place_b), [i64(self.shape.width)])
                with counted_loop(b, last_tile, name="tile", begin=first_tile) as tile:
                    place = b.add(place_a, b.sub(tile, first_tile))
                    left = b.gep(self._panel(b, block, "a", place), [i64(self.shape.step)])
                    b.call(self.kernels.tiles(), [memory, tile, first, last, left, right])
        b.ret(i64(0))

    def _by_rows(self, b: ir.IRBuilder, block: Arguments) -> ir.Value:
        """True if the parts are rows of c, not columns: rows lie in one piece of memory."""
        return b.icmp_signed(">=", b.mul(block["m"], i64(WIDE)), block["n"])

    def _at_once(self, b: ir.IRBuilder, block: Arguments, matrix: str) -> ir.Value:
        """The number of panels that fit in the L2 cache."""
        size = b.mul(block[f"panel_{matrix}"], i64(self.vectors.size))
        return b.add(b.sdiv(i64(L2_BYTES[self.vectors.bytes]), size), i64(1))

    def _pack_range(
        self,
        b: ir.IRBuilder,
        block: Arguments,
        matrix: str,
        begin: ir.Value,
        end: ir.Value,
        place: ir.Value,
    ) -> None:
        pack = {"a": self.packing.pack_a, "b": self.packing.pack_b}[matrix]()
        b.call(pack, [block.memory, begin, end, self._panel(b, block, matrix, place)])

    def _panel(self, b: ir.IRBuilder, block: Arguments, matrix: str, number: ir.Value) -> ir.Value:
        panels = block.pointer(f"packed_{matrix}", self.array)
        return b.gep(panels, [b.mul(number, block[f"panel_{matrix}"])])


@contextmanager
def groups(
    b: ir.IRBuilder, begin: ir.Value, end: ir.Value, size: ir.Value
) -> Iterator[tuple[ir.Value, ir.Value]]:
    """Loop over groups of a range; yields the begin and end of each."""
    with counted_loop(b, ceil_div(b, b.sub(end, begin), size), name="group") as group:
        first = b.add(begin, b.mul(group, size))
        yield first, minimum(b, b.add(first, size), end)


def _aligned(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return b.and_(b.add(address, i64(CACHE_LINE - 1)), i64(-CACHE_LINE))
