"""The loop program as LLVM's intermediate representation, for the compiled engine."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.gemm_calls import ProductCalls
from handgrad.engines.compiled.ir_helpers import INT, counting, rounds_once, smaller, whole
from handgrad.engines.compiled.loop_metadata import marks_of
from handgrad.engines.compiled.machine_code import MachineCode, loaded
from handgrad.engines.compiled.outlining import RepeatedNest, repeated_nests
from handgrad.engines.compiled.small_gemm import Tiles
from handgrad.engines.compiled.statement_writer import new_module, number_of, text_of
from handgrad.engines.compiled.thread_pool import share
from handgrad.engines.compiled.vector_reductions import Lanes, step_of
from handgrad.engines.loops.ir import (
    CHUNK,
    LANES,
    Expression,
    For,
    Let,
    Load,
    Multiply,
    ParallelFor,
    Reduce,
    Statement,
    Var,
    outer_variables,
)
from handgrad.engines.loops.program import WORKERS, Parameter, Program

DOOR = "call"
# LLVM by itself uses half of a server's widest vectors, as a few of them would not pay.
WIDEST_VECTORS = '"prefer-vector-width"="512"'


def compiled_function(program: Program) -> MachineCode:
    """The program as machine code: a function of a block of arguments."""
    key = f"{program.dtype} {program.parameters} {program.body}"
    return loaded(key, lambda: llvm_text(program), DOOR)


def llvm_text(program: Program) -> str:
    """The program as the text of an LLVM module with one function that Python calls."""
    module = new_module(binding.get_process_triple())
    tiles = Tiles(module, number_of(program))
    add_door(module, _Writer(program, module, tiles).function)
    return text_of(module, *([WIDEST_VECTORS] if tiles.used else []))  # then rows are long enough


def add_door(module: ir.Module, function: ir.Function) -> None:
    """Add the function that Python calls, with a block of arguments."""
    b = _door(module, DOOR, [INT.as_pointer()])
    b.ret(b.call(function, _unpacked(b, function.args)))


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
    """Writes a function of all kinds of statement: with products, lanes, parts, repeated nests."""

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
        self.tiles, self.is_part = tiles, is_part
        self.repeated = repeated_nests(program.body)
        self.functions: dict[int, ir.Function] = {}  # by the nests that they are
        super().__init__(program, module, variables, most_of)

    def statement(self, statement: Statement) -> None:
        match statement:
            case For() if id(statement) in self.repeated:
                self.repeated_nest(self.repeated[id(statement)])
            case ParallelFor():
                self.parts(statement)
            case Multiply():
                self.multiply(statement)
            case Reduce():
                self.reduce(statement)
            case _:
                super().statement(statement)

    def fused(self) -> bool:
        return rounds_once()

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

    def parts(self, parts: ParallelFor) -> None:
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
