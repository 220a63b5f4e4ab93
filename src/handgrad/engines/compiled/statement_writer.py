"""Plain statements of a loop program as LLVM's intermediate representation."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.functions import function_value
from handgrad.engines.compiled.ir_helpers import (
    BIT,
    BYTE,
    DOUBLE,
    INT,
    SINGLE,
    Mark,
    constant,
    counting,
    keep_apart,
)
from handgrad.engines.compiled.loop_metadata import marks_of, most
from handgrad.engines.compiled.pcg64 import draw
from handgrad.engines.compiled.scalar_ops import computed, converted
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

# Buffers with words of 64 bits, however long whole numbers are.
OF_WORDS = ("streams", "streams_after")
# LLVM by itself makes 1/√x of an estimate and a step of Newton's: NaN for 0 and infinity.
EXACT_ROOTS = '"reciprocal-estimates"="none"'


def number_of(program: Program) -> ir.Type:
    """The type of the data's numbers."""
    return SINGLE if program.dtype == np.float32 else DOUBLE


def new_module(triple: str = "") -> ir.Module:
    """An empty module, which may say what machine it is for."""
    module = ir.Module("handgrad")
    module.triple = triple
    return module


def text_of(module: ir.Module, *attributes: str) -> str:
    """The text of a module, whose functions have these attributes, unknown to llvmlite."""
    for function in module.functions:
        if not function.is_declaration:
            for attribute in (EXACT_ROOTS, *attributes):
                set.add(function.attributes, attribute)
    return str(module)


class StatementWriter:
    """Writes a function: of the arguments of the program, and of local variables it is given.

    Its statements are plain ones; further kinds are for those who inherit.
    """

    size: ClassVar[ir.IntType] = INT  # the type of whole numbers, in memory and as counters

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
        self.most = dict(most_of)  # of a variable
        given: list[Parameter | Var] = [*program.parameters, *variables]
        name = module.get_unique_name(program.name)
        kinds = [self.kind_of(one) for one in given]
        self.function = ir.Function(module, ir.FunctionType(self.size, kinds), name)
        self.function.linkage = "internal"
        keep_apart(self.function)
        self.entry = self.function.append_basic_block("entry")
        self.b = ir.IRBuilder(self.function.append_basic_block("start"))
        start = self.b.block
        for argument, parameter in zip(self.function.args, given, strict=True):
            argument.name = parameter.name
            if isinstance(argument.type, ir.PointerType):
                self.buffers[parameter.name] = argument
            else:
                self.let(parameter.name, argument)
        self.statements(program.body)
        self.b.ret(self.whole(FINISHED))
        self.b.position_at_end(self.entry)
        self.b.branch(start)

    def kind_of(self, given: Parameter | Var) -> ir.Type:
        """The type of an argument: of a number, or of the memory of a buffer."""
        if isinstance(given, Var) or not given.buffer:
            return self.types[given.type]
        if given.name in OF_WORDS:
            return INT.as_pointer()
        return (BYTE if given.type == "bool" else self.types[given.type]).as_pointer()

    def whole(self, value: int) -> ir.Constant:
        return ir.Constant(self.size, value)

    def let(self, name: str, value: ir.Value) -> None:
        self.b.store(value, self.variable(name, value.type))

    def variable(self, name: str, kind: ir.Type) -> ir.Value:
        """Memory for a local variable; LLVM turns it into a register."""
        if name not in self.variables:
            self.variables[name] = self.memory(kind, name=name)
        return self.variables[name]

    def memory(self, kind: ir.Type, size: int = 1, name: str = "") -> ir.Value:
        """Memory for as long as the function runs."""
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
                self.most[name] = most(value, self.most)
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
        """The number as it is in memory."""
        return self.b.load(self.place(load.buffer, load.index))

    def loop(self, loop: For) -> None:
        begin, stop = self.value(loop.begin), self.value(loop.stop)
        self.around.append(loop)
        with counting(self.b, stop, loop.step, loop.counter, begin, self.marks()) as counter:
            self.counters[loop.counter] = counter
            self.statements(loop.body)
        del self.counters[loop.counter]
        self.around.pop()

    def fused(self) -> bool:
        """Whether functions of numbers round a product and a sum once."""
        return False

    def marks(self) -> list[Mark]:
        """What LLVM is told of the innermost of the loops around."""
        return marks_of(self.around, self.most)

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
                return converted(
                    self.b, self.value(argument), argument.type, type, self.types[type]
                )
            case Call(operation, arguments, type):
                values = [self.value(argument) for argument in arguments]
                if operation in WRITTEN_OUT:
                    return function_value(self.b, operation, values, fused=self.fused())
                return computed(self.b, operation, values, arguments[-1].type, type)
        raise TypeError(f"{expression!r} is no number of a loop program")
