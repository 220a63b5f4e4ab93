"""The loop program as LLVM's intermediate representation."""

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.elements import COMPARISONS
from handgrad.engines.compiled.instructions import (
    BIT,
    BYTE,
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    VOID,
    counting,
    declared,
    use_widest_vectors,
    whole,
)
from handgrad.engines.compiled.loops import (
    SYMBOLS,
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
)
from handgrad.engines.compiled.mathematics import FAST, WRITTEN_OUT
from handgrad.engines.compiled.program import FINISHED, Program
from handgrad.engines.compiled.tiles import Tiles

FLOATING = ("float", "double")

DOOR = "call"

INTRINSICS = {
    **{name: name for name in ("sqrt", "sin", "cos", "floor", "ceil")},
    "abs": "fabs",
}


def llvm_text(program: Program) -> str:
    """The program as the text of an LLVM module with one function."""
    return _Writer(program).text()


class _Writer:
    def __init__(self, program: Program) -> None:
        number = SINGLE if program.dtype == np.float32 else DOUBLE
        self.types: dict[Type, Any] = {
            "float": number,
            "double": DOUBLE,
            "int": INT,
            "bool": BIT,
        }
        self.in_memory = self.types | {"bool": BYTE}
        self.module = ir.Module("handgrad")
        self.tiles = Tiles(self.module, number)
        self.module.triple = binding.get_process_triple()
        kinds = [
            self.in_memory[p.type].as_pointer() if p.buffer else self.types[p.type]
            for p in program.parameters
        ]
        self.function = ir.Function(self.module, ir.FunctionType(INT, kinds), program.name)
        self.entry = self.function.append_basic_block("entry")
        self.start = self.function.append_basic_block("start")
        self.b = ir.IRBuilder(self.start)
        self.buffers: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.counters: dict[str, Any] = {}
        for argument, parameter in zip(self.function.args, program.parameters, strict=True):
            argument.name = parameter.name
            if parameter.buffer:
                argument.add_attribute("noalias")
                self.buffers[parameter.name] = argument
            else:
                self.let(parameter.name, argument)
        self.statements(program.body)

    def text(self) -> str:
        self.b.ret(whole(FINISHED))
        self.b.position_at_end(self.entry)
        self.b.branch(self.start)
        self.door()
        if self.tiles.used:  # then rows are long enough
            for function in self.module.functions:
                if not function.is_declaration:
                    use_widest_vectors(function)
        return str(self.module)

    def door(self) -> None:
        """The function that Python calls: its one argument holds all others, 8 bytes each.

        A call with many arguments would cost Python more than a small epoch takes.
        """
        kind = ir.FunctionType(INT, [INT.as_pointer()])
        door = ir.Function(self.module, kind, DOOR)
        b = ir.IRBuilder(door.append_basic_block())
        arguments = []
        for i, argument in enumerate(self.function.args):
            place = b.gep(door.args[0], [whole(i)])
            if isinstance(argument.type, ir.PointerType):
                arguments.append(b.inttoptr(b.load(place), argument.type))
            else:
                arguments.append(b.load(b.bitcast(place, argument.type.as_pointer())))
        b.ret(b.call(self.function, arguments))

    def let(self, name: str, value: Any) -> None:
        self.b.store(value, self.variable(name, value.type))

    def variable(self, name: str, kind: Any) -> Any:
        """Memory for a local variable; LLVM turns it into a register."""
        if name not in self.variables:
            with self.b.goto_block(self.entry):
                self.variables[name] = self.b.alloca(kind, name=name)
        return self.variables[name]

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            match statement:
                case Comment():
                    pass
                case Let(name, value):
                    self.let(name, self.value(value))
                case Store(buffer, index, value):
                    number = self.value(value)
                    stored = self.b.zext(number, BYTE) if value.type == "bool" else number
                    self.b.store(stored, self.b.gep(self.buffers[buffer], [self.value(index)]))
                case ReturnIf(condition, value):
                    with self.b.if_then(self.value(condition), likely=False):
                        self.b.ret(self.value(value))
                case For():
                    self.loop(statement)
                case Multiply():
                    self.multiply(statement)

    def loop(self, loop: For) -> None:
        with counting(self.b, self.value(loop.stop), loop.step, loop.counter) as counter:
            self.counters[loop.counter] = counter
            self.statements(loop.body)
        del self.counters[loop.counter]

    def multiply(self, product: Multiply) -> None:
        """The product tile by tile where it is small, else by BLAS."""
        if not self.tiles.suit(product):
            self.call_blas(product)
            return
        arguments = [self.value(product.m), self.value(product.k)]
        for matrix in (product.a, product.b, product.c):
            arguments += [self.place(matrix), self.value(matrix.width)]
        self.b.call(self.tiles.function(product), arguments)

    def call_blas(self, product: Multiply) -> None:
        """Call BLAS, which counts by columns: row-major c = a b is its cᵀ = bᵀ aᵀ."""
        number = self.types["float"]
        name = "sgemm" if number == SINGLE else "dgemm"
        letter, size, many = BYTE.as_pointer(), INT32.as_pointer(), number.as_pointer()
        kinds = [letter, letter, size, size, size, many, many, size, many, size]
        kinds += [many, many, size]
        self.b.call(
            declared(self.module, name, VOID, kinds),
            [
                *(self.boxed(ir.Constant(BYTE, self.letter(m))) for m in (product.b, product.a)),
                *(self.boxed(self.narrow(size)) for size in (product.n, product.m, product.k)),
                self.boxed(ir.Constant(number, 1.0)),
                *self.matrix(product.b),
                *self.matrix(product.a),
                self.boxed(ir.Constant(number, 0.0)),
                *self.matrix(product.c),
            ],
        )

    @staticmethod
    def letter(matrix: Matrix) -> int:
        return ord("T" if matrix.transposed else "N")

    def place(self, matrix: Matrix) -> Any:
        return self.b.gep(self.buffers[matrix.buffer], [self.value(matrix.offset)])

    def matrix(self, matrix: Matrix) -> tuple[Any, Any]:
        return self.place(matrix), self.boxed(self.narrow(matrix.width))

    def narrow(self, expression: Expression) -> Any:
        return self.b.trunc(self.value(expression), INT32)

    def boxed(self, value: Any) -> Any:
        """The address of a value, as Fortran wants its arguments."""
        place = self.variable(f"box.{len(self.variables)}", value.type)
        self.b.store(value, place)
        return place

    def value(self, expression: Expression) -> Any:
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

    def cast(self, value: Any, source: Type, target: Type) -> Any:
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

    def intrinsic(self, name: str, kind: Any, arguments: int = 1) -> Any:
        full = f"llvm.{name}.{'f32' if kind == SINGLE else 'f64'}"
        return declared(self.module, full, kind, [kind] * arguments)

    def call(self, operation: str, values: list[Any], given: Type, type: Type) -> Any:
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

    def compare(self, sign: str, values: list[Any], given: Type) -> Any:
        if given not in FLOATING:
            return self.b.icmp_signed(sign, *values)
        if sign == "!=":
            return self.b.fcmp_unordered(sign, *values)
        return self.b.fcmp_ordered(sign, *values)

    def test(self, operation: str, value: Any) -> Any:
        if operation == "isnan":
            return self.b.fcmp_unordered("uno", value, value)
        difference = self.b.fsub(value, value)
        return self.b.fcmp_ordered("==", difference, ir.Constant(value.type, 0.0))

    def extreme(self, sign: str, values: list[Any], type: Type) -> Any:
        """The larger or smaller of two; NaN on either side passes, as in NumPy."""
        b = self.b
        if type not in FLOATING:
            return b.select(b.icmp_signed(sign, *values), *values)
        wins = b.fcmp_ordered(sign, *values)
        nan = b.fcmp_unordered("uno", values[0], values[0])
        return b.select(b.or_(wins, nan), *values)

    def floating(self, operation: str, values: list[Any]) -> Any:
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

    def integral(self, operation: str, values: list[Any]) -> Any:
        b = self.b
        arithmetic = {"add": b.add, "subtract": b.sub, "multiply": b.mul}
        if operation in arithmetic:
            return arithmetic[operation](*values, flags=("nsw",))
        if operation == "negative":
            return b.neg(values[0])
        raise NotImplementedError(operation)


def _constant(value: float, type: Type, kind: Any) -> float | int:
    if type not in FLOATING:
        return int(value)
    return float(np.float32(value)) if kind == SINGLE else float(value)
