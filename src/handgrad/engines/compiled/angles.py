"""sin and cos, of angles whose whole quarters of a turn are taken off first."""

import math
from typing import Any

import llvmlite.ir as ir

from handgrad.engines.compiled.arithmetic import Pair, added, fused, polynomial
from handgrad.engines.compiled.ir_helpers import DOUBLE, INT, INT32, SINGLE

# π/2 as a sum; a whole number up to 2²⁷ times each but the last is exact in float64.
HALF_PI = (1.5707963109016418, 1.5893254712295857e-08, 6.123233995736766e-17)
LONG_HALF_PI = (*HALF_PI[:2], 6.123233932053594e-17, 6.368317163510949e-25)
SINE_SERIES = (1 / 362880, -1 / 5040, 1 / 120, -1 / 6)  # of (sin r / r − 1) / r², in r²
COSINE_SERIES = (-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2)  # of (cos r − 1) / r²
LONG_SINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(17, 1, -2))
LONG_COSINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(18, 2, -2))
# From 2²⁴ on, neighbours in float32 are 2 apart, a third of a turn. float64 stops there as well.
MOST_TURNED = 2.0**27
TO_WHOLE = 1.5 * 2.0**52  # a float64 beside it is rounded to a whole number, its last bits


def sin(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for sin x; NaN where |x| is 2²⁷ or more."""
    return _turned(b, x, 0)


def cos(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for cos x = sin(x + π/2)."""
    return _turned(b, x, 1)


def _turned(b: ir.IRBuilder, x: ir.Value, quarters: int) -> Any:
    """sin(x + quarters · π/2), with x = n π/2 + r."""
    kind, most = x.type, ir.Constant(x.type, MOST_TURNED)
    inside = b.and_(
        b.fcmp_ordered("<", x, most), b.fcmp_ordered(">", x, ir.Constant(kind, -MOST_TURNED))
    )
    known = b.select(inside, x, ir.Constant(kind, 0.0))
    wide = b.fpext(known, DOUBLE) if kind == SINGLE else known
    beside = b.fadd(b.fmul(wide, ir.Constant(DOUBLE, 2 / math.pi)), ir.Constant(DOUBLE, TO_WHOLE))
    n = b.fsub(beside, ir.Constant(DOUBLE, TO_WHOLE))
    sine, cosine = _short(b, wide, n) if kind == SINGLE else _long(b, wide, n)
    turn = b.add(b.trunc(b.bitcast(beside, INT), INT32), ir.Constant(INT32, quarters))
    y = b.select(_has_bit(b, turn, 1), cosine, sine)
    y = b.select(_has_bit(b, turn, 2), b.fneg(y), y)
    if quarters == 0:  # so that the sign of zero stays
        y = b.select(b.fcmp_ordered("==", x, ir.Constant(kind, 0.0)), x, y)
    return b.select(inside, y, ir.Constant(kind, math.nan))


def _short(b: ir.IRBuilder, x: ir.Value, n: ir.Value) -> Pair:
    """Sine and cosine, as float32, of r = x − n π/2."""
    for part in HALF_PI:
        x = fused(b, n, ir.Constant(DOUBLE, -part), x)
    r = b.fptrunc(x, SINGLE)
    r2 = b.fmul(r, r)
    sine = fused(b, b.fmul(r, r2), polynomial(b, r2, SINE_SERIES), r)
    one = ir.Constant(SINGLE, 1.0)
    return sine, fused(b, r2, polynomial(b, r2, COSINE_SERIES), one)


def _long(b: ir.IRBuilder, x: ir.Value, n: ir.Value) -> Pair:
    """Sine and cosine of x − n π/2 = r + rest: close to a zero, r alone has few digits."""
    one, half = (ir.Constant(DOUBLE, value) for value in (1.0, 0.5))
    first, second, third, last = (ir.Constant(DOUBLE, -part) for part in LONG_HALF_PI)
    near = fused(b, n, second, fused(b, n, first, x))  # exact, as is the product that is added
    r, rest = added(b, near, b.fmul(n, third))
    rest = fused(b, n, last, rest)
    r2 = b.fmul(r, r)
    half_r2 = b.fmul(half, r2)
    odd = fused(b, b.fmul(r, r2), polynomial(b, r2, LONG_SINE_SERIES), rest)
    sine = b.fadd(r, b.fsub(odd, b.fmul(half_r2, rest)))
    most = b.fsub(one, half_r2)
    even = b.fmul(b.fmul(r2, r2), polynomial(b, r2, LONG_COSINE_SERIES))
    even = b.fadd(even, b.fsub(b.fsub(one, most), half_r2))
    return sine, b.fadd(most, b.fsub(even, b.fmul(r, rest)))


def _has_bit(b: ir.IRBuilder, number: ir.Value, bit: int) -> Any:
    none = ir.Constant(INT32, 0)
    return b.icmp_signed("!=", b.and_(number, ir.Constant(INT32, bit)), none)
