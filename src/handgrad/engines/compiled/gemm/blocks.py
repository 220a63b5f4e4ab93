"""The blocks of k of a product, as LLVM's intermediate representation."""

from collections.abc import Iterator
from contextlib import contextmanager

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import BIT, counting, smaller, whole
from handgrad.engines.loops.target import LINE, MAX_BLOCK_DEPTH


def blocks_of(b: ir.IRBuilder, k: ir.Value) -> tuple[ir.Value, ir.Value]:
    """How many blocks k has, and their depth, where it is known late; no k is one block."""
    count = upwards(b, k, whole(MAX_BLOCK_DEPTH))
    count = b.select(b.icmp_signed("<", count, whole(1)), whole(1), count)
    depth = b.mul(upwards(b, k, b.mul(count, whole(LINE))), whole(LINE))
    return count, smaller(b, k, depth)


@contextmanager
def each_block(
    b: ir.IRBuilder, k: ir.Value, several: bool
) -> Iterator[tuple[ir.Value, ir.Value, ir.Value]]:
    """The blocks of k, often but one: where it begins, how deep it is, whether it is the first."""
    if not several:
        yield whole(0), k, ir.Constant(BIT, 1)
        return
    count, most = blocks_of(b, k)
    with counting(b, count, name="block") as number:
        begin = b.mul(number, most)
        is_first = b.icmp_signed("==", number, whole(0))
        yield begin, smaller(b, most, b.sub(k, begin)), is_first


def upwards(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """x / y, rounded upwards."""
    return b.sdiv(b.add(x, b.sub(y, whole(1))), y)
