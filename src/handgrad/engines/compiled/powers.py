"""Powers: exp(y log x), with a logarithm of twice the digits."""

import math
from typing import Any

import llvmlite.ir as ir

from handgrad.engines.compiled.arithmetic import (
    DOUBLE_FORMAT,
    Pair,
    added,
    fused,
    multiplied,
    polynomial,
    split,
)
from handgrad.engines.compiled.ir_helpers import DOUBLE, INT, INT32, SINGLE, intrinsic
from handgrad.engines.compiled.mathematics import exp, log

THIRD = (1 / 3, 2.0**-54 / 3)  # as a sum
# What follows 1 + z/3 in log m / 2s, by z², in z.
LONG_LOG_SERIES = tuple(1 / k for k in range(25, 4, -2))


def power(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> Any:
    """The code for x to the power of y, with what C and NumPy say of zeros, infinities and NaN."""
    kind, size = x.type, intrinsic(b, "fabs", x)
    zero, one, infinite = (ir.Constant(kind, value) for value in (0.0, 1.0, math.inf))
    if kind == SINGLE:
        product = b.fmul(b.fpext(y, DOUBLE), log(b, b.fpext(size, DOUBLE)))
        found = b.fptrunc(exp(b, product), SINGLE)
    else:
        found = _long_power(b, size, y)
    always_one = b.or_(b.fcmp_ordered("==", size, one), b.fcmp_ordered("==", y, zero))
    found = b.select(always_one, one, found)
    floor, half = intrinsic(b, "floor", y), b.fmul(y, ir.Constant(kind, 0.5))
    fraction = b.fcmp_unordered("!=", floor, y)
    odd = b.fcmp_unordered("!=", intrinsic(b, "floor", half), half)
    bits = b.bitcast(x, INT32 if kind == SINGLE else INT)
    minus = b.icmp_signed("<", bits, ir.Constant(bits.type, 0))
    turns = b.and_(minus, b.and_(odd, b.not_(fraction)))
    found = b.select(turns, b.fneg(found), found)
    below = b.and_(b.fcmp_ordered("<", x, zero), b.fcmp_ordered("<", size, infinite))
    found = b.select(b.and_(below, fraction), ir.Constant(kind, math.nan), found)
    nan = b.and_(b.fcmp_unordered("uno", x, y), b.not_(_one_anyway(b, x, y)))
    return b.select(nan, b.fadd(x, y), found)


def _one_anyway(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> Any:
    """Whether a power is 1 even of NaN, or by it."""
    zero, one = (ir.Constant(x.type, value) for value in (0.0, 1.0))
    return b.or_(b.fcmp_ordered("==", x, one), b.fcmp_ordered("==", y, zero))


def _long_power(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> Any:
    """exp(y log x) for x ≥ 0 in float64."""
    high, low = _long_log(b, x)
    product, rest = multiplied(b, y, high)
    # elsewhere it is 0 or infinite, and its rest may be NaN
    inside = b.and_(
        b.fcmp_ordered("<", product, ir.Constant(DOUBLE, DOUBLE_FORMAT.highest)),
        b.fcmp_ordered(">", product, ir.Constant(DOUBLE, DOUBLE_FORMAT.lowest)),
    )
    rest = b.select(inside, fused(b, y, low, rest), ir.Constant(DOUBLE, 0.0))
    return exp(b, product, rest)


def _long_log(b: ir.IRBuilder, x: ir.Value) -> Pair:
    """log x as a sum, exact to 2⁻⁶⁴ of it: n log 2 + 2s (1 + z/3 + z²/5 + …), z = s²."""
    zero, two = (ir.Constant(DOUBLE, value) for value in (0.0, 2.0))
    n, f = split(b, x)
    below, below_rest = added(b, two, f)
    s = b.fdiv(f, below)
    back, back_rest = multiplied(b, s, below)
    left = b.fsub(b.fsub(f, back), b.fadd(back_rest, b.fmul(s, below_rest)))
    s = s, b.fdiv(left, below)
    z = _product(b, s, s)
    tail = b.fmul(z[0], polynomial(b, z[0], LONG_LOG_SERIES))
    third, third_rest = (ir.Constant(DOUBLE, value) for value in THIRD)
    w, w_rest = added(b, third, tail)
    factor, factor_rest = _product(b, z, (w, b.fadd(w_rest, third_rest)))
    more, more_rest = added(b, ir.Constant(DOUBLE, 1.0), factor)
    twice = b.fmul(two, s[0]), b.fmul(two, s[1])
    high, low = _product(b, twice, (more, b.fadd(more_rest, factor_rest)))
    large, small = (b.fmul(n, ir.Constant(DOUBLE, part)) for part in DOUBLE_FORMAT.log2)
    total, rest = added(b, large, high)
    total, rest = added(b, total, b.fadd(rest, b.fadd(low, small)))
    usual = b.and_(
        b.fcmp_ordered(">", x, zero), b.fcmp_ordered("<", x, ir.Constant(DOUBLE, math.inf))
    )
    end = b.select(b.fcmp_ordered("==", x, zero), ir.Constant(DOUBLE, -math.inf), x)
    return b.select(usual, total, end), b.select(usual, rest, zero)


def _product(b: ir.IRBuilder, x: Pair, y: Pair) -> Pair:
    """The product of two sums."""
    high, low = multiplied(b, x[0], y[0])
    return high, fused(b, x[0], y[1], fused(b, x[1], y[0], low))
