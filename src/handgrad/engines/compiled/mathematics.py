"""Functions that LLVM has no vector code for, written out in arithmetic that it can vectorise."""

from typing import Any

import llvmlite.ir as ir
import numpy as np

FAST = ("reassoc", "contract", "nsz", "arcp", "afn")

# tanh x = x p(x²) / q(x²) for float32: p and q of degree 4, fitted by reweighted least squares
# to the smallest largest relative error up to the limit; beyond it tanh is 1 in float32.
TANH_LIMIT = 7.90531110763549805
TANH_P = (1.54183785e-08, 2.20170912e-05, 0.00357864113, 0.134503308, 0.999999994)
TANH_Q = (8.59510249e-07, 0.000342306205, 0.0261909214, 0.467836588, 1.0)

# Taylor's series of tanh x / x in x², for float64 close to zero.
TANH_NEAR_ZERO = 0.05
TANH_SERIES = (-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1.0)


def tanh(b: Any, x: Any, intrinsic: Any) -> Any:
    """The code for tanh x; `b` builds it, `intrinsic(name)` is LLVM's function for x's type."""
    if isinstance(x.type, ir.FloatType):
        return _rational_tanh(b, x)
    return _exponential_tanh(b, x, intrinsic)


def _rational_tanh(b: Any, x: Any) -> Any:
    top, bottom = (ir.Constant(x.type, limit) for limit in (TANH_LIMIT, -TANH_LIMIT))
    x = b.select(b.fcmp_ordered(">", x, top), top, x)  # NaN compares false, and passes
    x = b.select(b.fcmp_ordered("<", x, bottom), bottom, x)
    x2 = b.fmul(x, x, flags=FAST)
    numerator = b.fmul(x, polynomial(b, x2, TANH_P), flags=FAST)
    return b.fdiv(numerator, polynomial(b, x2, TANH_Q), flags=FAST)


def _exponential_tanh(b: Any, x: Any, intrinsic: Any) -> Any:
    """(1 − e)/(1 + e) with e = exp(−2|x|), which loses digits only close to zero."""
    one, zero = ir.Constant(x.type, 1.0), ir.Constant(x.type, 0.0)
    size = b.call(intrinsic("fabs"), [x])
    e = b.call(intrinsic("exp"), [b.fmul(ir.Constant(x.type, -2.0), size, flags=FAST)])
    far = b.fdiv(b.fsub(one, e), b.fadd(one, e))
    x2 = b.fmul(x, x, flags=FAST)
    near = b.fmul(size, polynomial(b, x2, TANH_SERIES), flags=FAST)
    close = b.fcmp_ordered("<", size, ir.Constant(x.type, TANH_NEAR_ZERO))
    y = b.select(close, near, far)
    return b.select(b.fcmp_ordered("<", x, zero), b.fneg(y), y)


def polynomial(b: Any, x2: Any, coefficients: tuple[float, ...]) -> Any:
    """The code for a polynomial in x², highest coefficient first, by Horner's rule."""
    total = ir.Constant(x2.type, _rounded(coefficients[0], x2.type))
    for coefficient in coefficients[1:]:
        product = b.fmul(total, x2, flags=FAST)
        total = b.fadd(product, ir.Constant(x2.type, _rounded(coefficient, x2.type)), flags=FAST)
    return total


def _rounded(value: float, kind: Any) -> float:
    """A constant that LLVM can hold in this type."""
    return float(np.float32(value)) if isinstance(kind, ir.FloatType) else value
