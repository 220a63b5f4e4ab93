"""LLVM IR of operations and functions of numbers, and of casts between types.

Each operation is rounded as IEEE 754 specifies, and nothing is contracted or reordered: fused
multiply-add only where a program has it. Functions such as exp and log are written in line, since
LLVM has no vector code for them and vectorizes this.
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
    select_extreme,
    to_integer,
)
from handgrad.engines.loops.functions.function import WRITTEN_OUT, function
from handgrad.engines.loops.ir import Call, Expression, Num, Type, Var
from handgrad.engines.loops.printing import SYMBOLS
from handgrad.graph.operations import COMPARISONS
from handgrad.textbook.errors import CannotLowerError

FLOATING = ("float", "double")
LOGICAL = {"logical_and": "and_", "logical_or": "or_", "logical_not": "not_"}
ARITHMETIC = {
    "add": "fadd",
    "subtract": "fsub",
    "multiply": "fmul",
    "divide": "fdiv",
    "negative": "fneg",
}
WHOLE_ARITHMETIC = {"add": "add", "subtract": "sub", "multiply": "mul"}
INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "abs": "fabs", "fma": "fma"}


def emit_cast(
    b: ir.IRBuilder, value: ir.Value, source: Type, target: Type, kind: ir.Type
) -> ir.Value:
    """Cast a number to another type."""
    if value.type == kind:
        return value
    if source in FLOATING:
        if target in FLOATING:
            return b.fptrunc(value, kind) if value.type == DOUBLE else b.fpext(value, kind)
        if target == "bool":
            return b.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0))
        return to_integer(b, value, kind)
    if target in FLOATING:
        return b.uitofp(value, kind) if source == "bool" else b.sitofp(value, kind)
    if target == "bool":
        return b.icmp_signed("!=", value, ir.Constant(value.type, 0))
    return b.zext(value, kind)


def emit_operation(
    b: ir.IRBuilder, operation: str, values: list[ir.Value], given: Type, type: Type
) -> Any:
    """Compute an operation on numbers, the last of which is of type `given`."""
    if operation in COMPARISONS:
        return _compared(b, SYMBOLS[operation], values, given)
    if operation == "where":
        return b.select(*values)
    if operation == "isnan":
        return b.fcmp_unordered("uno", *values, *values)
    if operation == "isfinite":
        difference = b.fsub(*values, *values)
        return b.fcmp_ordered("==", difference, ir.Constant(difference.type, 0.0))
    if operation in LOGICAL:
        return getattr(b, LOGICAL[operation])(*values)
    if operation in ("maximum", "minimum"):
        return _extreme(b, ">" if operation == "maximum" else "<", values, type)
    if type in FLOATING:
        return _of_floating(b, operation, values)
    if operation == "negative":
        return b.neg(*values)
    if operation not in WHOLE_ARITHMETIC:
        raise CannotLowerError(f"{operation} of integers")
    return getattr(b, WHOLE_ARITHMETIC[operation])(*values, flags=("nsw",))


def _compared(b: ir.IRBuilder, sign: str, values: list[ir.Value], given: Type) -> ir.Value:
    if given not in FLOATING:
        return b.icmp_signed(sign, *values)
    if sign == "!=":
        return b.fcmp_unordered(sign, *values)
    return b.fcmp_ordered(sign, *values)


def _extreme(b: ir.IRBuilder, sign: str, values: list[ir.Value], type: Type) -> ir.Value:
    """The larger or smaller of two numbers; propagates NaN, as NumPy does."""
    if type in FLOATING:
        return select_extreme(b, sign, *values)
    return b.select(_compared(b, sign, values, type), *values)


def _of_floating(b: ir.IRBuilder, operation: str, values: list[ir.Value]) -> ir.Value:
    if operation in ARITHMETIC:
        return getattr(b, ARITHMETIC[operation])(*values)
    return intrinsic(b, INTRINSICS[operation], *values)


# Of each type: the integer type of its size, the bits of its fraction, the bias of its exponent.
LAYOUT = {SINGLE: (INT32, 23, 127), DOUBLE: (INT, 52, 1023)}


def emit_function(b: ir.IRBuilder, name: str, values: Sequence[ir.Value], *, fused: bool) -> Any:
    """Compute a function of numbers; if `fused`, by fused multiply-adds."""
    kind = values[0].type
    types: dict[Type, ir.Type] = {"float": kind, "double": DOUBLE, "int": INT32, "bool": BIT}
    written = function(name, single=kind == SINGLE, fused=fused)
    variables = {p.name: value for p, value in zip(written.parameters, values, strict=True)}

    def value(expression: Expression) -> Any:
        match expression:
            case Num(number, type):
                return constant(number, types[type])
            case Var(name, _):
                return variables[name]
            case Call("cast", (x,), type):
                return emit_cast(b, value(x), x.type, type, types[type])
            case Call(operation, arguments, type):
                operands = [value(argument) for argument in arguments]
                if operation in WRITTEN_OUT:
                    return emit_function(b, operation, operands, fused=fused)
                if operation in FUNCTION_OPERATIONS:
                    return FUNCTION_OPERATIONS[operation](b, *operands)
                return emit_operation(b, operation, operands, arguments[-1].type, type)

    for let in written.body:
        variables[let.name] = value(let.value)
    return value(written.result)


def rint(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The integer nearest to x."""
    return intrinsic(b, "rint", x)


def times_power_of_two(b: ir.IRBuilder, y: ir.Value, n: ir.Value) -> ir.Value:
    """2ⁿ y, multiplied by two halves of 2ⁿ; 2ⁿ itself if y is the constant 1."""
    n = b.fptosi(n, INT32)
    if isinstance(y, ir.Constant):
        return _power_of_two(b, n, y.type)
    half = b.ashr(n, ir.Constant(INT32, 1))
    for part in (half, b.sub(n, half)):
        y = b.fmul(y, _power_of_two(b, part, y.type))
    return y


def _power_of_two(b: ir.IRBuilder, n: ir.Value, kind: ir.Type) -> ir.Value:
    """2ⁿ as a number of that type, whose exponent bits are set."""
    bits, digits, bias = LAYOUT[kind]
    exponent = b.zext(b.add(n, ir.Constant(INT32, bias)), bits)
    return b.bitcast(b.shl(exponent, ir.Constant(bits, digits)), kind)


def exponent(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The integer n of x = 2ⁿ m, √½ ≤ m < √2."""
    return b.sitofp(b.trunc(_exponent(b, x), INT32), x.type)


def significand(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The m of x = 2ⁿ m, √½ ≤ m < √2."""
    bits, digits, _ = LAYOUT[x.type]
    shifted = b.shl(_exponent(b, x), ir.Constant(bits, digits))
    return b.bitcast(b.sub(b.bitcast(x, bits), shifted), x.type)


def _exponent(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """n from the bits of x: the upper part of their difference from the bits of √½."""
    bits, digits, _ = LAYOUT[x.type]
    start = b.bitcast(constant(math.sqrt(0.5), x.type), bits)
    return b.ashr(b.sub(b.bitcast(x, bits), start), ir.Constant(bits, digits))


def has_bit(b: ir.IRBuilder, n: ir.Value, k: ir.Constant) -> ir.Value:
    """True if bit k of an integer is 1."""
    digit = b.and_(b.fptosi(n, INT32), ir.Constant(INT32, 1 << k.constant))
    return b.icmp_signed("!=", digit, ir.Constant(INT32, 0))


def signbit(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """True if the sign bit of x is set."""
    bits = LAYOUT[x.type][0]
    return b.icmp_signed("<", b.bitcast(x, bits), ir.Constant(bits, 0))


FUNCTION_OPERATIONS = {
    operation.__name__: operation
    for operation in (rint, times_power_of_two, exponent, significand, has_bit, signbit)
}
