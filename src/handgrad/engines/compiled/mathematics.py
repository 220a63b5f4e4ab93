"""Functions that LLVM has no vector code for, written out in arithmetic that it can vectorise."""

import math
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from handgrad.base.functions import ERF, ERF_END
from handgrad.engines.compiled.ir_helpers import (
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    constant,
    intrinsic,
    rounds_once,
)

FAST = ("reassoc", "contract", "nsz", "arcp", "afn")
FUSED = ("contract",)  # a product and a sum rounded once

# tanh x = x p(x²) / q(x²) for float32: p and q of degree 4, fitted by reweighted least squares
# to the smallest largest relative error. As it is rounded, with fused multiply-add and without, the
# quotient is never above 1, and 1 at the limit, where x ends.
TANH_LIMIT = 8.134845
TANH_P = (1.48405139e-08, 2.16372435e-05, 0.00355668443, 0.134321213, 0.999999992)
TANH_Q = (8.37058616e-07, 0.000338643801, 0.0261082913, 0.467654471, 1.0)

# Taylor's series of tanh x / x in x², for float64 close to zero.
TANH_NEAR_ZERO = 0.05
TANH_SERIES = (-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1.0)

# π/2 as a sum; a whole number up to 2²⁷ times each of the first two is exact in float64.
HALF_PI = (1.5707963109016418, 1.5893254712295857e-08, 6.123233995736766e-17)
SINE_SERIES = (1 / 362880, -1 / 5040, 1 / 120, -1 / 6)  # of (sin r / r − 1) / r², in r²
COSINE_SERIES = (-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2)  # of (cos r − 1) / r²
MOST_TURNED = 2.0**27  # from 2²⁴ on, neighbours in float32 are 2 apart, a third of a turn
TO_WHOLE = 1.5 * 2.0**52  # a float64 beside it is rounded to a whole number, its last bits


@dataclass(frozen=True)
class Format:
    """How a type keeps its numbers, and how far exp and log must go in it."""

    integer: Any
    digits: int  # of the fraction
    bias: int  # of the exponent
    exp_terms: int  # of the series that count where |r| <= log(2) / 2
    log_terms: int  # of the series that count where √½ <= m <= √2
    lowest: float  # exp is 0 there
    highest: float  # and infinite there
    log2: tuple[float, float]  # as a sum; any exponent times the first is exact


SINGLE_FORMAT = Format(INT32, 23, 127, 8, 5, -105, 89, (0.693359375, -2.1219444005469057e-4))
DOUBLE_FORMAT = Format(
    INT, 52, 1023, 14, 11, -746, 710, (6.93147180369123816490e-01, 1.90821492927058770002e-10)
)


def _format(kind: ir.Type) -> Format:
    return SINGLE_FORMAT if kind == SINGLE else DOUBLE_FORMAT


def exp(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for exp x = 2ⁿ exp r with the whole number n that is nearest to x / log 2."""
    n, y = _reduced(b, x, _format(x.type).lowest)
    y = b.fadd(y, ir.Constant(x.type, 1.0), flags=FUSED)
    y = _scaled(b, y, n)
    return b.select(b.fcmp_unordered("uno", x, x), x, y)


def expm1(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for exp x − 1 = 2ⁿ ((exp r − 1) + (1 − 2⁻ⁿ)), exact where x is small."""
    one = ir.Constant(x.type, 1.0)
    n, y = _reduced(b, x, -_format(x.type).digits)  # below that it is −1
    most = ir.Constant(INT32, 2 * _format(x.type).digits)  # from there on 1 − 2⁻ⁿ is 1
    known = b.select(b.icmp_signed("<", n, most), n, most)
    inverse = _power_of_two(b, b.sub(ir.Constant(INT32, 0), known), x.type)
    y = _scaled(b, b.fadd(y, b.fsub(one, inverse)), n)
    # so that the sign of zero stays
    keeps = b.or_(b.fcmp_unordered("uno", x, x), b.fcmp_ordered("==", x, ir.Constant(x.type, 0.0)))
    return b.select(keeps, x, y)


def _reduced(b: ir.IRBuilder, x: ir.Value, lowest: float) -> tuple[Any, Any]:
    """The whole number n nearest to x / log 2, and exp r − 1 of the rest r."""
    kind, form = x.type, _format(x.type)
    low, high = ir.Constant(kind, lowest), ir.Constant(kind, form.highest)
    inside = b.select(b.fcmp_ordered(">", x, low), x, low)
    inside = b.select(b.fcmp_ordered("<", inside, high), inside, high)
    n = intrinsic(b, "rint", b.fmul(inside, constant(1 / math.log(2), kind)))
    high, low = (b.fmul(n, constant(part, kind), flags=FUSED) for part in form.log2)
    near = b.fsub(inside, high, flags=FUSED)  # exact
    r = b.fsub(near, low, flags=FUSED)
    series = tuple(1 / math.factorial(k) for k in range(form.exp_terms - 1, 0, -1))
    if rounds_once():
        y = b.fmul(r, polynomial(b, r, series), flags=FUSED)
    else:  # then r itself has lost too much
        rest = b.fmul(b.fmul(r, r), polynomial(b, r, series[:-1]))
        y = b.fadd(near, b.fsub(rest, low))
    return b.fptosi(n, INT32), y


def _scaled(b: ir.IRBuilder, y: ir.Value, n: ir.Value) -> Any:
    """2ⁿ y. 2ⁿ in two halves: one alone would overflow, or round, where the result does not."""
    half = b.ashr(n, ir.Constant(INT32, 1))
    for part in (half, b.sub(n, half)):
        y = b.fmul(y, _power_of_two(b, part, y.type))
    return y


def _power_of_two(b: ir.IRBuilder, n: ir.Value, kind: ir.Type) -> Any:
    """2ⁿ, by writing the exponent of a number of that type."""
    form = _format(kind)
    exponent = b.add(n, ir.Constant(INT32, form.bias))
    if form.integer != INT32:
        exponent = b.zext(exponent, form.integer)
    return b.bitcast(b.shl(exponent, ir.Constant(form.integer, form.digits)), kind)


def log(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for log x = n log 2 + log m with m between √½ and √2.

    log m = 2 (s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1).
    """
    kind, form = x.type, _format(x.type)
    zero, one = ir.Constant(kind, 0.0), ir.Constant(kind, 1.0)
    small = b.fcmp_ordered("<", x, ir.Constant(kind, 2.0 ** (1 - form.bias)))
    raised = b.select(small, b.fmul(x, ir.Constant(kind, 2.0**form.digits)), x)
    bits = b.bitcast(raised, form.integer)
    start = b.bitcast(constant(math.sqrt(0.5), kind), form.integer)
    place = ir.Constant(form.integer, form.digits)
    n = b.ashr(b.sub(bits, start), place)
    f = b.fsub(b.bitcast(b.sub(bits, b.shl(n, place)), kind), one)
    if form.integer != INT32:
        n = b.trunc(n, INT32)
    n = b.sub(n, b.select(small, ir.Constant(INT32, form.digits), ir.Constant(INT32, 0)))
    n = b.sitofp(n, kind)
    s = b.fdiv(f, b.fadd(f, ir.Constant(kind, 2.0)))
    z = b.fmul(s, s)
    series = tuple(2 / k for k in range(2 * form.log_terms - 1, 1, -2))
    rest = b.fmul(z, polynomial(b, z, series))
    # 2 s = f − s f, of which f is exact
    high, low = (b.fmul(n, constant(part, kind)) for part in form.log2)
    y = b.fadd(high, b.fsub(f, b.fsub(b.fmul(s, b.fsub(f, rest)), low)))
    outside = b.select(b.fcmp_ordered("==", x, zero), ir.Constant(kind, -math.inf), x)
    outside = b.select(b.fcmp_ordered("<", x, zero), ir.Constant(kind, math.nan), outside)
    finite = b.fcmp_ordered("<", x, ir.Constant(kind, math.inf))
    return b.select(b.and_(b.fcmp_ordered(">", x, zero), finite), y, outside)


def log1p(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for log(1 + x) = log u + (x − (u − 1))/u, u being 1 + x rounded."""
    kind = x.type
    one = ir.Constant(kind, 1.0)
    u = b.fadd(one, x)
    y = log(b, u)
    rest = b.fdiv(b.fsub(x, b.fsub(u, one)), u)
    inside = b.and_(
        b.fcmp_ordered(">", u, ir.Constant(kind, 0.0)),
        b.fcmp_ordered("<", u, ir.Constant(kind, math.inf)),
    )
    y = b.select(inside, b.fadd(y, rest), y)
    return b.select(b.fcmp_ordered("==", x, ir.Constant(kind, 0.0)), x, y)


def tanh(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for tanh x."""
    if x.type == SINGLE:
        return _rational_tanh(b, x)
    return _exponential_tanh(b, x)


def _rational_tanh(b: ir.IRBuilder, x: ir.Value) -> Any:
    top, bottom = (ir.Constant(x.type, limit) for limit in (TANH_LIMIT, -TANH_LIMIT))
    x = b.select(b.fcmp_ordered(">", x, top), top, x)  # NaN compares false, and passes
    x = b.select(b.fcmp_ordered("<", x, bottom), bottom, x)
    x2 = b.fmul(x, x, flags=FAST)
    numerator = b.fmul(x, polynomial(b, x2, TANH_P), flags=FAST)
    return b.fdiv(numerator, polynomial(b, x2, TANH_Q), flags=FAST)


def _exponential_tanh(b: ir.IRBuilder, x: ir.Value) -> Any:
    """(1 − e)/(1 + e) with e = exp(−2|x|), which loses digits only close to zero."""
    one, zero = ir.Constant(x.type, 1.0), ir.Constant(x.type, 0.0)
    size = intrinsic(b, "fabs", x)
    e = exp(b, b.fmul(ir.Constant(x.type, -2.0), size, flags=FAST))
    far = b.fdiv(b.fsub(one, e), b.fadd(one, e))
    x2 = b.fmul(x, x, flags=FAST)
    near = b.fmul(size, polynomial(b, x2, TANH_SERIES), flags=FAST)
    close = b.fcmp_ordered("<", size, ir.Constant(x.type, TANH_NEAR_ZERO))
    y = b.select(close, near, far)
    return b.select(b.fcmp_ordered("<", x, zero), b.fneg(y), y)


def erf(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for erf x, as `handgrad.base.functions.erf` computes it, with one division."""
    kind = x.type
    length, coefficients = ERF["float32" if kind == SINGLE else "float64"]
    zero, one, end, scale = (constant(value, kind) for value in (0.0, 1.0, ERF_END, length))
    size = intrinsic(b, "fabs", x)
    size = b.select(b.fcmp_ordered(">", size, end), end, size)  # NaN compares false, and passes
    inverse = b.fdiv(one, b.fadd(scale, size, flags=FAST), flags=FAST)
    s = b.fmul(b.fsub(scale, size, flags=FAST), inverse, flags=FAST)
    p = b.fmul(polynomial(b, s, coefficients), b.fadd(inverse, inverse), flags=FAST)
    p = b.fadd(constant(1 / math.pi**0.5, kind), p, flags=FAST)
    e = exp(b, b.fneg(b.fmul(size, size)))
    y = b.fsub(one, b.fmul(b.fmul(e, p, flags=FAST), inverse, flags=FAST), flags=FAST)
    y = b.select(b.fcmp_ordered("<", x, zero), b.fneg(y), y)
    return b.select(b.fcmp_ordered("==", x, zero), x, y)


def sin(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for sin x; libm's, one number after the other, for float64."""
    return _turned(b, x, 0) if x.type == SINGLE else intrinsic(b, "sin", x)


def cos(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for cos x = sin(x + π/2)."""
    return _turned(b, x, 1) if x.type == SINGLE else intrinsic(b, "cos", x)


def _turned(b: ir.IRBuilder, x: ir.Value, quarters: int) -> Any:
    """sin(x + quarters · π/2) for float32, with x = n π/2 + r; NaN beyond `MOST_TURNED`."""
    kind, most = x.type, ir.Constant(x.type, MOST_TURNED)
    inside = b.and_(
        b.fcmp_ordered("<", x, most), b.fcmp_ordered(">", x, ir.Constant(kind, -MOST_TURNED))
    )
    wide = b.fpext(b.select(inside, x, ir.Constant(kind, 0.0)), DOUBLE)
    beside = b.fadd(b.fmul(wide, ir.Constant(DOUBLE, 2 / math.pi)), ir.Constant(DOUBLE, TO_WHOLE))
    n, rest = b.fsub(beside, ir.Constant(DOUBLE, TO_WHOLE)), wide
    for part in HALF_PI:
        rest = b.fsub(rest, b.fmul(n, ir.Constant(DOUBLE, part)), flags=FUSED)
    r = b.fptrunc(rest, kind)
    r2 = b.fmul(r, r)
    sine = b.fmul(b.fmul(r, r2), polynomial(b, r2, SINE_SERIES))
    sine = b.fadd(r, sine, flags=FUSED)
    cosine = b.fmul(r2, polynomial(b, r2, COSINE_SERIES))
    cosine = b.fadd(ir.Constant(kind, 1.0), cosine, flags=FUSED)
    turn = b.add(b.trunc(b.bitcast(beside, INT), INT32), ir.Constant(INT32, quarters))
    y = b.select(_has_bit(b, turn, 1), cosine, sine)
    y = b.select(_has_bit(b, turn, 2), b.fneg(y), y)
    return b.select(inside, y, ir.Constant(kind, math.nan))


def _has_bit(b: ir.IRBuilder, whole: ir.Value, bit: int) -> Any:
    none = ir.Constant(INT32, 0)
    return b.icmp_signed("!=", b.and_(whole, ir.Constant(INT32, bit)), none)


def sign(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for −1, x itself where it is 0 or NaN, or 1."""
    zero = ir.Constant(x.type, 0.0)
    positive = b.select(b.fcmp_ordered(">", x, zero), ir.Constant(x.type, 1.0), x)
    return b.select(b.fcmp_ordered("<", x, zero), ir.Constant(x.type, -1.0), positive)


def polynomial(b: ir.IRBuilder, x: ir.Value, coefficients: tuple[float, ...]) -> Any:
    """The code for a polynomial in x, highest coefficient first, by Horner's rule."""
    total = constant(coefficients[0], x.type)
    for coefficient in coefficients[1:]:
        total = b.fadd(b.fmul(total, x, flags=FAST), constant(coefficient, x.type), flags=FAST)
    return total


WRITTEN_OUT = {
    function.__name__: function for function in (exp, expm1, log, log1p, tanh, erf, sin, cos, sign)
}
