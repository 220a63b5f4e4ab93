"""sin and cos, of angles whose whole quarters of a turn are taken off first.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> x = np.array([np.pi / 6, 1e6 * np.pi, 2.0**27])
>>> value_of("sin", x).round(9).tolist(), value_of("cos", x).round(9).tolist()
([0.5, -0.0, nan], [0.866025404, 1.0, nan])

Cody and Waite, "Software manual for the elementary functions", Prentice-Hall (1980), chapter 8:
π/2 as a sum whose parts have few digits, so that whole numbers times them are exact.
"""

import math

from handgrad.engines.loops.functions.arithmetic import Format, Pair, added, has_bit, holds, where
from handgrad.engines.loops.ir import Expression, cast

# π/2 as a sum; a whole number up to 2²⁷ times each but the last is exact in float64.
HALF_PI = (1.5707963109016418, 1.5893254712295857e-08, 6.123233995736766e-17)
LONG_HALF_PI = (*HALF_PI[:2], 6.123233932053594e-17, 6.368317163510949e-25)
SINE_SERIES = (1 / 362880, -1 / 5040, 1 / 120, -1 / 6)  # of (sin r / r − 1) / r², in r²
COSINE_SERIES = (-1 / 3628800, 1 / 40320, -1 / 720, 1 / 24, -1 / 2)  # of (cos r − 1) / r²
LONG_SINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(17, 1, -2))
LONG_COSINE_SERIES = tuple((-1) ** (k // 2) / math.factorial(k) for k in range(18, 2, -2))
# From 2²⁴ on, neighbours in float32 are 2 apart, a third of a turn. float64 stops there as well.
MOST_TURNED = 2.0**27
TO_WHOLE = 1.5 * 2.0**52  # a float64 beside it is rounded to a whole number


def sin(form: Format, x: Expression) -> Expression:
    """sin x; NaN where |x| is 2²⁷ or more."""
    # so that the sign of zero stays
    return where(holds("equal", x, 0.0), x, _turned(form, x, 0))


def cos(form: Format, x: Expression) -> Expression:
    """cos x = sin(x + π/2)."""
    return _turned(form, x, 1)


def _turned(form: Format, x: Expression, quarters: int) -> Expression:
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
    """Sine and cosine of x − n π/2 = r + rest: close to a zero, r alone has few digits."""
    first, second, third, last = (n.beside(-part) for part in LONG_HALF_PI)
    near = form.fma(n, second, form.fma(n, first, x))  # exact, as is the product that is added
    r, rest = added(near, n * third)
    rest = form.fma(n, last, rest)
    r2 = r * r
    half_r2 = 0.5 * r2
    odd = form.fma(r * r2, form.polynomial(r2, LONG_SINE_SERIES), rest)
    sine = r + (odd - half_r2 * rest)
    most = 1.0 - half_r2
    even = r2 * r2 * form.polynomial(r2, LONG_COSINE_SERIES) + (1.0 - most - half_r2)
    return sine, most + (even - r * rest)
