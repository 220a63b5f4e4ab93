"""Elementary functions: exp, expm1, log, log1p, power, sin, cos, tanh, erf and sign.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> value_of("exp", np.array([-np.inf, 0.0, 1.0, 710.0])).round(12).tolist()
[0.0, 1.0, 2.718281828459, inf]
>>> value_of("expm1", np.array([-np.inf, -0.0, 1e-20])).tolist()
[-1.0, -0.0, 1e-20]
>>> value_of("log", np.array([-1.0, 0.0, 5e-324, 10.0])).round(12).tolist()
[nan, -inf, -744.440071921381, 2.302585092994]
>>> value_of("log1p", np.array([-1.0, 1e-20])).tolist()
[-inf, 1e-20]
>>> x, y = np.array([10.0, -2.0, -2.0, 0.0, np.nan]), np.array([-2.0, 3.0, 0.5, -1.0, 0.0])
>>> value_of("power", x, y).tolist()
[0.01, -8.0, nan, inf, 1.0]
>>> x = np.array([np.pi / 6, 1e6 * np.pi, 2.0**27])
>>> value_of("sin", x).round(9).tolist(), value_of("cos", x).round(9).tolist()
([0.5, -0.0, nan], [0.866025404, 1.0, nan])
>>> for name in ("tanh", "erf", "sign"):
...     value_of(name, np.array([-np.inf, 0.0, 0.5, 30.0])).round(9).tolist()
[-1.0, 0.0, 0.462117157, 1.0]
[-1.0, 0.0, 0.520499878, 1.0]
[-1.0, 0.0, 1.0, 1.0]

exp, sin and cos reduce their argument as in Cody and Waite, "Software manual for the elementary
functions", Prentice-Hall (1980), chapters 6 and 8: log 2 and π/2 are sums whose first parts have
few digits, so that integer multiples of them are exact. log and log1p follow fdlibm (Sun
Microsystems, 1993), files e_log.c and s_log1p.c, with Taylor series."""

import math

from handgrad.engines.loops.functions.arithmetic import (
    LOG2,
    Format,
    Number,
    Pair,
    call,
    has_bit,
    holds,
    split_exponent,
    times_power_of_two,
    two_product,
    two_sum,
    where,
)
from handgrad.engines.loops.ir import Expression, cast
from handgrad.textbook.special_functions import ERF, ERF_END


def exp(form: Format, x: Expression, rest: Expression | None = None) -> Expression:
    """eˣ = 2ⁿ eʳ with the integer n nearest to x / log 2, and r = x − n log 2.

    `rest`, if any, is added to x: the low part of a double-double. If eˣ is 0, as in a masked
    softmax, it is not computed: arithmetic on subnormal numbers is slow.
    """
    counts = x > form.lowest
    n, near, low = _reduced(form, where(counts, x, 0.0))
    if rest is not None:
        low = low + rest
    y = times_power_of_two(_exp_series(form, near, low, 1.0), n)
    return where(counts, y, where(holds("isnan", x), x, 0.0))


def expm1(form: Format, x: Expression) -> Expression:
    """eˣ − 1 = 2ⁿ ((eʳ − 1) + (1 − 2⁻ⁿ)), exact where x is small."""
    lowest = -form.digits  # below it the result is −1
    n, near, low = _reduced(form, where(x > lowest, x, lowest))
    most = 2 * form.digits  # above it 1 − 2⁻ⁿ is 1
    inverse = times_power_of_two(x.beside(1.0), -where(n < most, n, most))
    y = times_power_of_two(_exp_series(form, near, low, 1.0 - inverse), n)
    return where(holds("isnan", x) | holds("equal", x, 0.0), x, y)  # keeps the sign of zero


def _reduced(form: Format, x: Expression) -> tuple[Expression, Expression, Expression]:
    """The integer n nearest to x / log 2, and the rest r as a sum."""
    inside = where(x < form.highest, x, form.highest)
    n = call("rint", inside * (1 / LOG2))
    high, low = form.log2
    return n, form.fma(n, n.beside(-high), inside), n * -low  # the product is exact


def _exp_series(form: Format, near: Expression, low: Expression, start: Number) -> Expression:
    """start + (eʳ − 1) with r = near + low, and eʳ − 1 = r (1 + r/2! + r²/3! + …)."""
    r = near + low
    series = [1 / math.factorial(k) for k in range(form.exp_terms - 1, 0, -1)]
    if form.fused:
        return form.fma(r, form.polynomial(r, series), start)
    rest = r * r * form.polynomial(r, series[:-1])  # the rounded r has too few digits
    return near + (rest + low) + start


def log(form: Format, x: Expression) -> Expression:
    """log x = n log 2 + log m with x = 2ⁿ m and m = 1 + f between √½ and √2.

    log m = 2 (s + s³/3 + s⁵/5 + …) with s = f/(f + 2); and 2 s = f − s f, of which f is exact.
    """
    n, f = split_exponent(form, x)
    s = f / (f + 2.0)
    z = s * s
    rest = z * form.polynomial(z, [2 / k for k in range(2 * form.log_terms - 1, 1, -2)])
    high, low = (n * part for part in form.log2)
    y = high + (f - (s * (f - rest) - low))
    outside = where(x < 0.0, math.nan, where(holds("equal", x, 0.0), -math.inf, x))
    return where((x > 0.0) & (x < math.inf), y, outside)


def log1p(form: Format, x: Expression) -> Expression:
    """log(1 + x) = log u + (x − (u − 1))/u, u being 1 + x rounded."""
    u = 1.0 + x
    y, rest = call("log", u), (x - (u - 1.0)) / u
    y = where((u > 0.0) & (u < math.inf), y + rest, y)
    return where(holds("equal", x, 0.0), x, y)


THIRD = (1 / 3, 2.0**-54 / 3)  # as a sum
# The coefficients after 1 + z/3 in log m / 2s, divided by z², in z.
LONG_LOG_SERIES = tuple(1 / k for k in range(25, 4, -2))


def power(form: Format, x: Expression, y: Expression) -> Expression:
    """x to the power of y; zeros, infinities and NaN as in C and NumPy."""
    size = call("abs", x)
    result = _short_power(size, y) if form.single else _long_power(form, size, y)
    result = where(holds("equal", size, 1.0) | holds("equal", y, 0.0), 1.0, result)
    half = y * 0.5
    fraction = holds("not_equal", call("floor", y), y)  # or NaN
    odd = holds("not_equal", call("floor", half), half)
    result = where(holds("signbit", x) & (odd & ~fraction), -result, result)
    below = (x < 0.0) & (size < math.inf)
    return where(below & fraction, math.nan, result)


def _short_power(x: Expression, y: Expression) -> Expression:
    """exp(y log x) for x ≥ 0 in float32, computed in float64."""
    log_x = call("log", cast(x, "double"))
    return cast(call("exp", cast(y, "double") * log_x), "float")


def _long_power(form: Format, x: Expression, y: Expression) -> Expression:
    """exp(y log x) for x ≥ 0 in float64."""
    high, low = _long_log(form, x)
    product, rest = two_product(form, y, high)
    # otherwise the result is 0 or infinite, and the rest may be NaN
    inside = (product < form.highest) & (product > form.lowest)
    return exp(form, product, where(inside, form.fma(y, low, rest), 0.0))


def _long_log(form: Format, x: Expression) -> Pair:
    """log x as a sum with relative error 2⁻⁶⁴: n log 2 + 2s (1 + z/3 + z²/5 + …), z = s²."""
    n, f = split_exponent(form, x)
    below, below_rest = two_sum(x.beside(2.0), f)
    s = f / below
    back, back_rest = two_product(form, s, below)
    s_rest = (f - back - (back_rest + s * below_rest)) / below
    z = _product(form, (s, s_rest), (s, s_rest))
    tail = z[0] * form.polynomial(z[0], LONG_LOG_SERIES)
    w, w_rest = two_sum(x.beside(THIRD[0]), tail)
    factor, factor_rest = _product(form, z, (w, w_rest + THIRD[1]))
    more, more_rest = two_sum(x.beside(1.0), factor)
    high, low = _product(form, (2.0 * s, 2.0 * s_rest), (more, more_rest + factor_rest))
    large, small = (n * part for part in form.log2)
    total, rest = two_sum(large, high)
    total, rest = two_sum(total, rest + (low + small))
    usual = (x > 0.0) & (x < math.inf)
    end = where(holds("equal", x, 0.0), -math.inf, x)
    return where(usual, total, end), where(usual, rest, 0.0)


def _product(form: Format, x: Pair, y: Pair) -> Pair:
    """The product of two double-doubles."""
    high, low = two_product(form, x[0], y[0])
    return high, form.fma(x[0], y[1], form.fma(x[1], y[0], low))


# π/2 as a sum; an integer up to 2²⁷ times any part except the last is exact in float64.
HALF_PI = (1.5707963109016418, 1.5893254712295857e-08, 6.123233995736766e-17)
LONG_HALF_PI = (*HALF_PI[:2], 6.123233932053594e-17, 6.368317163510949e-25)
SINE_SERIES = (1 / 362880, -1 / 5040, 1 / 120, -1 / 6)  # of (sin r / r − 1) / r², in r²
COSINE_SERIES = (-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2)  # of (cos r − 1) / r²
LONG_SINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(17, 1, -2))
LONG_COSINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(18, 2, -2))
# Above 2²⁴ adjacent float32 numbers differ by 2, a third of a turn. float64 has the same limit.
MOST_TURNED = 2.0**27
TO_WHOLE = 1.5 * 2.0**52  # adding it to a float64 rounds that to an integer


def sin(form: Format, x: Expression) -> Expression:
    """sin x; NaN where |x| is 2²⁷ or more."""
    # keeps the sign of zero
    return where(holds("equal", x, 0.0), x, _reduced_sine(form, x, 0))


def cos(form: Format, x: Expression) -> Expression:
    """cos x = sin(x + π/2)."""
    return _reduced_sine(form, x, 1)


def _reduced_sine(form: Format, x: Expression, quarters: int) -> Expression:
    """sin(x + quarters · π/2), with x = n π/2 + r."""
    inside = (x < MOST_TURNED) & (x > -MOST_TURNED)
    wide = cast(where(inside, x, 0.0), "double")
    n = wide * (2 / math.pi) + TO_WHOLE - TO_WHOLE
    sine, cosine = _short(form, wide, n) if form.single else _long(form, wide, n)
    turn = n + quarters if quarters else n
    y = where(has_bit(turn, 0), cosine, sine)
    y = where(has_bit(turn, 1), -y, y)
    return where(inside, y, math.nan)


def _short(form: Format, x: Expression, n: Expression) -> Pair:
    """Sine and cosine, as float32, of r = x − n π/2."""
    for part in HALF_PI:
        x = form.fma(n, n.beside(-part), x)
    r = cast(x, "float")
    r2 = r * r
    sine = form.fma(r * r2, form.polynomial(r2, SINE_SERIES), r)
    return sine, form.fma(r2, form.polynomial(r2, COSINE_SERIES), 1.0)


def _long(form: Format, x: Expression, n: Expression) -> Pair:
    """Sine and cosine of x − n π/2 = r + rest: near a zero, r alone has few digits."""
    first, second, third, last = (n.beside(-part) for part in LONG_HALF_PI)
    near = form.fma(n, second, form.fma(n, first, x))  # exact, as is the added product
    r, rest = two_sum(near, n * third)
    rest = form.fma(n, last, rest)
    r2 = r * r
    half_r2 = 0.5 * r2
    odd = form.fma(r * r2, form.polynomial(r2, LONG_SINE_SERIES), rest)
    sine = r + (odd - half_r2 * rest)
    most = 1.0 - half_r2
    even = r2 * r2 * form.polynomial(r2, LONG_COSINE_SERIES) + (1.0 - most - half_r2)
    return sine, most + (even - r * rest)


# tanh x = x p(x²) / q(x²) for float32: p and q of degree 4, a minimax fit of the relative error by
# reweighted least squares. Rounded, with and without fused multiply-add, the quotient is at most 1,
# and is 1 at the limit, to which x is clipped.
TANH_LIMIT = 8.134845
TANH_P = (1.48405139e-08, 2.16372435e-05, 0.00355668443, 0.134321213, 0.999999992)
TANH_Q = (8.37058616e-07, 0.000338643801, 0.0261082913, 0.467654471, 1.0)

# Taylor series of tanh x / x in x², for float64 near zero.
TANH_NEAR_ZERO = 0.05
TANH_SERIES = (-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1.0)


def tanh(form: Format, x: Expression) -> Expression:
    """tanh x."""
    return _rational_tanh(form, x) if form.single else _exponential_tanh(form, x)


def _rational_tanh(form: Format, x: Expression) -> Expression:
    """x p(x²) / q(x²)."""
    x = where(x > TANH_LIMIT, TANH_LIMIT, x)  # NaN compares false and passes
    x = where(x < -TANH_LIMIT, -TANH_LIMIT, x)
    x2 = x * x
    return x * form.polynomial(x2, TANH_P) / form.polynomial(x2, TANH_Q)


def _exponential_tanh(form: Format, x: Expression) -> Expression:
    """(1 − e)/(1 + e) with e = exp(−2|x|), which loses digits only near zero."""
    size = call("abs", x)
    e = call("exp", -2.0 * size)
    far = (1.0 - e) / (1.0 + e)
    near = size * form.polynomial(x * x, TANH_SERIES)
    y = where(size < TANH_NEAR_ZERO, near, far)
    return where(x < 0.0, -y, y)


def erf(form: Format, x: Expression) -> Expression:
    """2/√π ∫₀ˣ e^(−t²) dt = 1 − e^(−x²) (1/√π + 2 p(s)/(L + x))/(L + x), s = (L − x)/(L + x).

    For x ≥ 0. See `textbook.special_functions.erf` for the source; one division.
    """
    scale, coefficients = ERF["float32" if form.single else "float64"]
    size = call("abs", x)
    size = where(size > ERF_END, ERF_END, size)  # NaN compares false and passes
    inverse = 1.0 / (scale + size)
    s = (scale - size) * inverse
    p = 1 / math.sqrt(math.pi) + form.polynomial(s, coefficients) * (inverse + inverse)
    y = 1.0 - call("exp", -(size * size)) * p * inverse
    y = where(x < 0.0, -y, y)
    return where(holds("equal", x, 0.0), x, y)


def sign(form: Format, x: Expression) -> Expression:
    """−1 or 1; x itself if it is 0 or NaN."""
    return where(x < 0.0, -1.0, where(x > 0.0, 1.0, x))
