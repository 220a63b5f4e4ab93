"""The module of a processor that multiplies matrices: c = a b, packed, in tiles, by all cores.

c[i, j] is the chain acc = fma(a[i, k], b[k, j], acc) for k = 0, 1, ..., which begins at 0 or at the
start of its column; if k is long, chains of its blocks, those after the first from 0, are added in
order. Nothing but numbers and sizes decides about the bits, whatever vectors, tiles and parts are.
"""

import hashlib
from functools import lru_cache, partial

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np
from numpy.typing import DTypeLike

from handgrad.engines.compiled import machine_code
from handgrad.engines.compiled.gemm.arguments import ARGUMENTS, INTS, NAMES, PLANNED_BY_SHAPE, Block
from handgrad.engines.compiled.gemm.blocks import blocks_of, upwards
from handgrad.engines.compiled.gemm.kernels import CACHE_LINE, Kernels
from handgrad.engines.compiled.gemm.packing import Packing
from handgrad.engines.compiled.ir_helpers import (
    DOUBLE,
    INT,
    SINGLE,
    VOID,
    counting,
    smaller,
    whole,
    written,
)
from handgrad.engines.compiled.thread_pool import share
from handgrad.engines.compiled.vectors import Vectors, vector_bytes
from handgrad.engines.loops.target import Tile, tiles_for

KEPT = 2**18  # bytes of a, packed, that stay in the second cache
# Its name in its own module, and how the one begins by which programs call it.
OWN_NAME, PREFIX = "multiply", "matrix_product"
known: dict[str, machine_code.MachineCode] = {}


def symbol(dtype: DTypeLike) -> str:
    """The name of this processor's function for numbers of this type."""
    features = binding.get_host_cpu_features().flatten()
    return _name(np.dtype(dtype).name, f"{binding.get_host_cpu_name()} {features}")


@lru_cache
def _name(dtype: str, processor: str) -> str:
    digest = hashlib.sha256(processor.encode()).hexdigest()
    return f"{PREFIX}_{dtype}_{digest[:16]}"


def make_known(dtype: DTypeLike) -> None:
    """Tell LLVM where the function begins; it is compiled once for a processor."""
    name = symbol(dtype)
    if name not in known:
        code = machine_code.loaded(name, lambda: module_text(dtype), OWN_NAME, passes=False)
        binding.add_symbol(name, code.address)
        known[name] = code  # which must live as long as what calls it


def module_text(dtype: DTypeLike) -> str:
    """The module for this processor as LLVM's text."""
    module = ir.Module("gemm")
    module.triple = binding.get_process_triple()
    number = SINGLE if np.dtype(dtype) == np.float32 else DOUBLE
    _Product(Vectors(module, number, vector_bytes())).write()
    return str(module)


class _Product:
    """Writes the functions of a module that share a product among the cores."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.module = vectors, vectors.module
        self.array = vectors.number.as_pointer()
        self.shapes = tiles_for(vectors.bytes, vectors.size)
        largest = max(shape.rows * shape.width for shape in self.shapes)
        self.packing, self.kernels = Packing(vectors), Kernels(vectors, largest)

    def write(self) -> None:
        """The function of the block of arguments; it leaves that as it is."""
        function = ir.Function(self.module, ir.FunctionType(VOID, [INTS]), OWN_NAME)
        b = ir.IRBuilder(function.append_basic_block())
        memory = b.alloca(INT, whole(len(NAMES)))
        block, given = Block(b, memory), Block(b, function.args[0])
        for argument in ARGUMENTS:
            block[argument] = given[argument]
        self._plan_tiles(b, block)
        jobs = [
            written(self.module, name, [INTS, INT], write, INT)
            for name, write in (("packing", self._pack), ("tiling", self._multiply))
        ]
        blocks, block["most"] = blocks_of(b, block["k"])
        self._plan_panels(b, block)
        with counting(b, blocks, name="block") as number:
            block["begin"] = begin = b.mul(number, block["most"])
            block["depth"] = smaller(b, block["most"], b.sub(block["k"], begin))
            for job in jobs:
                self._share(b, block, job)
        b.ret_void()

    def _plan_tiles(self, b: ir.IRBuilder, block: Block) -> None:
        """Which tiles c has: wide ones, or narrow ones if it is narrow; tall ones, then others."""
        wide, narrow = self.shapes
        few = b.icmp_signed("<=", block["n"], whole(narrow.width))
        for name, values in zip(
            PLANNED_BY_SHAPE, zip(self._of(wide), self._of(narrow), strict=True), strict=True
        ):
            block[name] = b.select(few, values[1], values[0])
        rows = block["rows"]
        block["tiles"] = tiles = upwards(b, block["m"], rows)
        tall = b.sub(block["m"], b.mul(tiles, b.sub(rows, whole(1))))
        block["tall"] = b.select(b.icmp_signed("<", tall, whole(0)), whole(0), tall)
        block["panels"] = upwards(b, block["n"], block["width"])

    def _of(self, shape: Tile) -> list[ir.Value]:
        """What depends on the shape of the tiles, in the order of `PLANNED_BY_SHAPE`."""
        sizes = [whole(size) for size in (shape.rows, shape.width, shape.step)]
        functions = [
            *(self.kernels.kernel(shape, shape.rows - less) for less in (0, 1)),
            *(write(shape.step) for write in (self.packing.copy, self.packing.across)),
            *(write(shape.width) for write in (self.packing.copy, self.packing.across)),
        ]
        return [*sizes, *(function.ptrtoint(INT) for function in functions)]

    def _plan_panels(self, b: ir.IRBuilder, block: Block) -> None:
        """Where panels lie in the room, each beginning where a line of the cache does."""
        rows = b.add(block["most"], whole(1))
        block["panel_a"] = b.mul(block["step"], rows)
        block["panel_b"] = b.mul(block["width"], rows)
        block["packed_a"] = packed_a = _aligned(b, block["room"])
        length = b.mul(b.mul(block["tiles"], block["panel_a"]), whole(self.vectors.size))
        block["packed_b"] = _aligned(b, b.add(packed_a, length))

    def _share(self, b: ir.IRBuilder, block: Block, job: ir.Function) -> None:
        """Have a job done in parts, by this thread if there is but one."""
        alone = b.icmp_signed("==", block["parts"], whole(1))
        with b.if_else(alone) as (yes, no):
            with yes:
                b.call(job, [block.memory, whole(0)])
            with no:
                workers = block.pointer("workers", INTS)
                b.call(share(self.module), [workers, job, block.memory, block["parts"]])

    def _pack(self, b: ir.IRBuilder) -> None:
        for write in (self.packing.pack_a, self.packing.pack_b):
            write(b)
        b.ret(whole(0))

    def _multiply(self, b: ir.IRBuilder) -> None:
        """A share of c's rows or columns: as many tiles of a as stay in the cache, at a time."""
        memory, part = b.function.args
        block = Block(b, memory)
        tiles, panels = block["tiles"], block["panels"]
        by_rows = b.icmp_signed(">", block["m"], block["n"])
        some_tiles, some_panels = block.share(part, tiles), block.share(part, panels)
        begin = b.select(by_rows, some_tiles[0], whole(0))
        end = b.select(by_rows, some_tiles[1], tiles)
        first = b.select(by_rows, whole(0), some_panels[0])
        last = b.select(by_rows, panels, some_panels[1])
        bytes_of_a = b.mul(block["panel_a"], whole(self.vectors.size))
        at_once = b.add(b.sdiv(whole(KEPT), bytes_of_a), whole(1))
        packed_a, packed_b = (block.pointer(x, self.array) for x in ("packed_a", "packed_b"))
        step, width = block["step"], block["width"]
        with counting(b, upwards(b, b.sub(end, begin), at_once), name="some") as some:
            start = b.add(begin, b.mul(some, at_once))
            stop = smaller(b, b.add(start, at_once), end)
            with counting(b, last, name="panel", begin=first) as panel:
                right = b.gep(packed_b, [b.add(b.mul(panel, block["panel_b"]), width)])
                with counting(b, stop, name="tile", begin=start) as tile:
                    left = b.gep(packed_a, [b.add(b.mul(tile, block["panel_a"]), step)])
                    b.call(self.kernels.tile(), [memory, tile, panel, left, right])
        b.ret(whole(0))


def _aligned(b: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return b.and_(b.add(address, whole(CACHE_LINE - 1)), whole(-CACHE_LINE))


for each in ("float32", "float64"):
    machine_code.others[f"{PREFIX}_{each}"] = partial(make_known, each)
