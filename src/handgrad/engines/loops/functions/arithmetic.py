"""What the functions are written in: formats, polynomials, sums of two numbers, exponents.

Beyond what the loop language has, they need five operations that look into a number, and rint:

rint(x)                   the whole number that is nearest, the even one of two
times_power_of_two(y, n)  2ⁿ y, as (y 2^⌊n/2⌋) 2^(n − ⌊n/2⌋): 2ⁿ alone would overflow, or round,
                          where the result does not. Where y is the constant 1, neither happens
exponent(x)               the whole number n of x = 2ⁿ m, √½ ≤ m < √2 (√½ rounded to x's type),
                          for x > 0 that is no subnormal number
significand(x)            that m
has_bit(n, k)             whether binary digit k of n in two's complement, counted from 0, is 1
signbit(x)                whether x has a minus, as −0 has too

Whole numbers are floating ones here, n of has_bit up to 2³¹. For what is not said to be allowed
the operations may give anything, but do give a number: the functions choose another one then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from handgrad.engines.loops.ir import Call, Expression, Num

Number = Expression | float
Pair = tuple[
    Expression, Expression
]  # a number as a sum: the second is smaller than the first's digits
SPLIT = 2.0**27 + 1  # times it, a float64 falls into two halves of 26 digits
LOG2 = 0.6931471805599453


@dataclass(frozen=True)
class Format:
    """How a type keeps its numbers, and how far exp and log must go in it."""

    single: bool
    fused: bool  # whether a product and a sum are rounded once
    digits: int  # of the fraction
    bias: int  # of the exponent
    exp_terms: int  # of the series that count where |r| <= log(2) / 2
    log_terms: int  # of the series that count where √½ <= m <= √2
    lowest: float  # exp is 0 there
    highest: float  # and infinite there
    log2: tuple[float, float]  # as a sum; any exponent times the first is exact

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
    """What an operation gives that keeps the type."""
    return Call(operation, arguments, arguments[0].type)


def holds(operation: str, x: Expression, *others: Number) -> Expression:
    """Whether something is true of numbers: `equal`, `isnan`, `signbit`."""
    return Call(operation, (x, *map(x.beside, others)), "bool")


def has_bit(n: Expression, k: int) -> Expression:
    """Whether binary digit k of a whole number is 1."""
    return Call("has_bit", (n, Num(k, "int")), "bool")


def where(condition: Expression, a: Number, b: Number) -> Expression:
    """a or b, one of which may be a plain number."""
    x = next(x for x in (a, b) if isinstance(x, Expression))
    return Call("where", (condition, x.beside(a), x.beside(b)), x.type)


def times_power_of_two(y: Expression, n: Expression) -> Expression:
    """2ⁿ y."""
    return call("times_power_of_two", y, n)


def split_exponent(form: Format, x: Expression) -> Pair:
    """The whole number n and f, between √½ − 1 and √2 − 1, of x = 2ⁿ (1 + f), where x > 0."""
    small = x < 2.0 ** (1 - form.bias)
    raised = where(small, x * 2.0**form.digits, x)
    n = call("exponent", raised) - where(small, x.beside(form.digits), 0.0)
    return n, call("significand", raised) - 1.0


def two_sum(x: Expression, y: Expression) -> Pair:
    """x + y, and what its rounding lost.

    Knuth, The Art of Computer Programming, volume 2, section 4.2.2.
    """
    total = x + y
    of_y = total - x
    of_x = total - of_y
    return total, (x - of_x) + (y - of_y)


def two_product(form: Format, x: Expression, y: Expression) -> Pair:
    """x y in float64, and what its rounding lost.

    Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18 (1971).
    """
    product = x * y
    if form.fused:
        return product, form.fma(x, y, -product)
    (x1, x2), (y1, y2) = _veltkamp_split(x), _veltkamp_split(y)
    return product, x1 * y1 - product + x1 * y2 + x2 * y1 + x2 * y2


def _veltkamp_split(x: Expression) -> Pair:
    """A float64 as a sum of two, whose products are exact."""
    large = x * SPLIT
    high = large - (large - x)
    return high, x - high
