"""Draws from NumPy's PCG64, with NumPy's own bits, as LLVM's intermediate representation.

O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for random
number generation", 2014: a state of 128 bits is multiplied and added to, s ← a s + c, and its two
halves are mixed to one word of 64 bits. As each state waits for the one before, several states
further on are computed side by side: s ← aᵏ s + (1 + a + … + aᵏ⁻¹) c.
"""

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    INT,
    INT32,
    SINGLE,
    counting,
    keep_apart,
    whole,
    written,
)

INT128 = ir.IntType(128)
MULTIPLIER = (2549297995355413924 << 64) + 4865540595714422341
LANES = 4
STATE, INCREMENT, HAS_HALF, HALF = 0, 2, 4, 5  # where they stand among a stream's words


def draw(module: ir.Module, number: ir.Type) -> ir.Function:
    """The function that draws `count` numbers from [0, 1) into memory, and moves the stream on."""
    kinds = [INT.as_pointer(), number.as_pointer(), INT]
    return written(module, f"draw.{number}", kinds, _draw)


def _draw(b: ir.IRBuilder) -> None:
    stream, target, count = b.function.args
    keep_apart(b.function)
    number = target.type.pointee
    if number == SINGLE:
        _halves(b, stream, b.bitcast(target, INT32.as_pointer()), count)
    else:
        b.call(_words(b.module), [stream, b.bitcast(target, INT.as_pointer()), count])
    kind, bits, digits = (INT32, 32, 24) if number == SINGLE else (INT, 64, 53)
    raw = b.bitcast(target, kind.as_pointer())
    with counting(b, count) as i:
        kept = b.lshr(b.load(b.gep(raw, [i])), ir.Constant(kind, bits - digits))
        # of that many digits, so that as a signed number it is the same
        value = b.fmul(b.sitofp(kept, number), ir.Constant(number, 2.0**-digits))
        b.store(value, b.gep(target, [i]))


def _halves(b: ir.IRBuilder, stream: ir.Value, target: ir.Value, count: ir.Value) -> None:
    """Words as pairs of 32 bits, the low half first; a half that is left is kept for next time."""
    has_half, half = b.gep(stream, [whole(HAS_HALF)]), b.gep(stream, [whole(HALF)])
    first = b.load(has_half)
    with b.if_then(b.icmp_signed("!=", first, whole(0))):
        b.store(b.trunc(b.load(half), INT32), target)
    left = b.sub(count, first)
    pairs = b.ashr(left, whole(1))
    place = b.bitcast(b.gep(target, [first]), INT.as_pointer())
    b.call(_words(b.module), [stream, place, pairs])
    with b.if_then(b.icmp_signed(">", pairs, whole(0))):
        last = b.load(b.gep(place, [b.sub(pairs, whole(1))]), align=4)
        b.store(b.lshr(last, whole(32)), half)
    odd = b.and_(left, whole(1))
    with b.if_then(b.icmp_signed("!=", odd, whole(0))):
        word = b.alloca(INT)
        b.call(_words(b.module), [stream, word, whole(1)])
        b.store(b.trunc(b.load(word), INT32), b.gep(target, [b.sub(count, whole(1))]))
        b.store(b.lshr(b.load(word), whole(32)), half)
    b.store(odd, has_half)


def _words(module: ir.Module) -> ir.Function:
    """The function that writes `count` words of a stream, and moves it on."""
    return written(module, "words", [INT.as_pointer(), INT.as_pointer(), INT], _write_words)


def _write_words(b: ir.IRBuilder) -> None:
    stream, target, count = b.function.args
    keep_apart(b.function)
    for_state, for_increment = (
        b.bitcast(b.gep(stream, [whole(at)]), INT128.as_pointer()) for at in (STATE, INCREMENT)
    )
    increment = b.load(for_increment, align=8)
    lanes = [b.alloca(INT128) for _ in range(LANES)]
    state = b.load(for_state, align=8)
    before = b.alloca(INT128)
    b.store(state, before)
    for lane in lanes:
        state = _after(b, state, increment, 1)
        b.store(state, lane)
    in_lanes = b.sub(count, b.srem(count, whole(LANES)))
    with counting(b, in_lanes, LANES) as i:
        for k, lane in enumerate(lanes):
            state = b.load(lane)
            b.store(_mixed(b, state), b.gep(target, [b.add(i, whole(k))]), align=4)
            b.store(state, before)
            b.store(_after(b, state, increment, LANES), lane)
    with counting(b, count, begin=in_lanes) as i:
        state = _after(b, b.load(before), increment, 1)
        b.store(_mixed(b, state), b.gep(target, [i]), align=4)
        b.store(state, before)
    b.store(b.load(before), for_state, align=8)


def _after(b: ir.IRBuilder, state: ir.Value, increment: ir.Value, steps: int) -> ir.Value:
    """The state that many steps on."""
    factor, terms = pow(MULTIPLIER, steps, 2**128), 0
    for k in range(steps):
        terms = (terms + pow(MULTIPLIER, k, 2**128)) % 2**128
    added = b.mul(increment, ir.Constant(INT128, terms))
    return b.add(b.mul(state, ir.Constant(INT128, factor)), added)


def _mixed(b: ir.IRBuilder, state: ir.Value) -> ir.Value:
    """Both halves of a state xor-ed, and turned to the right by its highest six bits."""
    high = b.trunc(b.lshr(state, ir.Constant(INT128, 64)), INT)
    mixed, turn = b.xor(high, b.trunc(state, INT)), b.lshr(high, whole(58))
    back = b.and_(b.sub(whole(0), turn), whole(63))
    return b.or_(b.lshr(mixed, turn), b.shl(mixed, back))
