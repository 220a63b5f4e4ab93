"""Expressions of the loop program in LLVM's operations."""

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import (
    BIT,
    BYTE,
    DOUBLE,
    INT,
    SINGLE,
    declared,
    whole,
)
from handgrad.engines.compiled.loops import (
    SYMBOLS,
    Call,
    Expression,
    Load,
    Num,
    Type,
    Var,
)
from handgrad.engines.compiled.mathematics import FAST, WRITTEN_OUT
from handgrad.graph.operations import COMPARISONS

FLOATING = ("float", "double")

INTRINSICS = {
    **{name: name for name in ("sqrt", "floor", "ceil")},
    "abs": "fabs",
}


class Values:
    """Writes expressions with the builder `b`: reads buffers, local variables and counters."""

    b: ir.IRBuilder

    def __init__(self, module: ir.Module, dtype: np.dtype[np.generic]) -> None:
        self.module = module
        number = SINGLE if dtype == np.float32 else DOUBLE
        self.types: dict[Type, ir.Type] = {
            "float": number,
            "double": DOUBLE,
            "int": INT,
            "bool": BIT,
        }
        self.in_memory = self.types | {"bool": BYTE}
        self.buffers: dict[str, ir.Value] = {}
        self.variables: dict[str, ir.Value] = {}
        self.counters: dict[str, ir.Value] = {}

    def value(self, expression: Expression) -> ir.Value:
        match expression:
            case Num(value, type):
                return ir.Constant(self.types[type], _constant(value, type, self.types[type]))
            case Var(name, _):
                if name in self.counters:
                    return self.counters[name]
                return self.b.load(self.variables[name])
            case Load(buffer, index, type):
                number = self.b.load(self.b.gep(self.buffers[buffer], [self.value(index)]))
                return self.b.trunc(number, BIT) if type == "bool" else number
            case Call("cast", (argument,), type):
                return self.cast(self.value(argument), argument.type, type)
            case Call(operation, arguments, type):
                values = [self.value(argument) for argument in arguments]
                return self.call(operation, values, arguments[-1].type, type)

    def cast(self, value: ir.Value, source: Type, target: Type) -> ir.Value:
        b, kind = self.b, self.types[target]
        if value.type == kind:
            return value
        if source in FLOATING:
            if target in FLOATING:
                return b.fptrunc(value, kind) if value.type == DOUBLE else b.fpext(value, kind)
            return (
                b.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0))
                if (target == "bool")
                else b.fptosi(value, kind)
            )
        if target in FLOATING:
            return b.uitofp(value, kind) if source == "bool" else b.sitofp(value, kind)
        if target == "bool":
            return b.icmp_signed("!=", value, whole(0))
        return b.zext(value, kind)

    def intrinsic(self, name: str, kind: ir.Type, arguments: int = 1) -> ir.Function:
        full = f"llvm.{name}.{'f32' if kind == SINGLE else 'f64'}"
        return declared(self.module, full, kind, [kind] * arguments)

    def call(self, operation: str, values: list[ir.Value], given: Type, type: Type) -> ir.Value:
        b = self.b
        if operation in COMPARISONS:
            return self.compare(SYMBOLS[operation], values, given)
        if operation == "where":
            return b.select(*values)
        if operation in ("isnan", "isfinite"):
            return self.test(operation, values[0])
        if operation in ("logical_and", "logical_or", "logical_not"):
            known = {"logical_and": b.and_, "logical_or": b.or_, "logical_not": b.not_}
            return known[operation](*values)
        if operation in ("maximum", "minimum"):
            return self.extreme(">" if operation == "maximum" else "<", values, type)
        if type in FLOATING:
            return self.floating(operation, values)
        return self.integral(operation, values)

    def compare(self, sign: str, values: list[ir.Value], given: Type) -> ir.Value:
        if given not in FLOATING:
            return self.b.icmp_signed(sign, *values)
        if sign == "!=":
            return self.b.fcmp_unordered(sign, *values)
        return self.b.fcmp_ordered(sign, *values)

    def test(self, operation: str, value: ir.Value) -> ir.Value:
        if operation == "isnan":
            return self.b.fcmp_unordered("uno", value, value)
        difference = self.b.fsub(value, value)
        return self.b.fcmp_ordered("==", difference, ir.Constant(value.type, 0.0))

    def extreme(self, sign: str, values: list[ir.Value], type: Type) -> ir.Value:
        """The larger or smaller of two; NaN on either side passes, as in NumPy."""
        b = self.b
        if type not in FLOATING:
            return b.select(b.icmp_signed(sign, *values), *values)
        wins = b.fcmp_ordered(sign, *values)
        nan = b.fcmp_unordered("uno", values[0], values[0])
        return b.select(b.or_(wins, nan), *values)

    def floating(self, operation: str, values: list[ir.Value]) -> ir.Value:
        b, kind = self.b, values[0].type
        arithmetic = {"add": b.fadd, "subtract": b.fsub, "multiply": b.fmul, "divide": b.fdiv}
        if operation in arithmetic:
            return arithmetic[operation](*values, flags=FAST)
        if operation == "negative":
            return b.fneg(values[0], flags=FAST)
        if operation in WRITTEN_OUT:
            return WRITTEN_OUT[operation](b, values[0], lambda name: self.intrinsic(name, kind))
        if operation == "power":
            return b.call(self.intrinsic("pow", kind, 2), values)
        if operation == "sign":
            zero = ir.Constant(kind, 0.0)
            positive = b.select(
                b.fcmp_ordered(">", values[0], zero), ir.Constant(kind, 1.0), values[0]
            )
            return b.select(b.fcmp_ordered("<", values[0], zero), ir.Constant(kind, -1.0), positive)
        return b.call(self.intrinsic(INTRINSICS[operation], kind), values)

    def integral(self, operation: str, values: list[ir.Value]) -> ir.Value:
        b = self.b
        arithmetic = {"add": b.add, "subtract": b.sub, "multiply": b.mul}
        if operation in arithmetic:
            return arithmetic[operation](*values, flags=("nsw",))
        if operation == "negative":
            return b.neg(values[0])
        raise NotImplementedError(operation)


def _constant(value: float, type: Type, kind: ir.Type) -> float | int:
    if type not in FLOATING:
        return int(value)
    return float(np.float32(value)) if kind == SINGLE else float(value)
