"""The loop program as LLVM's intermediate representation."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.draws import draw
from handgrad.engines.compiled.ir_helpers import (
    BIT,
    BYTE,
    DOUBLE,
    INT,
    SINGLE,
    constant,
    counting,
    keep_apart,
    smaller,
    whole,
)
from handgrad.engines.compiled.lanes import Lanes, step_of
from handgrad.engines.compiled.loop_marks import marks_of, most
from handgrad.engines.compiled.machine_code import MachineCode, loaded
from handgrad.engines.compiled.number_operations import computed, converted
from handgrad.engines.compiled.product_calls import ProductCalls
from handgrad.engines.compiled.repeated_nests import RepeatedNest, repeated_nests
from handgrad.engines.compiled.tiles import Tiles
from handgrad.engines.compiled.workers import share
from handgrad.engines.loops.program import FINISHED, WORKERS, Parameter, Program
from handgrad.engines.loops.statements import (
    CHUNK,
    LANES,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Multiply,
    Num,
    Parts,
    Reduce,
    ReturnIf,
    Statement,
    Store,
    Var,
    outer_variables,
)
from handgrad.engines.loops.streams import WORDS

DOOR = "call"
# LLVM by itself makes 1/√x of an estimate and a step of Newton's: NaN for 0 and infinity;
# and it uses half of a server's widest vectors, as a few of them would not pay.
EXACT_ROOTS, WIDEST_VECTORS = '"reciprocal-estimates"="none"', '"prefer-vector-width"="512"'


def compiled_function(program: Program) -> MachineCode:
    """The program as machine code: a function of a block of arguments."""
    key = f"{program.dtype} {program.parameters} {program.body}"
    return loaded(key, lambda: llvm_text(program), DOOR)


def llvm_text(program: Program) -> str:
    """The program as the text of an LLVM module with one function that Python calls."""
    module = ir.Module("handgrad")
    module.triple = binding.get_process_triple()
    tiles = Tiles(module, SINGLE if program.dtype == np.float32 else DOUBLE)
    function = _Writer(program, module, tiles).function
    b = _door(module, DOOR, [INT.as_pointer()])
    b.ret(b.call(function, _unpacked(b, function.args)))
    for function in module.functions:
        if not function.is_declaration:
            set.add(function.attributes, EXACT_ROOTS)  # llvmlite does not know these
            if tiles.used:  # then rows are long enough
                set.add(function.attributes, WIDEST_VECTORS)
    return str(module)


def _door(module: ir.Module, name: str, kinds: list[ir.Type]) -> ir.IRBuilder:
    door = ir.Function(module, ir.FunctionType(INT, kinds), name)
    return ir.IRBuilder(door.append_basic_block())


def _unpacked(b: ir.IRBuilder, arguments: Sequence[ir.Argument]) -> list[ir.Value]:
    """Arguments out of the block of memory that a door is given, 8 bytes each.

    A call with many arguments would cost Python more than a small epoch takes.
    """
    found = []
    for i, argument in enumerate(arguments):
        place = b.gep(b.function.args[0], [whole(i)])
        if isinstance(argument.type, ir.PointerType):
            found.append(b.inttoptr(b.load(place), argument.type))
        else:
            found.append(b.load(b.bitcast(place, argument.type.as_pointer())))
    return found


class _Writer(ProductCalls):
    """Writes a function: of the arguments of the program, and of local variables it is given."""

    def __init__(
        self,
        program: Program,
        module: ir.Module,
        tiles: Tiles,
        variables: Sequence[Parameter | Var] = (),
        most_of: Mapping[str, float] = {},
        *,
        is_part: bool = False,
    ) -> None:
        self.program, self.module, self.tiles, self.is_part = program, module, tiles, is_part
        number = SINGLE if program.dtype == np.float32 else DOUBLE
        self.types = {"float": number, "double": DOUBLE, "int": INT, "bool": BIT}
        in_memory = self.types | {"bool": BYTE}
        self.buffers: dict[str, ir.Value] = {}
        self.variables: dict[str, ir.Value] = {}
        self.counters: dict[str, ir.Value] = {}
        self.around: list[For] = []
        self.repeated = repeated_nests(program.body)
        self.functions: dict[int, ir.Function] = {}  # by the nests that they are
        self.most = dict(most_of)  # of a variable
        given: list[Parameter | Var] = [*program.parameters, *variables]
        kinds = [
            in_memory[p.type].as_pointer()
            if isinstance(p, Parameter) and p.buffer
            else self.types[p.type]
            for p in given
        ]
        name = module.get_unique_name(program.name)
        self.function = ir.Function(module, ir.FunctionType(INT, kinds), name)
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
        self.b.ret(whole(FINISHED))
        self.b.position_at_end(self.entry)
        self.b.branch(start)

    def let(self, name: str, value: ir.Value) -> None:
        self.b.store(value, self.variable(name, value.type))

    def variable(self, name: str, kind: ir.Type) -> ir.Value:
        """Memory for a local variable; LLVM turns it into a register."""
        if name not in self.variables:
            self.variables[name] = self.memory(kind, name=name)
        return self.variables[name]

    def memory(self, kind: ir.Type, size: int = 1, name: str = "") -> ir.Value:
        with self.b.goto_block(self.entry):
            return self.b.alloca(kind, size, name)

    def statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            match statement:
                case Comment():
                    pass
                case Let(name, value):
                    self.let(name, self.value(value))
                    self.most[name] = most(value, self.most)
                case Store(buffer, index, value):
                    number = self.value(value)
                    stored = self.b.zext(number, BYTE) if value.type == "bool" else number
                    self.b.store(stored, self.place(buffer, index))
                case ReturnIf(condition, value):
                    with self.b.if_then(self.value(condition), likely=False):
                        self.b.ret(self.value(value))
                case For() if id(statement) in self.repeated:
                    self.repeated_nest(self.repeated[id(statement)])
                case For():
                    self.loop(statement)
                case Parts():
                    self.parts(statement)
                case Multiply():
                    self.multiply(statement)
                case Reduce():
                    self.reduce(statement)
                case Draw(stream, buffer, offset, count):
                    words = self.b.gep(self.buffers["streams"], [whole(WORDS * stream)])
                    draws = draw(self.module, self.types["float"])
                    self.b.call(draws, [words, self.place(buffer, offset), self.value(count)])

    def loop(self, loop: For) -> None:
        begin, stop = self.value(loop.begin), self.value(loop.stop)
        self.around.append(loop)
        marks = marks_of(self.around, self.most)
        with counting(self.b, stop, loop.step, loop.counter, begin, marks) as counter:
            self.counters[loop.counter] = counter
            self.statements(loop.body)
        del self.counters[loop.counter]
        self.around.pop()

    def repeated_nest(self, repeated: RepeatedNest) -> None:
        """Call the function that is the nest, which is made for the first of its kind."""
        nest, own = repeated.nest, [variable for variable, _ in repeated.offsets]
        variables = outer_variables([nest], [variable.name for variable in own])
        if id(nest) not in self.functions:
            written, given = replace(self.program, body=[nest]), [*variables, *own]
            inside = _Writer(written, self.module, self.tiles, given, self.most)
            self.functions[id(nest)] = inside.function
            inside.function.attributes.add("noinline")
        known = self.known(variables)
        offsets = [whole(offset) for _, offset in repeated.offsets]
        self.b.call(self.functions[id(nest)], [*known, *offsets])

    def known(self, variables: Sequence[Var]) -> list[ir.Value]:
        """All that the program is given, and the values of local variables."""
        given: list[Parameter | Var] = [*self.program.parameters, *variables]
        return [self.buffers.get(p.name) or self.value(Var(p.name, p.type)) for p in given]

    def reduce(self, reduce: Reduce) -> None:
        """Loops around rows of numbers, and one result of their lanes."""
        vector = ir.VectorType(self.types[reduce.value.type], LANES)
        names = (f"{reduce.name}.lanes", f"{reduce.name}.chunk")
        variables = [self.variable(name, vector) for name in names]
        lanes = Lanes(self.b, variables, reduce.operation, reduce.start.value)
        *outer, counted = reduce.counters
        with ExitStack() as loops:
            for name, stop in outer:
                inner = counting(self.b, self.value(stop), name=name)
                self.counters[name] = loops.enter_context(inner)
            self.reduce_row(reduce.value, counted, lanes)
        for name, _ in reduce.counters:
            del self.counters[name]
        self.let(reduce.name, lanes.joined())

    def reduce_row(self, value: Expression, counted: tuple[str, Expression], lanes: Lanes) -> None:
        """Chunk by chunk: numbers that lie in a row are taken from there, others computed first."""
        b, (counter, size) = self.b, counted
        stop = self.value(size)
        one = isinstance(stop, ir.Constant) and stop.constant <= CHUNK
        with nullcontext(whole(0)) if one else counting(b, stop, CHUNK) as begin:
            count = stop if one else smaller(b, whole(CHUNK), b.sub(stop, begin))
            self.counters[counter] = begin
            match value:
                case Load(buffer, index, _) if step_of(index, counter) == 1:
                    lanes.take(self.place(buffer, index), count)
                case _:
                    lanes.take_own(self.chunk(value, counted, begin, count), count)

    def chunk(
        self,
        value: Expression,
        counted: tuple[str, Expression],
        begin: ir.Value,
        count: ir.Value,
    ) -> ir.Value:
        """Memory with the numbers of a chunk, computed in a loop that LLVM can vectorise."""
        b, kind = self.b, self.types[value.type]
        if f"chunk.{kind}" not in self.variables:
            self.variables[f"chunk.{kind}"] = self.memory(kind, whole(CHUNK + LANES))
        numbers = self.variables[f"chunk.{kind}"]
        marks = marks_of([*self.around, For(*counted, [Let("", value)])], self.most)
        with counting(b, count, name=counted[0], marks=marks) as i:
            self.counters[counted[0]] = b.add(begin, i)
            b.store(self.value(value), b.gep(numbers, [i]))
        return numbers

    def parts(self, parts: Parts) -> None:
        """Give the workers a function that does one part, and what it needs for that."""
        own = [Var(parts.counter, "int")]
        variables = outer_variables(parts.body, [parts.counter])
        one, given = self.function_beside(parts.body, variables, own)
        self.b.call(share(self.module), [self.buffers[WORKERS], one, given, whole(parts.count)])

    def function_beside(
        self, body: Sequence[Statement], variables: Sequence[Var], own: Sequence[Parameter | Var]
    ) -> tuple[ir.Function, ir.Value]:
        b, written = self.b, replace(self.program, body=[*body])
        given = [*variables, *own]
        inside = _Writer(written, self.module, self.tiles, given, self.most, is_part=True).function
        kinds = [argument.type for argument in inside.args[-len(own) :]]
        door = _door(self.module, f"{inside.name}.part", [INT.as_pointer(), *kinds])
        door.function.linkage = "internal"
        packed = _unpacked(door, inside.args[: -len(own)])
        door.ret(door.call(inside, [*packed, *door.function.args[1:]]))
        values = self.known(variables)
        block = self.memory(INT, len(values))
        for i, value in enumerate(values):
            place = b.gep(block, [whole(i)])
            if isinstance(value.type, ir.PointerType):
                b.store(b.ptrtoint(value, INT), place)
            else:
                b.store(value, b.bitcast(place, value.type.as_pointer()))
        return door.function, block

    def value(self, expression: Expression) -> ir.Value:
        match expression:
            case Num(value, type):
                return constant(value, self.types[type])
            case Var(name, _):
                if name in self.counters:
                    return self.counters[name]
                return self.b.load(self.variables[name])
            case Load(buffer, index, type):
                number = self.b.load(self.place(buffer, index))
                return self.b.trunc(number, BIT) if type == "bool" else number
            case Call("cast", (argument,), type):
                return converted(
                    self.b, self.value(argument), argument.type, type, self.types[type]
                )
            case Call(operation, arguments, type):
                values = [self.value(argument) for argument in arguments]
                return computed(self.b, operation, values, arguments[-1].type, type)
