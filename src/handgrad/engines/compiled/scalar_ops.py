"""The code for what a loop program does with numbers: operations, and other types.

Each is rounded as IEEE 754 says, and nothing is contracted or reordered: fused multiply-add only
where a program says so.
"""

from typing import Any

import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import DOUBLE, extreme, intrinsic, whole_part
from handgrad.engines.loops.ir import Type
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


def converted(
    b: ir.IRBuilder, value: ir.Value, source: Type, target: Type, kind: ir.Type
) -> ir.Value:
    """The code for a number in another type."""
    if value.type == kind:
        return value
    if source in FLOATING:
        if target in FLOATING:
            return b.fptrunc(value, kind) if value.type == DOUBLE else b.fpext(value, kind)
        if target == "bool":
            return b.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0))
        return whole_part(b, value, kind)
    if target in FLOATING:
        return b.uitofp(value, kind) if source == "bool" else b.sitofp(value, kind)
    if target == "bool":
        return b.icmp_signed("!=", value, ir.Constant(value.type, 0))
    return b.zext(value, kind)


def computed(
    b: ir.IRBuilder, operation: str, values: list[ir.Value], given: Type, type: Type
) -> Any:
    """The code for an operation on numbers, the last of which is of the `given` type."""
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
        raise CannotLowerError(f"{operation} of whole numbers")
    return getattr(b, WHOLE_ARITHMETIC[operation])(*values, flags=("nsw",))


def _compared(b: ir.IRBuilder, sign: str, values: list[ir.Value], given: Type) -> ir.Value:
    if given not in FLOATING:
        return b.icmp_signed(sign, *values)
    if sign == "!=":
        return b.fcmp_unordered(sign, *values)
    return b.fcmp_ordered(sign, *values)


def _extreme(b: ir.IRBuilder, sign: str, values: list[ir.Value], type: Type) -> ir.Value:
    """The larger or smaller of two; NaN on either side passes, as in NumPy."""
    if type in FLOATING:
        return extreme(b, sign, *values)
    return b.select(_compared(b, sign, values, type), *values)


def _of_floating(b: ir.IRBuilder, operation: str, values: list[ir.Value]) -> ir.Value:
    if operation in ARITHMETIC:
        return getattr(b, ARITHMETIC[operation])(*values)
    return intrinsic(b, INTRINSICS[operation], *values)
