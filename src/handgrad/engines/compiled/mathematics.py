"""Functions that LLVM has no vector code for, written out in arithmetic that it can vectorise.

Each operation is rounded as it stands: the bits are the same on every processor with fused
multiply-add, whatever its vectors are.
"""

import math
from typing import Any

import llvmlite.ir as ir

from handgrad.base.functions import ERF, ERF_END
from handgrad.engines.compiled.arithmetic import (
    format_of,
    fused,
    polynomial,
    power_of_two,
    scaled,
    split,
)
from handgrad.engines.compiled.ir_helpers import (
    INT32,
    SINGLE,
    constant,
    intrinsic,
    rounds_once,
)

# tanh x = x p(x²) / q(x²) for float32: p and q of degree 4, fitted by reweighted least squares
# to the smallest largest relative error. As it is rounded, with fused multiply-add and without, the
# quotient is never above 1, and 1 at the limit, where x ends.
TANH_LIMIT = 8.134845
TANH_P = (1.48405139e-08, 2.16372435e-05, 0.00355668443, 0.134321213, 0.999999992)
TANH_Q = (8.37058616e-07, 0.000338643801, 0.0261082913, 0.467654471, 1.0)

# Taylor's series of tanh x / x in x², for float64 close to zero.
TANH_NEAR_ZERO = 0.05
TANH_SERIES = (-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1.0)

LOG2 = 0.6931471805599453


def exp(b: ir.IRBuilder, x: ir.Value, rest: ir.Value | None = None) -> Any:
    """The code for exp x = 2ⁿ exp r with the whole number n that is nearest to x / log 2.

    `rest`, if any, is added to x: what is too small for its digits.
    """
    n, near, low = _reduced(b, x, format_of(x.type).lowest)
    if rest is not None:
        low = b.fadd(low, rest)
    y = scaled(b, _risen(b, near, low, ir.Constant(x.type, 1.0)), n)
    return b.select(b.fcmp_unordered("uno", x, x), x, y)


def expm1(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for exp x − 1 = 2ⁿ ((exp r − 1) + (1 − 2⁻ⁿ)), exact where x is small."""
    one = ir.Constant(x.type, 1.0)
    n, near, low = _reduced(b, x, -format_of(x.type).digits)  # below that it is −1
    most = ir.Constant(INT32, 2 * format_of(x.type).digits)  # from there on 1 − 2⁻ⁿ is 1
    known = b.select(b.icmp_signed("<", n, most), n, most)
    inverse = power_of_two(b, b.sub(ir.Constant(INT32, 0), known), x.type)
    y = scaled(b, _risen(b, near, low, b.fsub(one, inverse)), n)
    # so that the sign of zero stays
    keeps = b.or_(b.fcmp_unordered("uno", x, x), b.fcmp_ordered("==", x, ir.Constant(x.type, 0.0)))
    return b.select(keeps, x, y)


def _reduced(b: ir.IRBuilder, x: ir.Value, lowest: float) -> tuple[Any, Any, Any]:
    """The whole number n nearest to x / log 2, and the rest, as a sum."""
    kind, form = x.type, format_of(x.type)
    low, high = ir.Constant(kind, lowest), ir.Constant(kind, form.highest)
    inside = b.select(b.fcmp_ordered(">", x, low), x, low)
    inside = b.select(b.fcmp_ordered("<", inside, high), inside, high)
    n = intrinsic(b, "rint", b.fmul(inside, constant(1 / LOG2, kind)))
    high, low = (constant(-part, kind) for part in form.log2)
    return b.fptosi(n, INT32), fused(b, n, high, inside), b.fmul(n, low)  # the second is exact


def _risen(b: ir.IRBuilder, near: ir.Value, low: ir.Value, start: ir.Value) -> Any:
    """start + (exp r − 1) with r = near + low."""
    r = b.fadd(near, low)
    series = tuple(1 / math.factorial(k) for k in range(format_of(r.type).exp_terms - 1, 0, -1))
    if rounds_once():
        return fused(b, r, polynomial(b, r, series), start)
    # then r itself has lost too much
    rest = b.fmul(b.fmul(r, r), polynomial(b, r, series[:-1]))
    return b.fadd(b.fadd(near, b.fadd(rest, low)), start)


def log(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for log x = n log 2 + log m with m between √½ and √2.

    log m = 2 (s + s³/3 + s⁵/5 + …) with s = (m − 1)/(m + 1).
    """
    kind, form = x.type, format_of(x.type)
    zero = ir.Constant(kind, 0.0)
    n, f = split(b, x)
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
    x2 = b.fmul(x, x)
    numerator = b.fmul(x, polynomial(b, x2, TANH_P))
    return b.fdiv(numerator, polynomial(b, x2, TANH_Q))


def _exponential_tanh(b: ir.IRBuilder, x: ir.Value) -> Any:
    """(1 − e)/(1 + e) with e = exp(−2|x|), which loses digits only close to zero."""
    one, zero = ir.Constant(x.type, 1.0), ir.Constant(x.type, 0.0)
    size = intrinsic(b, "fabs", x)
    e = exp(b, b.fmul(ir.Constant(x.type, -2.0), size))
    far = b.fdiv(b.fsub(one, e), b.fadd(one, e))
    x2 = b.fmul(x, x)
    near = b.fmul(size, polynomial(b, x2, TANH_SERIES))
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
    inverse = b.fdiv(one, b.fadd(scale, size))
    s = b.fmul(b.fsub(scale, size), inverse)
    p = b.fmul(polynomial(b, s, coefficients), b.fadd(inverse, inverse))
    p = b.fadd(constant(1 / math.sqrt(math.pi), kind), p)
    e = exp(b, b.fneg(b.fmul(size, size)))
    y = b.fsub(one, b.fmul(b.fmul(e, p), inverse))
    y = b.select(b.fcmp_ordered("<", x, zero), b.fneg(y), y)
    return b.select(b.fcmp_ordered("==", x, zero), x, y)


def sign(b: ir.IRBuilder, x: ir.Value) -> Any:
    """The code for −1, x itself where it is 0 or NaN, or 1."""
    zero = ir.Constant(x.type, 0.0)
    positive = b.select(b.fcmp_ordered(">", x, zero), ir.Constant(x.type, 1.0), x)
    return b.select(b.fcmp_ordered("<", x, zero), ir.Constant(x.type, -1.0), positive)
