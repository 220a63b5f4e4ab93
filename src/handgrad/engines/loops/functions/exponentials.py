"""exp and expm1: whole powers of two, times a short series.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> value_of("exp", np.array([-np.inf, 0.0, 1.0, 710.0])).round(12).tolist()
[0.0, 1.0, 2.718281828459, inf]
>>> value_of("expm1", np.array([-np.inf, -0.0, 1e-20])).tolist()
[-1.0, -0.0, 1e-20]

Cody and Waite, "Software manual for the elementary functions", Prentice-Hall (1980), chapter 6:
log 2 as a sum whose first part has few digits, so that whole numbers times it are exact.
"""

import math

from handgrad.engines.loops.functions.arithmetic import (
    LOG2,
    Format,
    Number,
    call,
    holds,
    times_power_of_two,
    where,
)
from handgrad.engines.loops.ir import Expression


def exp(form: Format, x: Expression, rest: Expression | None = None) -> Expression:
    """eˣ = 2ⁿ eʳ with the whole number n that is nearest to x / log 2, and r = x − n log 2.

    `rest`, if any, is added to x: what is too small for its digits. Where eˣ is 0, as in a softmax
    of what is barred, it is not computed: processors take their time for products that vanish.
    """
    counts = x > form.lowest
    n, near, low = _reduced(form, where(counts, x, 0.0))
    if rest is not None:
        low = low + rest
    y = times_power_of_two(_risen(form, near, low, 1.0), n)
    return where(counts, y, where(holds("isnan", x), x, 0.0))


def expm1(form: Format, x: Expression) -> Expression:
    """eˣ − 1 = 2ⁿ ((eʳ − 1) + (1 − 2⁻ⁿ)), exact where x is small."""
    lowest = -form.digits  # below that it is −1
    n, near, low = _reduced(form, where(x > lowest, x, lowest))
    most = 2 * form.digits  # from there on 1 − 2⁻ⁿ is 1
    inverse = times_power_of_two(x.beside(1.0), -where(n < most, n, most))
    y = times_power_of_two(_risen(form, near, low, 1.0 - inverse), n)
    return where(holds("isnan", x) | holds("equal", x, 0.0), x, y)  # the sign of zero stays


def _reduced(form: Format, x: Expression) -> tuple[Expression, Expression, Expression]:
    """The whole number n nearest to x / log 2, and the rest r, as a sum."""
    inside = where(x < form.highest, x, form.highest)
    n = call("rint", inside * (1 / LOG2))
    high, low = form.log2
    return n, form.fma(n, n.beside(-high), inside), n * -low  # the second is exact


def _risen(form: Format, near: Expression, low: Expression, start: Number) -> Expression:
    """start + (eʳ − 1) with r = near + low, and eʳ − 1 = r (1 + r/2! + r²/3! + …)."""
    r = near + low
    series = [1 / math.factorial(k) for k in range(form.exp_terms - 1, 0, -1)]
    if form.fused:
        return form.fma(r, form.polynomial(r, series), start)
    rest = r * r * form.polynomial(r, series[:-1])  # r itself has lost too much
    return near + (rest + low) + start
