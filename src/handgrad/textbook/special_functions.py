"""Special functions with the same bits on all processors: `erf`, `log2`, `power`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, np.dtype[Any]]


ERF_END = 9  # erf is 1 to the last digit from here on; x² would overflow far beyond
# L and the coefficients of p, highest power first: sums of cos nθ over a grid of angles, rounded
# once. They are constants because the last digits of cos depend on the processor.
ERF: dict[str, tuple[float, tuple[float, ...]]] = {
    "float32": (
        3.7606030930863934,
        (
            *(-1.4742731218415559e-08, -1.4871913157634646e-07, 7.423415990558731e-08),
            *(9.520915116775385e-07, -6.512434151050798e-08, -6.451117611615113e-06),
            *(-5.111169444917406e-06, 4.145751721242945e-05, 9.814581810892006e-05),
            *(-0.00016113009692418956, -0.0011928210147636024, -0.0017307240967378153),
            *(0.006026110195026273, 0.042984283879017225, 0.14575157593250515),
            *(0.35704125599214176, 0.7008013310382897, 1.1520634115639845),
            *(1.6232081325119645, 1.9853009774971668),
        ),
    ),
    "float64": (
        5.045378491522287,
        (
            *(5.356397231623708e-14, -8.0462931842076e-14, -3.2388606409130177e-13),
            *(4.4316208447898867e-13, 2.0980451293143975e-12, -2.117068426189266e-12),
            *(-1.431251932894725e-11, 6.3462718680565725e-12, 9.939318003198806e-11),
            *(3.197191940931435e-11, -6.634847174225408e-10, -9.092238352249389e-10),
            *(3.7734431235714784e-09, 1.1883887267478965e-08, -1.0962277865446237e-08),
            *(-1.1303157194259348e-07, -1.2894842920244968e-07, 6.741655663823053e-07),
            *(2.7654086657435452e-06, 1.4187058478742701e-06, -2.1741186565527046e-05),
            *(-8.817797141863541e-05, -0.00011396630644463281, 0.0004629031693998175),
            *(0.0035484447086995613, 0.013898253763251473, 0.04105104301657709),
            *(0.10084293371847967, 0.2150163632010741, 0.4073424189503343),
            *(0.6956621918971003, 1.081358037176589, 1.5401625788153654),
            *(2.0193976436113505, 2.445378492851921, 2.74074502740986),
        ),
    ),
}


def erf(x: Array) -> Array:
    """Error function 2/√π ∫₀ˣ e^(−t²) dt of each number, to within 1e-15 (float32: 6e-7).

    For x ≥ 0, erf x = 1 − e^(−x²) (1/√π + 2 p/(L + x)) / (L + x), where p is a polynomial in
    (L − x)/(L + x). For x < 0, erf x = −erf(−x).

    Weideman, "Computation of the complex error function", SIAM Journal on Numerical Analysis
    31 (1994): his rational series for w(z), at z = ix.

    >>> erf(np.array([0.0, 1.0, -9.0])).round(12)
    array([ 0.        ,  0.84270079, -1.        ])
    """
    if not isinstance(x, np.ndarray) and hasattr(x, "__array_function__"):
        # Array-likes may override erf, as NumPy's own functions.
        return x.__array_function__(erf, (type(x),), (x,), {})
    return series_of_erf(x)


def series_of_erf(x: Array) -> Array:
    """Error function of each number of an array, by the series in `erf`."""
    scale, (first, *others) = ERF["float32" if np.asarray(x).dtype == np.float32 else "float64"]
    size = np.minimum(np.abs(x), ERF_END)
    s = (scale - size) / (scale + size)
    p = first * s + others[0]
    for a in others[1:]:
        p = p * s + a
    rest = np.exp(-size * size) * (1 / np.pi**0.5 + 2 * p / (scale + size)) / (scale + size)
    result: Array = np.sign(x) * (1 - rest)
    return result


# Coefficients of (atanh s − s)/s³ in s²: 1/25, 1/23, ..., 1/3; of exp: 1/14!, ..., 1.
ATANH_SERIES = tuple(1 / k for k in range(25, 1, -2))
EXP_SERIES = tuple(1 / math.factorial(k) for k in range(14, -1, -1))
LOG_OF_2 = 0.6931471805599453


def log2(x: npt.ArrayLike) -> Array:
    """Base-2 logarithm of positive numbers, in float64, by arithmetic alone.

    With x = 2ᵉ m, √½ ≤ m < √2: log₂ x = e + log₂ m, and log m = 2 atanh((m − 1)/(m + 1)).

    >>> log2([0.25, 1.0, 10.0]).round(12).tolist()
    [-2.0, 0.0, 3.321928094887]
    """
    m, e = np.frexp(np.asarray(x, float))
    low = m < 0.5**0.5
    s = (m * (1 + low) - 1) / (m * (1 + low) + 1)
    result: Array = e - low + 2 * (s + s * s * s * _polynomial(s * s, ATANH_SERIES)) / LOG_OF_2
    return result


def power(x: float, y: npt.ArrayLike) -> Array:
    """Powers of x > 0 with the exponents y, in float64, by arithmetic alone, to within 1e-14.

    xʸ = 2ᶻ with z = y log₂ x, and 2ᶻ = 2ⁿ exp((z − n) log 2) with the whole number n nearest to z.

    >>> power(10.0, [-1.0, 0.0, 2.0]).round(12).tolist()
    [0.1, 1.0, 100.0]
    """
    z = np.asarray(y, float) * log2(x)
    n = np.rint(z)
    result: Array = np.ldexp(_polynomial((z - n) * LOG_OF_2, EXP_SERIES), n.astype(int))
    return result


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """Polynomial with these coefficients, highest power first, by Horner's rule."""
    first, *others = coefficients
    value = np.full_like(x, first)
    for coefficient in others:
        value = value * x + coefficient
    return value
