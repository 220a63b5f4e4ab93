"""What the functions are written in: polynomials, words of two numbers, exponents as bits."""

import math
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    constant,
    intrinsic,
    rounds_once,
)

Pair = tuple[ir.Value, ir.Value]  # a number as a sum: the second is smaller than the first's digits
SPLIT = 2.0**27 + 1  # times it, a float64 falls into two halves of 26 digits


@dataclass(frozen=True)
class Format:
    """How a type keeps its numbers, and how far exp and log must go in it."""

    integer: Any
    digits: int  # of the fraction
    bias: int  # of the exponent
    exp_terms: int  # of the series that count where |r| <= log(2) / 2
    log_terms: int  # of the series that count where √½ <= m <= √2
    lowest: float  # exp is 0 there
    highest: float  # and infinite there
    log2: tuple[float, float]  # as a sum; any exponent times the first is exact


SINGLE_FORMAT = Format(INT32, 23, 127, 8, 5, -105, 89, (0.693359375, -2.1219444005469057e-4))
DOUBLE_FORMAT = Format(
    INT, 52, 1023, 14, 11, -746, 710, (6.93147180369123816490e-01, 1.90821492927058770002e-10)
)


def format_of(kind: ir.Type) -> Format:
    """The format of numbers of that type."""
    return SINGLE_FORMAT if kind == SINGLE else DOUBLE_FORMAT


def fused(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> Any:
    """The code for x y + z, rounded once where the processor can."""
    return intrinsic(b, "fma", x, y, z) if rounds_once() else b.fadd(b.fmul(x, y), z)


def polynomial(b: ir.IRBuilder, x: ir.Value, coefficients: tuple[float, ...]) -> Any:
    """The code for a polynomial in x, highest coefficient first, by Horner's rule."""
    total = constant(coefficients[0], x.type)
    for coefficient in coefficients[1:]:
        total = fused(b, total, x, constant(coefficient, x.type))
    return total


def added(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> Pair:
    """x + y, and what its rounding lost (Knuth's)."""
    total = b.fadd(x, y)
    of_y = b.fsub(total, x)
    of_x = b.fsub(total, of_y)
    return total, b.fadd(b.fsub(x, of_x), b.fsub(y, of_y))


def multiplied(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> Pair:
    """x y, and what its rounding lost."""
    product = b.fmul(x, y)
    if rounds_once():
        return product, fused(b, x, y, b.fneg(product))
    (x1, x2), (y1, y2) = _halves(b, x), _halves(b, y)
    rest = b.fsub(b.fmul(x1, y1), product)
    rest = b.fadd(b.fadd(rest, b.fmul(x1, y2)), b.fmul(x2, y1))
    return product, b.fadd(rest, b.fmul(x2, y2))


def _halves(b: ir.IRBuilder, x: ir.Value) -> Pair:
    """A float64 as a sum of two, whose products are exact."""
    large = b.fmul(x, ir.Constant(DOUBLE, SPLIT))
    high = b.fsub(large, b.fsub(large, x))
    return high, b.fsub(x, high)


def scaled(b: ir.IRBuilder, y: ir.Value, n: ir.Value) -> Any:
    """2ⁿ y. 2ⁿ in two halves: one alone would overflow, or round, where the result does not."""
    half = b.ashr(n, ir.Constant(INT32, 1))
    for part in (half, b.sub(n, half)):
        y = b.fmul(y, power_of_two(b, part, y.type))
    return y


def power_of_two(b: ir.IRBuilder, n: ir.Value, kind: ir.Type) -> Any:
    """2ⁿ, by writing the exponent of a number of that type."""
    form = format_of(kind)
    exponent = b.add(n, ir.Constant(INT32, form.bias))
    if form.integer != INT32:
        exponent = b.zext(exponent, form.integer)
    return b.bitcast(b.shl(exponent, ir.Constant(form.integer, form.digits)), kind)


def split(b: ir.IRBuilder, x: ir.Value) -> Pair:
    """The whole number n and f, between √½ − 1 and √2 − 1, of x = 2ⁿ (1 + f), where x > 0."""
    kind, form = x.type, format_of(x.type)
    small = b.fcmp_ordered("<", x, ir.Constant(kind, 2.0 ** (1 - form.bias)))
    raised = b.select(small, b.fmul(x, ir.Constant(kind, 2.0**form.digits)), x)
    bits = b.bitcast(raised, form.integer)
    start = b.bitcast(constant(math.sqrt(0.5), kind), form.integer)
    place = ir.Constant(form.integer, form.digits)
    n = b.ashr(b.sub(bits, start), place)
    f = b.fsub(b.bitcast(b.sub(bits, b.shl(n, place)), kind), ir.Constant(kind, 1.0))
    if form.integer != INT32:
        n = b.trunc(n, INT32)
    n = b.sub(n, b.select(small, ir.Constant(INT32, form.digits), ir.Constant(INT32, 0)))
    return b.sitofp(n, kind), f
