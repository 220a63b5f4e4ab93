"""Powers: exp(y log x), with a logarithm of twice the digits.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> x, y = np.array([10.0, -2.0, -2.0, 0.0, np.nan]), np.array([-2.0, 3.0, 0.5, -1.0, 0.0])
>>> value_of("power", x, y).tolist()
[0.01, -8.0, nan, inf, 1.0]
"""

import math

from handgrad.engines.loops.functions.arithmetic import (
    Format,
    Pair,
    added,
    call,
    holds,
    multiplied,
    split,
    where,
)
from handgrad.engines.loops.functions.exponentials import exp
from handgrad.engines.loops.ir import Expression, cast

THIRD = (1 / 3, 2.0**-54 / 3)  # as a sum
# What follows 1 + z/3 in log m / 2s, by z², in z.
LONG_LOG_SERIES = tuple(1 / k for k in range(25, 4, -2))


def power(form: Format, x: Expression, y: Expression) -> Expression:
    """x to the power of y, with what C and NumPy say of zeros, infinities and NaN."""
    size = call("abs", x)
    found = _short_power(size, y) if form.single else _long_power(form, size, y)
    found = where(holds("equal", size, 1.0) | holds("equal", y, 0.0), 1.0, found)
    half = y * 0.5
    fraction = holds("not_equal", call("floor", y), y)  # or NaN
    odd = holds("not_equal", call("floor", half), half)
    found = where(holds("signbit", x) & (odd & ~fraction), -found, found)
    below = (x < 0.0) & (size < math.inf)
    return where(below & fraction, math.nan, found)


def _short_power(x: Expression, y: Expression) -> Expression:
    """exp(y log x) for x ≥ 0 in float32, by way of float64."""
    log_x = call("log", cast(x, "double"))
    return cast(call("exp", cast(y, "double") * log_x), "float")


def _long_power(form: Format, x: Expression, y: Expression) -> Expression:
    """exp(y log x) for x ≥ 0 in float64."""
    high, low = _long_log(form, x)
    product, rest = multiplied(form, y, high)
    # elsewhere it is 0 or infinite, and its rest may be NaN
    inside = (product < form.highest) & (product > form.lowest)
    return exp(form, product, where(inside, form.fma(y, low, rest), 0.0))


def _long_log(form: Format, x: Expression) -> Pair:
    """log x as a sum, exact to 2⁻⁶⁴ of it: n log 2 + 2s (1 + z/3 + z²/5 + …), z = s²."""
    n, f = split(form, x)
    below, below_rest = added(x.beside(2.0), f)
    s = f / below
    back, back_rest = multiplied(form, s, below)
    s_rest = (f - back - (back_rest + s * below_rest)) / below
    z = _product(form, (s, s_rest), (s, s_rest))
    tail = z[0] * form.polynomial(z[0], LONG_LOG_SERIES)
    w, w_rest = added(x.beside(THIRD[0]), tail)
    factor, factor_rest = _product(form, z, (w, w_rest + THIRD[1]))
    more, more_rest = added(x.beside(1.0), factor)
    high, low = _product(form, (2.0 * s, 2.0 * s_rest), (more, more_rest + factor_rest))
    large, small = (n * part for part in form.log2)
    total, rest = added(large, high)
    total, rest = added(total, rest + (low + small))
    usual = (x > 0.0) & (x < math.inf)
    end = where(holds("equal", x, 0.0), -math.inf, x)
    return where(usual, total, end), where(usual, rest, 0.0)


def _product(form: Format, x: Pair, y: Pair) -> Pair:
    """The product of two sums."""
    high, low = multiplied(form, x[0], y[0])
    return high, form.fma(x[0], y[1], form.fma(x[1], y[0], low))
