"""Arithmetic of the elementary functions: formats, polynomials, double-double sums, exponents.

Beyond the operations of the IR they need rint and five that read the bits of a number:

rint(x)                   the nearest integer, ties to even
times_power_of_two(y, n)  2ⁿ y, as (y 2^⌊n/2⌋) 2^(n − ⌊n/2⌋): 2ⁿ alone can overflow or round even
                          if the result does not. If y is the constant 1, neither happens
exponent(x)               the integer n of x = 2ⁿ m, √½ ≤ m < √2 (√½ rounded to x's type), for
                          normal x > 0
significand(x)            that m
has_bit(n, k)             bit k of n in two's complement, counted from 0
signbit(x)                the sign bit of x, set for −0 too

Integers are stored as floats here, n of has_bit up to 2³¹. For other arguments the operations
return an unspecified number, which the functions replace.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from handgrad.engines.loops.ir import Call, Expression, Num

Number = Expression | float
# A double-double: a number as a sum, the second part below the precision of the first.
Pair = tuple[Expression, Expression]
SPLIT = 2.0**27 + 1  # splits a float64 into two halves of 26 bits
LOG2 = 0.6931471805599453


@dataclass(frozen=True)
class Format:
    """A floating-point format, and the lengths of the series of exp and log in it."""

    single: bool
    fused: bool  # fused multiply-add: a product and a sum are rounded once
    digits: int  # bits of the fraction
    bias: int  # of the exponent
    exp_terms: int  # terms of the series for |r| <= log(2) / 2
    log_terms: int  # terms of the series for √½ <= m <= √2
    lowest: float  # exp underflows to 0
    highest: float  # exp overflows
    log2: tuple[float, float]  # log 2 as a sum; any exponent times the first part is exact

    def fma(self, x: Expression, y: Expression, z: Number) -> Expression:
        """x y + z."""
        if self.fused:
            return Call("fma", (x, y, x.beside(z)), x.type)
        return x * y + z

    def polynomial(self, x: Expression, coefficients: Sequence[float]) -> Expression:
        """A polynomial in x, highest coefficient first, by Horner's rule."""
        total = x.beside(coefficients[0])
        for coefficient in coefficients[1:]:
            total = self.fma(total, x, coefficient)
        return total


def format_of(single: bool, fused: bool) -> Format:
    """The format of float32 or float64."""
    if single:
        log2 = 0.693359375, -2.1219444005469057e-4
        return Format(single, fused, 23, 127, 8, 5, -105, 89, log2)
    log2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
    return Format(single, fused, 52, 1023, 14, 11, -746, 710, log2)


def call(operation: str, *arguments: Expression) -> Expression:
    """Apply an operation that keeps the type."""
    return Call(operation, arguments, arguments[0].type)


def holds(operation: str, x: Expression, *others: Number) -> Expression:
    """Apply a predicate: `equal`, `isnan`, `signbit`."""
    return Call(operation, (x, *map(x.beside, others)), "bool")


def has_bit(n: Expression, k: int) -> Expression:
    """Bit k of an integer."""
    return Call("has_bit", (n, Num(k, "int")), "bool")


def where(condition: Expression, a: Number, b: Number) -> Expression:
    """Select a or b, one of which may be a Python number."""
    x = next(x for x in (a, b) if isinstance(x, Expression))
    return Call("where", (condition, x.beside(a), x.beside(b)), x.type)


def times_power_of_two(y: Expression, n: Expression) -> Expression:
    """2ⁿ y."""
    return call("times_power_of_two", y, n)


def split_exponent(form: Format, x: Expression) -> Pair:
    """The integer n and f, between √½ − 1 and √2 − 1, of x = 2ⁿ (1 + f), for x > 0."""
    small = x < 2.0 ** (1 - form.bias)
    raised = where(small, x * 2.0**form.digits, x)
    n = call("exponent", raised) - where(small, x.beside(form.digits), 0.0)
    return n, call("significand", raised) - 1.0


def two_sum(x: Expression, y: Expression) -> Pair:
    """x + y and its rounding error (TwoSum).

    Knuth, The Art of Computer Programming, volume 2, section 4.2.2.
    """
    total = x + y
    of_y = total - x
    of_x = total - of_y
    return total, (x - of_x) + (y - of_y)


def two_product(form: Format, x: Expression, y: Expression) -> Pair:
    """x y in float64 and its rounding error (TwoProduct).

    Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18 (1971).
    """
    product = x * y
    if form.fused:
        return product, form.fma(x, y, -product)
    (x1, x2), (y1, y2) = _veltkamp_split(x), _veltkamp_split(y)
    return product, x1 * y1 - product + x1 * y2 + x2 * y1 + x2 * y2


def _veltkamp_split(x: Expression) -> Pair:
    """A float64 as a sum of two halves, whose products are exact (Veltkamp)."""
    large = x * SPLIT
    high = large - (large - x)
    return high, x - high
