"""NumPy's `Generator.shuffle` of row numbers, to the bit, as LLVM's intermediate representation."""

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import INT, INT32, counting, declared, whole, written
from handgrad.engines.compiled.pcg64 import HALF, HAS_HALF, words


def shuffle(module: ir.Module) -> ir.Function:
    """The function that puts an order of n whole numbers of 32 bits in another, by a stream."""
    kinds = [INT.as_pointer(), INT32, INT32.as_pointer()]
    return written(module, "shuffle", kinds, _shuffle)


def _shuffle(b: ir.IRBuilder) -> None:
    """From the last number on, each is swapped with one up to it, itself included."""
    stream, n, order = b.function.args
    zeros = declared(b.module, "llvm.ctlz.i32", INT32, [INT32, ir.IntType(1)])
    with counting(b, n, begin=ir.Constant(INT32, 1)) as done:
        last = b.sub(n, done)
        shift = b.call(zeros, [last, ir.Constant(ir.IntType(1), 1)])
        digits = b.lshr(ir.Constant(INT32, -1), shift)
        again, found = (b.function.append_basic_block(name) for name in ("again", "found"))
        b.branch(again)
        b.position_at_end(again)  # what is above it is drawn anew
        drawn = b.and_(b.call(_next(b.module), [stream]), digits)
        b.cbranch(b.icmp_unsigned(">", drawn, last), again, found)
        b.position_at_end(found)
        one, other = b.gep(order, [last]), b.gep(order, [drawn])
        number = b.load(one)
        b.store(b.load(other), one)
        b.store(number, other)


def _next(module: ir.Module) -> ir.Function:
    """The function that draws 32 bits: half a word, of which the other half is kept."""
    return written(module, "next_half", [INT.as_pointer()], _draw_half, INT32)


def _draw_half(b: ir.IRBuilder) -> None:
    (stream,) = b.function.args
    has_half, half = b.gep(stream, [whole(HAS_HALF)]), b.gep(stream, [whole(HALF)])
    with b.if_then(b.icmp_signed("!=", b.load(has_half), whole(0))):
        b.store(whole(0), has_half)
        b.ret(b.trunc(b.load(half), INT32))
    b.call(words(b.module, INT32), [stream, half, ir.Constant(INT32, 1)])
    word = b.load(half)
    b.store(b.lshr(word, whole(32)), half)
    b.store(whole(1), has_half)
    b.ret(b.trunc(word, INT32))
