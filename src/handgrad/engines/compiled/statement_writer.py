"""LLVM IR of a loop program's plain statements."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import (
    BIT,
    BYTE,
    DOUBLE,
    INT,
    SINGLE,
    LoopHint,
    constant,
    counted_loop,
    mark_noalias,
)
from handgrad.engines.compiled.loop_metadata import loop_hints, upper_bound
from handgrad.engines.compiled.pcg64 import draw
from handgrad.engines.compiled.scalar_ops import emit_cast, emit_function, emit_operation
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import (
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Num,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
)
from handgrad.engines.loops.program import FINISHED, Parameter, Program
from handgrad.engines.loops.random_streams import WORDS

# Buffers of 64-bit words, whatever the size of integers.
WORD_BUFFERS = ("streams", "streams_after")
# By default LLVM computes 1/√x by an estimate and a Newton step: NaN for 0 and infinity.
EXACT_ROOTS = '"reciprocal-estimates"="none"'


def number_of(program: Program) -> ir.Type:
    """The floating-point type of a program's data."""
    return SINGLE if program.dtype == np.float32 else DOUBLE


def new_module(triple: str = "") -> ir.Module:
    """An empty module, for the machine of the target triple, if given."""
    module = ir.Module("handgrad")
    module.triple = triple
    return module


def text_of(module: ir.Module, *attributes: str) -> str:
    """The text of a module; its functions get these attributes, which llvmlite does not know."""
    for function in module.functions:
        if not function.is_declaration:
            for attribute in (EXACT_ROOTS, *attributes):
                set.add(function.attributes, attribute)
    return str(module)


class StatementWriter:
    """Writes a function of the program's arguments and of `variables`.

    It writes plain statements; subclasses add further kinds.
    """

    size: ClassVar[ir.IntType] = INT  # the type of integers, in memory and as counters

    def __init__(
        self,
        program: Program,
        module: ir.Module,
        variables: Sequence[Parameter | Var] = (),
        most_of: Mapping[str, float] = {},
    ) -> None:
        self.program, self.module = program, module
        self.types: dict[Type, ir.Type] = {
            "float": number_of(program),
            "double": DOUBLE,
            "int": self.size,
            "bool": BIT,
        }
        self.buffers: dict[str, ir.Value] = {}
        self.variables: dict[str, ir.Value] = {}
        self.counters: dict[str, ir.Value] = {}
        self.around: list[For] = []
        self.most = dict(most_of)  # upper bounds of variables
        parameters: list[Parameter | Var] = [*program.parameters, *variables]
        name = module.get_unique_name(program.name)
        kinds = [self.kind_of(parameter) for parameter in parameters]
        self.function = ir.Function(module, ir.FunctionType(self.size, kinds), name)
        self.function.linkage = "internal"
        mark_noalias(self.function)
        self.entry = self.function.append_basic_block("entry")
        self.b = ir.IRBuilder(self.function.append_basic_block("start"))
        start = self.b.block
        for argument, parameter in zip(self.function.args, parameters, strict=True):
            argument.name = parameter.name
            if isinstance(argument.type, ir.PointerType):
                self.buffers[parameter.name] = argument
            else:
                self.let(parameter.name, argument)
        self.statements(program.body)
        self.b.ret(self.whole(FINISHED))
        self.b.position_at_end(self.entry)
        self.b.branch(start)

    def kind_of(self, parameter: Parameter | Var) -> ir.Type:
        """The LLVM type of a parameter: of a number, or a pointer to a buffer."""
        if isinstance(parameter, Var) or not parameter.buffer:
            return self.types[parameter.type]
        if parameter.name in WORD_BUFFERS:
            return INT.as_pointer()
        return (BYTE if parameter.type == "bool" else self.types[parameter.type]).as_pointer()

    def whole(self, value: int) -> ir.Constant:
        return ir.Constant(self.size, value)

    def let(self, name: str, value: ir.Value) -> None:
        self.b.store(value, self.variable(name, value.type))

    def variable(self, name: str, kind: ir.Type) -> ir.Value:
        """Memory of a local variable; LLVM turns it into a register."""
        if name not in self.variables:
            self.variables[name] = self.memory(kind, name=name)
        return self.variables[name]

    def memory(self, kind: ir.Type, size: int = 1, name: str = "") -> ir.Value:
        """Memory on the stack, until the function returns."""
        with self.b.goto_block(self.entry):
            return self.b.alloca(kind, size, name)

    def place(self, buffer: str, offset: Expression) -> ir.Value:
        return self.b.gep(self.buffers[buffer], [self.value(offset)], inbounds=True)

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, statement: Statement) -> None:
        match statement:
            case Comment():
                pass
            case Let(name, value):
                self.let(name, self.value(value))
                self.most[name] = upper_bound(value, self.most)
            case Store():
                self.store(statement)
            case ReturnIf(condition, value):
                with self.b.if_then(self.value(condition), likely=False):
                    self.b.ret(self.value(value))
            case For():
                self.loop(statement)
            case Draw(stream, buffer, offset, count):
                words = self.b.gep(self.buffers["streams"], [self.whole(WORDS * stream)])
                draws = draw(self.module, self.types["float"], self.size)
                self.b.call(draws, [words, self.place(buffer, offset), self.value(count)])
            case _:
                raise TypeError(f"{type(statement).__name__} is no plain statement")

    def store(self, store: Store) -> ir.Instruction:
        number = self.value(store.value)
        stored = self.b.zext(number, BYTE) if store.value.type == "bool" else number
        return self.b.store(stored, self.place(store.buffer, store.index))

    def load(self, load: Load) -> ir.Instruction:
        """Load a number of the type it has in memory."""
        return self.b.load(self.place(load.buffer, load.index))

    def loop(self, loop: For) -> None:
        begin, stop = self.value(loop.begin), self.value(loop.stop)
        self.around.append(loop)
        with counted_loop(self.b, stop, loop.step, loop.counter, begin, self.hints()) as counter:
            self.counters[loop.counter] = counter
            self.statements(loop.body)
        del self.counters[loop.counter]
        self.around.pop()

    def fused(self) -> bool:
        """True if functions of numbers use fused multiply-adds."""
        return False

    def hints(self) -> list[LoopHint]:
        """The loop hints of the innermost loop."""
        return loop_hints(self.around, self.most)

    def value(self, expression: Expression) -> ir.Value:
        match expression:
            case Num(value, type):
                return constant(value, self.types[type])
            case Var(name, _):
                if name in self.counters:
                    return self.counters[name]
                return self.b.load(self.variables[name])
            case Load(type=type):
                number = self.load(expression)
                return self.b.trunc(number, BIT) if type == "bool" else number
            case Call("cast", (argument,), type):
                return emit_cast(
                    self.b, self.value(argument), argument.type, type, self.types[type]
                )
            case Call(operation, arguments, type):
                values = [self.value(argument) for argument in arguments]
                if operation in WRITTEN_OUT:
                    return emit_function(self.b, operation, values, fused=self.fused())
                return emit_operation(self.b, operation, values, arguments[-1].type, type)
        raise TypeError(f"{expression!r} is no number of a loop program")
