"""The code for functions of numbers, in line, and for the operations that only they need.

LLVM has no vector code for exp, log and the like, and makes vectors of this.
"""

import math
from collections.abc import Sequence
from typing import Any

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import (
    BIT,
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    constant,
    intrinsic,
)
from handgrad.engines.compiled.scalar_ops import computed, converted
from handgrad.engines.loops.functions.function import WRITTEN_OUT, function
from handgrad.engines.loops.ir import Call, Expression, Num, Type, Var

# Of each type: whole numbers of as many bits, the digits of its fraction, its exponent's bias.
LAYOUT = {SINGLE: (INT32, 23, 127), DOUBLE: (INT, 52, 1023)}


def function_value(b: ir.IRBuilder, name: str, values: Sequence[ir.Value], *, fused: bool) -> Any:
    """The code for a function of numbers; `fused`: a product and a sum are rounded once."""
    kind = values[0].type
    types: dict[Type, ir.Type] = {"float": kind, "double": DOUBLE, "int": INT32, "bool": BIT}
    written = function(name, single=kind == SINGLE, fused=fused)
    known = {p.name: value for p, value in zip(written.parameters, values, strict=True)}

    def value(expression: Expression) -> Any:
        match expression:
            case Num(number, type):
                return constant(number, types[type])
            case Var(name, _):
                return known[name]
            case Call("cast", (x,), type):
                return converted(b, value(x), x.type, type, types[type])
            case Call(operation, arguments, type):
                given = [value(argument) for argument in arguments]
                if operation in WRITTEN_OUT:
                    return function_value(b, operation, given, fused=fused)
                if operation in OF_FUNCTIONS:
                    return OF_FUNCTIONS[operation](b, *given)
                return computed(b, operation, given, arguments[-1].type, type)

    for let in written.body:
        known[let.name] = value(let.value)
    return value(written.result)


def rint(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The whole number nearest to x."""
    return intrinsic(b, "rint", x)


def times_power_of_two(b: ir.IRBuilder, y: ir.Value, n: ir.Value) -> ir.Value:
    """2ⁿ y, by two halves; 2ⁿ at once where y is 1."""
    n = b.fptosi(n, INT32)
    if isinstance(y, ir.Constant):
        return _power_of_two(b, n, y.type)
    half = b.ashr(n, ir.Constant(INT32, 1))
    for part in (half, b.sub(n, half)):
        y = b.fmul(y, _power_of_two(b, part, y.type))
    return y


def _power_of_two(b: ir.IRBuilder, n: ir.Value, kind: ir.Type) -> ir.Value:
    """2ⁿ, by writing the exponent of a number of that type."""
    bits, digits, bias = LAYOUT[kind]
    exponent = b.zext(b.add(n, ir.Constant(INT32, bias)), bits)
    return b.bitcast(b.shl(exponent, ir.Constant(bits, digits)), kind)


def exponent(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The whole number n of x = 2ⁿ m, √½ ≤ m < √2."""
    return b.sitofp(b.trunc(_exponent(b, x), INT32), x.type)


def significand(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The m of x = 2ⁿ m, √½ ≤ m < √2."""
    bits, digits, _ = LAYOUT[x.type]
    shifted = b.shl(_exponent(b, x), ir.Constant(bits, digits))
    return b.bitcast(b.sub(b.bitcast(x, bits), shifted), x.type)


def _exponent(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """n from the bits of x: their distance from those of √½, of which it is the upper part."""
    bits, digits, _ = LAYOUT[x.type]
    start = b.bitcast(constant(math.sqrt(0.5), x.type), bits)
    return b.ashr(b.sub(b.bitcast(x, bits), start), ir.Constant(bits, digits))


def has_bit(b: ir.IRBuilder, n: ir.Value, k: ir.Constant) -> ir.Value:
    """Whether binary digit k of a whole number is 1."""
    digit = b.and_(b.fptosi(n, INT32), ir.Constant(INT32, 1 << k.constant))
    return b.icmp_signed("!=", digit, ir.Constant(INT32, 0))


def signbit(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """Whether x has a minus."""
    bits = LAYOUT[x.type][0]
    return b.icmp_signed("<", b.bitcast(x, bits), ir.Constant(bits, 0))


OF_FUNCTIONS = {
    operation.__name__: operation
    for operation in (rint, times_power_of_two, exponent, significand, has_bit, signbit)
}
