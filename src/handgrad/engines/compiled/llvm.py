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
    INT32,
    SINGLE,
    VOID,
    constant,
    counting,
    declared,
    keep_apart,
    smaller,
    whole,
)
from handgrad.engines.compiled.lanes import CHUNK, Lanes, step_of
from handgrad.engines.compiled.loop_marks import marks_of, most
from handgrad.engines.compiled.loops import (
    LANES,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Matrix,
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
from handgrad.engines.compiled.machine_code import MachineCode, loaded
from handgrad.engines.compiled.number_operations import computed, converted
from handgrad.engines.compiled.program import FINISHED, WORKERS, Parameter, Program
from handgrad.engines.compiled.streams import WORDS
from handgrad.engines.compiled.tiles import Tiles
from handgrad.engines.compiled.workers import share

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


class _Writer:
    """Writes a function: of the arguments of the program, and of local variables it is given."""

    def __init__(
        self,
        program: Program,
        module: ir.Module,
        tiles: Tiles,
        variables: Sequence[Var] = (),
        most_of: Mapping[str, float] = {},
    ) -> None:
        self.program, self.module, self.tiles = program, module, tiles
        number = SINGLE if program.dtype == np.float32 else DOUBLE
        self.types = {"float": number, "double": DOUBLE, "int": INT, "bool": BIT}
        in_memory = self.types | {"bool": BYTE}
        self.buffers: dict[str, ir.Value] = {}
        self.variables: dict[str, ir.Value] = {}
        self.counters: dict[str, ir.Value] = {}
        self.around: list[For] = []
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

    def reduce(self, reduce: Reduce) -> None:
        """Loops around rows of numbers: those that lie in a row are taken from there."""
        kind = self.types[reduce.value.type]
        variable = self.variable(f"{reduce.name}.lanes", ir.VectorType(kind, LANES))
        lanes = Lanes(self.b, variable, reduce.operation, reduce.start.value)
        *outer, (counter, size) = reduce.counters
        with ExitStack() as loops:
            for name, stop in outer:
                inner = counting(self.b, self.value(stop), name=name)
                self.counters[name] = loops.enter_context(inner)
            match reduce.value:
                case Load(buffer, index, _) if step_of(index, counter) == 1:
                    self.counters[counter] = whole(0)
                    lanes.take(self.place(buffer, index), self.value(size))
                case _:
                    self.reduce_chunks(reduce.value, (counter, size), lanes)
        for name, _ in reduce.counters:
            del self.counters[name]
        self.let(reduce.name, lanes.joined())

    def reduce_chunks(
        self, value: Expression, counted: tuple[str, Expression], lanes: Lanes
    ) -> None:
        """Compute numbers, in a loop that LLVM can vectorise, before the lanes take them."""
        b, kind, (counter, size) = self.b, self.types[value.type], counted
        loop = For(counter, size, [Let("", value)])
        stop, marks = self.value(size), marks_of([*self.around, loop], self.most)
        if f"chunk.{kind}" not in self.variables:
            self.variables[f"chunk.{kind}"] = self.memory(kind, whole(CHUNK + LANES))
        chunk = self.variables[f"chunk.{kind}"]
        one = isinstance(stop, ir.Constant) and stop.constant <= CHUNK
        with nullcontext(whole(0)) if one else counting(b, stop, CHUNK) as begin:
            count = stop if one else smaller(b, whole(CHUNK), b.sub(stop, begin))
            with counting(b, count, name=counter, marks=marks) as i:
                self.counters[counter] = b.add(begin, i)
                b.store(self.value(value), b.gep(chunk, [i]))
            lanes.take_chunk(chunk, count)

    def parts(self, parts: Parts) -> None:
        """Give the workers a function that does one part, and what it needs for that."""
        variables, b = outer_variables(parts), self.b
        written = replace(self.program, body=[*parts.body])
        number = Var(parts.counter, "int")
        given_too = [*variables, number]
        part = _Writer(written, self.module, self.tiles, given_too, self.most).function
        inner = _door(self.module, f"{part.name}.part", [INT.as_pointer(), INT])
        inner.function.linkage = "internal"
        inner.ret(inner.call(part, [*_unpacked(inner, part.args[:-1]), inner.function.args[1]]))
        known: list[Parameter | Var] = [*self.program.parameters, *variables]
        given = [self.buffers.get(p.name) or self.value(Var(p.name, p.type)) for p in known]
        block = self.memory(INT, len(given))
        for i, value in enumerate(given):
            place = b.gep(block, [whole(i)])
            if isinstance(value.type, ir.PointerType):
                b.store(b.ptrtoint(value, INT), place)
            else:
                b.store(value, b.bitcast(place, value.type.as_pointer()))
        does_a_part = [inner.function, block, whole(parts.count)]
        b.call(share(self.module), [self.buffers[WORKERS], *does_a_part])

    def multiply(self, product: Multiply) -> None:
        """The product tile by tile where it is small, else by BLAS."""
        if not self.tiles.suit(product):
            self.call_blas(product)
            return
        arguments = [self.value(product.m), self.value(product.k)]
        for matrix in (product.a, product.b, product.c):
            arguments += [self.place(matrix.buffer, matrix.offset), self.value(matrix.width)]
        self.b.call(self.tiles.function(product), arguments)

    def call_blas(self, product: Multiply) -> None:
        """Call BLAS, which counts by columns: row-major c = a b is its cᵀ = bᵀ aᵀ."""
        number, a, b, c = self.types["float"], product.a, product.b, product.c
        letters = (ir.Constant(BYTE, ord("NT"[matrix.transposed])) for matrix in (b, a))
        given = [
            *map(self.boxed, letters),
            *(self.boxed(self.narrow(size)) for size in (product.n, product.m, product.k)),
            self.boxed(ir.Constant(number, 1.0)),
            *self.matrix(b),
            *self.matrix(a),
            self.boxed(ir.Constant(number, 0.0)),
            *self.matrix(c),
        ]
        name = "sgemm" if number == SINGLE else "dgemm"
        self.b.call(declared(self.module, name, VOID, [value.type for value in given]), given)

    def place(self, buffer: str, offset: Expression) -> ir.Value:
        return self.b.gep(self.buffers[buffer], [self.value(offset)])

    def matrix(self, matrix: Matrix) -> tuple[ir.Value, ir.Value]:
        return self.place(matrix.buffer, matrix.offset), self.boxed(self.narrow(matrix.width))

    def narrow(self, expression: Expression) -> ir.Value:
        return self.b.trunc(self.value(expression), INT32)

    def boxed(self, value: ir.Value) -> ir.Value:
        """The address of a value, as Fortran wants its arguments."""
        place = self.variable(f"box.{len(self.variables)}", value.type)
        self.b.store(value, place)
        return place

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
