"""PCG64: random draws with the bits of NumPy's generator, as LLVM IR.

O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for random
number generation", 2014: a linear congruential generator of 128 bits, s ← a s + c, whose halves are
mixed to one word of 64 bits. Each state depends on the one before; to hide that latency, several
later states are computed side by side: s ← aᵏ s + (1 + a + … + aᵏ⁻¹) c.
"""

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    SINGLE,
    counted_loop,
    define_once,
    i64,
    mark_noalias,
)
from handgrad.engines.loops.random_streams import MULTIPLIER

INT128 = ir.IntType(128)
LANES = 4
STATE, INCREMENT, HAS_HALF, HALF = 0, 2, 4, 5  # offsets in a stream's words


def draw(module: ir.Module, number: ir.Type, size: ir.IntType = INT) -> ir.Function:
    """The function that draws `count` numbers from [0, 1) into memory and advances the stream.

    Counts and sizes are of the integer type `size`.
    """
    kinds = [INT.as_pointer(), number.as_pointer(), size]
    return define_once(module, f"draw.{number}", kinds, _draw)


def _draw(b: ir.IRBuilder) -> None:
    stream, target, count = b.function.args
    mark_noalias(b.function)
    number = target.type.pointee
    if number == SINGLE:
        _halves(b, stream, b.bitcast(target, INT32.as_pointer()), count)
    else:
        b.call(words(b.module, count.type), [stream, b.bitcast(target, INT.as_pointer()), count])
    kind, bits, digits = (INT32, 32, 24) if number == SINGLE else (INT, 64, 53)
    raw = b.bitcast(target, kind.as_pointer())
    with counted_loop(b, count) as i:
        fraction = b.lshr(b.load(b.gep(raw, [i])), ir.Constant(kind, bits - digits))
        # its highest bit is 0: signed and unsigned conversions agree
        value = b.fmul(b.sitofp(fraction, number), ir.Constant(number, 2.0**-digits))
        b.store(value, b.gep(target, [i]))


def _halves(b: ir.IRBuilder, stream: ir.Value, target: ir.Value, count: ir.Value) -> None:
    """Write words as two 32-bit halves, the low one first; a half left over is stored for later."""
    has_half, half = b.gep(stream, [i64(HAS_HALF)]), b.gep(stream, [i64(HALF)])
    size, one = count.type, ir.Constant(count.type, 1)
    first = b.load(has_half)
    with b.if_then(b.icmp_signed("!=", first, i64(0))):
        b.store(b.trunc(b.load(half), INT32), target)
    first = first if size == INT else b.trunc(first, size)
    left = b.sub(count, first)
    pairs = b.ashr(left, one)
    place = b.bitcast(b.gep(target, [first]), INT.as_pointer())
    b.call(words(b.module, size), [stream, place, pairs])
    with b.if_then(b.icmp_signed(">", pairs, ir.Constant(size, 0))):
        last = b.load(b.gep(place, [b.sub(pairs, one)]), align=4)
        b.store(b.lshr(last, i64(32)), half)
    odd = b.and_(left, one)
    with b.if_then(b.icmp_signed("!=", odd, ir.Constant(size, 0))):
        b.call(words(b.module, size), [stream, half, one])
        word = b.load(half)
        b.store(b.trunc(word, INT32), b.gep(target, [b.sub(count, one)]))
        b.store(b.lshr(word, i64(32)), half)
    b.store(odd if size == INT else b.zext(odd, INT), has_half)


def words(module: ir.Module, size: ir.IntType) -> ir.Function:
    """The function that writes `count` words of a stream and advances it."""
    return define_once(module, "words", [INT.as_pointer(), INT.as_pointer(), size], _write_words)


def _write_words(b: ir.IRBuilder) -> None:
    stream, target, count = b.function.args
    mark_noalias(b.function)
    for_state, for_increment = (
        b.bitcast(b.gep(stream, [i64(at)]), INT128.as_pointer()) for at in (STATE, INCREMENT)
    )
    increment = b.load(for_increment, align=8)
    lanes = [b.alloca(INT128) for _ in range(LANES)]
    state = b.load(for_state, align=8)
    before = b.alloca(INT128)
    b.store(state, before)
    for lane in lanes:
        state = _after(b, state, increment, 1)
        b.store(state, lane)
    in_lanes = b.sub(count, b.srem(count, ir.Constant(count.type, LANES)))
    with counted_loop(b, in_lanes, LANES) as i:
        for k, lane in enumerate(lanes):
            state = b.load(lane)
            place = b.gep(target, [b.add(i, ir.Constant(i.type, k))])
            b.store(_mixed(b, state), place, align=4)
            b.store(state, before)
            b.store(_after(b, state, increment, LANES), lane)
    with counted_loop(b, count, begin=in_lanes) as i:
        state = _after(b, b.load(before), increment, 1)
        b.store(_mixed(b, state), b.gep(target, [i]), align=4)
        b.store(state, before)
    b.store(b.load(before), for_state, align=8)


def _after(b: ir.IRBuilder, state: ir.Value, increment: ir.Value, steps: int) -> ir.Value:
    """The state `steps` steps later."""
    factor, terms = pow(MULTIPLIER, steps, 2**128), 0
    for k in range(steps):
        terms = (terms + pow(MULTIPLIER, k, 2**128)) % 2**128
    return b.add(_times(b, state, factor), _times(b, increment, terms))


def _times(b: ir.IRBuilder, x: ir.Value, factor: int) -> ir.Value:
    """x times a 128-bit constant; by 64-bit words on machines without a wider product."""
    if b.function.args[-1].type == INT:
        return b.mul(x, ir.Constant(INT128, factor))
    high, low = factor >> 64, factor % 2**64
    x_high, x_low = b.trunc(b.lshr(x, ir.Constant(INT128, 64)), INT), b.trunc(x, INT)
    across = b.add(b.mul(x_high, i64(low)), b.mul(x_low, i64(high)))
    product_high = b.add(_high_half(b, x_low, low), across)
    product_low = b.zext(b.mul(x_low, i64(low)), INT128)
    shifted = b.shl(b.zext(product_high, INT128), ir.Constant(INT128, 64))
    return b.or_(shifted, product_low)


def _high_half(b: ir.IRBuilder, x: ir.Value, y: int) -> ir.Value:
    """The high word of the product of two words, by products of their halves."""
    half, most = i64(32), i64(2**32 - 1)
    x_high, x_low = b.lshr(x, half), b.and_(x, most)
    y_high, y_low = i64(y >> 32), i64(y % 2**32)
    left, right = b.mul(x_high, y_low), b.mul(x_low, y_high)
    carried = b.add(b.add(left, b.lshr(b.mul(x_low, y_low), half)), b.and_(right, most))
    return b.add(b.add(b.mul(x_high, y_high), b.lshr(right, half)), b.lshr(carried, half))


def _mixed(b: ir.IRBuilder, state: ir.Value) -> ir.Value:
    """The output function XSL-RR: xor of the state's halves, rotated by its highest six bits."""
    high = b.trunc(b.lshr(state, ir.Constant(INT128, 64)), INT)
    mixed, turn = b.xor(high, b.trunc(state, INT)), b.lshr(high, i64(58))
    back = b.and_(b.sub(i64(0), turn), i64(63))
    return b.or_(b.lshr(mixed, turn), b.shl(mixed, back))
