"""log and log1p: an exponent, and a series for what is left.

>>> import numpy as np
>>> from handgrad.engines.loops.functions.numpy_eval import value_of
>>> value_of("log", np.array([-1.0, 0.0, 5e-324, 10.0])).round(12).tolist()
[nan, -inf, -744.440071921381, 2.302585092994]
>>> value_of("log1p", np.array([-1.0, 1e-20])).tolist()
[-inf, 1e-20]

Both as in fdlibm (Sun Microsystems, 1993), files e_log.c and s_log1p.c, with series of Taylor's.
"""

import math

from handgrad.engines.loops.functions.arithmetic import Format, call, holds, split, where
from handgrad.engines.loops.ir import Expression


def log(form: Format, x: Expression) -> Expression:
    """log x = n log 2 + log m with x = 2ⁿ m and m = 1 + f between √½ and √2.

    log m = 2 (s + s³/3 + s⁵/5 + …) with s = f/(f + 2); and 2 s = f − s f, of which f is exact.
    """
    n, f = split(form, x)
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
