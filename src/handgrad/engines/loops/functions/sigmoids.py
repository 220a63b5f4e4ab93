"""tanh and erf, which rise from −1 to 1; and sign, which has nothing between them but 0.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> for name in ("tanh", "erf", "sign"):
...     value_of(name, np.array([-np.inf, 0.0, 0.5, 30.0])).round(9).tolist()
[-1.0, 0.0, 0.462117157, 1.0]
[-1.0, 0.0, 0.520499878, 1.0]
[-1.0, 0.0, 1.0, 1.0]
"""

import math

from handgrad.engines.loops.functions.arithmetic import Format, call, holds, where
from handgrad.engines.loops.ir import Expression
from handgrad.textbook.special_functions import ERF, ERF_END

# tanh x = x p(x²) / q(x²) for float32: p and q of degree 4, fitted by reweighted least squares
# to the smallest largest relative error. As it is rounded, with fused multiply-add and without, the
# quotient is never above 1, and 1 at the limit, where x ends.
TANH_LIMIT = 8.134845
TANH_P = (1.48405139e-08, 2.16372435e-05, 0.00355668443, 0.134321213, 0.999999992)
TANH_Q = (8.37058616e-07, 0.000338643801, 0.0261082913, 0.467654471, 1.0)

# Taylor's series of tanh x / x in x², for float64 close to zero.
TANH_NEAR_ZERO = 0.05
TANH_SERIES = (-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1.0)


def tanh(form: Format, x: Expression) -> Expression:
    """tanh x."""
    return _rational_tanh(form, x) if form.single else _exponential_tanh(form, x)


def _rational_tanh(form: Format, x: Expression) -> Expression:
    """x p(x²) / q(x²)."""
    x = where(x > TANH_LIMIT, TANH_LIMIT, x)  # NaN compares false, and passes
    x = where(x < -TANH_LIMIT, -TANH_LIMIT, x)
    x2 = x * x
    return x * form.polynomial(x2, TANH_P) / form.polynomial(x2, TANH_Q)


def _exponential_tanh(form: Format, x: Expression) -> Expression:
    """(1 − e)/(1 + e) with e = exp(−2|x|), which loses digits only close to zero."""
    size = call("abs", x)
    e = call("exp", -2.0 * size)
    far = (1.0 - e) / (1.0 + e)
    near = size * form.polynomial(x * x, TANH_SERIES)
    y = where(size < TANH_NEAR_ZERO, near, far)
    return where(x < 0.0, -y, y)


def erf(form: Format, x: Expression) -> Expression:
    """2/√π ∫₀ˣ e^(−t²) dt = 1 − e^(−x²) (1/√π + 2 p(s)/(L + x))/(L + x), s = (L − x)/(L + x).

    For x ≥ 0, as `textbook.functions.erf` computes it, which has the source; one division.
    """
    scale, coefficients = ERF["float32" if form.single else "float64"]
    size = call("abs", x)
    size = where(size > ERF_END, ERF_END, size)  # NaN compares false, and passes
    inverse = 1.0 / (scale + size)
    s = (scale - size) * inverse
    p = 1 / math.sqrt(math.pi) + form.polynomial(s, coefficients) * (inverse + inverse)
    y = 1.0 - call("exp", -(size * size)) * p * inverse
    y = where(x < 0.0, -y, y)
    return where(holds("equal", x, 0.0), x, y)


def sign(form: Format, x: Expression) -> Expression:
    """−1, x itself where it is 0 or NaN, or 1."""
    return where(x < 0.0, -1.0, where(x > 0.0, 1.0, x))
