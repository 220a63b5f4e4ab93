"""The loop program as LLVM's intermediate representation."""

from collections.abc import Sequence
from dataclasses import replace

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.draws import draw
from handgrad.engines.compiled.ir_helpers import (
    BYTE,
    DOUBLE,
    INT,
    INT32,
    SINGLE,
    VOID,
    counting,
    declared,
    take_roots_exactly,
    use_widest_vectors,
    whole,
)
from handgrad.engines.compiled.loops import (
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Matrix,
    Multiply,
    Parts,
    ReturnIf,
    Statement,
    Store,
    Var,
    outer_variables,
)
from handgrad.engines.compiled.parameters import WORKERS, Parameter
from handgrad.engines.compiled.program import FINISHED, Program
from handgrad.engines.compiled.streams import WORDS
from handgrad.engines.compiled.tiles import Tiles
from handgrad.engines.compiled.values import Values
from handgrad.engines.compiled.work_queue import PART, share

DOOR = "call"


def llvm_text(program: Program) -> str:
    """The program as the text of an LLVM module with one function that Python calls."""
    module = ir.Module("handgrad")
    module.triple = binding.get_process_triple()
    tiles = Tiles(module, SINGLE if program.dtype == np.float32 else DOUBLE)
    function = _Writer(program, module, tiles).function
    door, b = _door(module, DOOR, [INT.as_pointer()])
    b.ret(b.call(function, _unpacked(b, door.args[0], function.args)))
    for function in module.functions:
        if not function.is_declaration:
            take_roots_exactly(function)
            if tiles.used:  # then rows are long enough
                use_widest_vectors(function)
    return str(module)


def _door(module: ir.Module, name: str, kinds: list[ir.Type]) -> tuple[ir.Function, ir.IRBuilder]:
    door = ir.Function(module, ir.FunctionType(INT, kinds), name)
    return door, ir.IRBuilder(door.append_basic_block())


def _unpacked(b: ir.IRBuilder, block: ir.Value, arguments: Sequence[ir.Argument]) -> list[ir.Value]:
    """Arguments out of a block of memory that holds them, 8 bytes each.

    A call with many arguments would cost Python more than a small epoch takes.
    """
    found = []
    for i, argument in enumerate(arguments):
        place = b.gep(block, [whole(i)])
        if isinstance(argument.type, ir.PointerType):
            found.append(b.inttoptr(b.load(place), argument.type))
        else:
            found.append(b.load(b.bitcast(place, argument.type.as_pointer())))
    return found


class _Writer(Values):
    """Writes a function: of the arguments of the program, and of local variables it is given."""

    def __init__(
        self, program: Program, module: ir.Module, tiles: Tiles, variables: Sequence[Var] = ()
    ) -> None:
        super().__init__(module, program.dtype)
        self.program, self.tiles = program, tiles
        kinds = [
            self.in_memory[p.type].as_pointer() if p.buffer else self.types[p.type]
            for p in program.parameters
        ]
        kinds += [self.types[variable.type] for variable in variables]
        name = module.get_unique_name(program.name)
        self.function = ir.Function(module, ir.FunctionType(INT, kinds), name)
        self.function.linkage = "internal"
        self.entry = self.function.append_basic_block("entry")
        self.start = self.function.append_basic_block("start")
        self.b = ir.IRBuilder(self.start)
        given: list[Parameter | Var] = [*program.parameters, *variables]
        for argument, parameter in zip(self.function.args, given, strict=True):
            argument.name = parameter.name
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
                self.buffers[parameter.name] = argument
            else:
                self.let(parameter.name, argument)
        self.statements(program.body)
        self.b.ret(whole(FINISHED))
        self.b.position_at_end(self.entry)
        self.b.branch(self.start)

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
                case Store(buffer, index, value):
                    number = self.value(value)
                    stored = self.b.zext(number, BYTE) if value.type == "bool" else number
                    self.b.store(stored, self.b.gep(self.buffers[buffer], [self.value(index)]))
                case ReturnIf(condition, value):
                    with self.b.if_then(self.value(condition), likely=False):
                        self.b.ret(self.value(value))
                case For():
                    self.loop(statement)
                case Parts():
                    self.parts(statement)
                case Multiply():
                    self.multiply(statement)
                case Draw(stream, buffer, offset, count):
                    words = self.b.gep(self.buffers["streams"], [whole(WORDS * stream)])
                    place = self.b.gep(self.buffers[buffer], [self.value(offset)])
                    draws = draw(self.module, self.types["float"])
                    self.b.call(draws, [words, place, self.value(count)])

    def loop(self, loop: For) -> None:
        begin, stop = self.value(loop.begin), self.value(loop.stop)
        with counting(self.b, stop, loop.step, loop.counter, begin) as counter:
            self.counters[loop.counter] = counter
            self.statements(loop.body)
        del self.counters[loop.counter]

    def parts(self, parts: Parts) -> None:
        """Give the workers a function that does one part, and what it needs for that."""
        if WORKERS not in self.buffers:
            self.loop(For(parts.counter, whole(parts.count), parts.body))
            return
        variables, b = outer_variables(parts), self.b
        written = replace(self.program, body=[*parts.body])
        number = Var(parts.counter, "int")
        part = _Writer(written, self.module, self.tiles, [*variables, number]).function
        door, inner = _door(self.module, f"{part.name}.{PART}", [INT.as_pointer(), INT])
        door.linkage = "internal"
        inner.ret(inner.call(part, [*_unpacked(inner, door.args[0], part.args[:-1]), door.args[1]]))
        given = [
            *(
                self.buffers.get(p.name) or self.value(Var(p.name, p.type))
                for p in written.parameters
            ),
            *(self.value(variable) for variable in variables),
        ]
        block = self.memory(INT, len(given))
        for i, value in enumerate(given):
            place = b.gep(block, [whole(i)])
            if isinstance(value.type, ir.PointerType):
                b.store(b.ptrtoint(value, INT), place)
            else:
                b.store(value, b.bitcast(place, value.type.as_pointer()))
        b.call(share(self.module), [self.buffers[WORKERS], door, block, whole(parts.count)])

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

    def place(self, matrix: Matrix) -> ir.Value:
        return self.b.gep(self.buffers[matrix.buffer], [self.value(matrix.offset)])

    def matrix(self, matrix: Matrix) -> tuple[ir.Value, ir.Value]:
        return self.place(matrix), self.boxed(self.narrow(matrix.width))

    def narrow(self, expression: Expression) -> ir.Value:
        return self.b.trunc(self.value(expression), INT32)

    def boxed(self, value: ir.Value) -> ir.Value:
        """The address of a value, as Fortran wants its arguments."""
        place = self.variable(f"box.{len(self.variables)}", value.type)
        self.b.store(value, place)
        return place
