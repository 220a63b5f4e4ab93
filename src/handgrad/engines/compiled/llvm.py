"""LLVM IR of a loop program, for the compiled engine: GEMM calls, vector reductions, outlining.

Loop nests that differ only in memory offsets, as equal layers make them, become one function.
"""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled import gemm
from handgrad.engines.compiled.ir_helpers import (
    BYTE,
    INT,
    INT32,
    SINGLE,
    VOID,
    counted_loop,
    declared,
    has_fma,
    i64,
    minimum,
)
from handgrad.engines.compiled.loop_metadata import loop_hints
from handgrad.engines.compiled.machine_code import ENTRY_POINT, MachineCode, load
from handgrad.engines.compiled.parallel_for import parallel_for, worker_count
from handgrad.engines.compiled.products import product_symbol
from handgrad.engines.compiled.small_gemm import SmallGemm, is_small_gemm
from handgrad.engines.compiled.statement_writer import (
    StatementWriter,
    new_module,
    number_of,
    text_of,
)
from handgrad.engines.compiled.vectors import VectorReduction, stride_of
from handgrad.engines.loops.ir import (
    CHUNK,
    LANES,
    Body,
    Epilogue,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    ParallelFor,
    Reduce,
    Statement,
    Var,
    initial_sums,
    outer_names,
)
from handgrad.engines.loops.partitioning import MULTIPLICATIONS
from handgrad.engines.loops.program import WORKERS, Parameter, Program
from handgrad.engines.loops.structural_hash import hash_of_statement, with_offsets
from handgrad.engines.loops.target import MAX_PARTS

# A tile of a matrix product: its first row and column in the result, its size, and the row stride.
TILE = tuple(Var(f"tile_{name}", "int") for name in ("row", "column", "rows", "columns", "width"))


# By default LLVM uses vectors half as wide as a server's widest, which pay only in long loops.
WIDEST_VECTORS = '"prefer-vector-width"="512"'


def compiled_function(program: Program) -> MachineCode:
    """Compile a program to machine code: a function of a block of arguments."""
    key = f"{program.dtype} {program.parameters} {program.body}"
    return load(key, lambda: llvm_text(program), ENTRY_POINT)


def llvm_text(program: Program) -> str:
    """The text of the LLVM module of a program, with one function that Python calls."""
    module = new_module(binding.get_process_triple())
    small_gemm = SmallGemm(module, number_of(program))
    add_entry_point(module, _FunctionWriter(program, module, small_gemm).function)
    return text_of(module, *([WIDEST_VECTORS] if small_gemm.used else []))  # its rows are long


def add_entry_point(module: ir.Module, function: ir.Function) -> None:
    """Add the function that Python calls, with a block of arguments."""
    b = _entry_point(module, ENTRY_POINT, [INT.as_pointer()])
    b.ret(b.call(function, _unpacked(b, function.args)))


def _entry_point(module: ir.Module, name: str, kinds: list[ir.Type]) -> ir.IRBuilder:
    function = ir.Function(module, ir.FunctionType(INT, kinds), name)
    return ir.IRBuilder(function.append_basic_block())


def _unpacked(b: ir.IRBuilder, arguments: Sequence[ir.Argument]) -> list[ir.Value]:
    """Load arguments from the block of memory that an entry point gets, 8 bytes each.

    A call with many arguments would cost Python more than a small epoch takes.
    """
    values = []
    for i, argument in enumerate(arguments):
        place = b.gep(b.function.args[0], [i64(i)])
        if isinstance(argument.type, ir.PointerType):
            values.append(b.inttoptr(b.load(place), argument.type))
        else:
            values.append(b.load(b.bitcast(place, argument.type.as_pointer())))
    return values


@dataclass(frozen=True)
class OutlinedNest:
    """A repeated statement, whose varying memory offsets are variables, and their values here."""

    nest: Statement
    offsets: tuple[tuple[Var, int], ...]


def repeated_nests(body: Sequence[Statement]) -> dict[int, OutlinedNest]:
    """Find what occurs more than once in the loop over batches; keys are the statements' `id`.

    These are loop nests, and products whose arguments lie in memory.
    """
    by_form: dict[Hashable, list[tuple[Statement, list[int]]]] = {}
    for loop in body:
        for nest in loop.body if isinstance(loop, For) else ():
            offsets: list[int] = []
            long = isinstance(nest, Multiply) and nest.workspace is not None
            if long or isinstance(nest, For | ParallelFor):
                form = hash_of_statement(nest, {}, offsets)
                if form is not None:
                    by_form.setdefault(form, []).append((nest, offsets))
    outlined: dict[int, OutlinedNest] = {}
    for alike in by_form.values():
        if len(alike) > 1:
            outlined |= _outlined(alike)
    return outlined


def _outlined(alike: Sequence[tuple[Statement, list[int]]]) -> dict[int, OutlinedNest]:
    columns = [*zip(*(offsets for _, offsets in alike), strict=True)]
    variables: dict[tuple[int, ...], Var] = {}  # equal columns share a variable
    for column in columns:
        if len({*column}) > 1:
            variables.setdefault(column, Var(f"offset{len(variables)}", "int"))
    first, _ = alike[0]
    nest = with_offsets(first, iter([variables.get(c, Num(c[0], "int")) for c in columns]))
    return {
        id(one): OutlinedNest(nest, tuple((v, c[k]) for c, v in variables.items()))
        for k, (one, _) in enumerate(alike)
    }


class _FunctionWriter(StatementWriter):
    """Writes a function of all statements: products, reductions, parallel parts, outlined nests."""

    def __init__(
        self,
        program: Program,
        module: ir.Module,
        small_gemm: SmallGemm,
        variables: Sequence[Parameter | Var] = (),
        most_of: Mapping[str, float] = {},
        *,
        is_part: bool = False,
    ) -> None:
        self.small_gemm, self.is_part = small_gemm, is_part
        self.repeated = repeated_nests(program.body)
        self.functions: dict[int, ir.Function] = {}  # by the id of their nest
        super().__init__(program, module, variables, most_of)

    def statement(self, statement: Statement) -> None:
        match statement:
            case For() | ParallelFor() | Multiply() if id(statement) in self.repeated:
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
        return has_fma()

    def repeated_nest(self, repeated: OutlinedNest) -> None:
        """Call the function of a nest; the first call writes it."""
        nest, offsets = repeated.nest, [variable for variable, _ in repeated.offsets]
        program, variables = self.inner_program([nest], offsets)
        if id(nest) not in self.functions:
            parameters = [*variables, *offsets]
            inside = _FunctionWriter(program, self.module, self.small_gemm, parameters, self.most)
            self.functions[id(nest)] = inside.function
            inside.function.attributes.add("noinline")
        values = [i64(offset) for _, offset in repeated.offsets]
        self.b.call(self.functions[id(nest)], [*self.arguments(program, variables), *values])

    def inner_program(
        self, body: Sequence[Statement], own: Sequence[Parameter | Var]
    ) -> tuple[Program, list[Var]]:
        """A program of statements, with the buffers they use; and the variables they use."""
        buffers, variables = outer_names(body, [variable.name for variable in own])
        buffers.add(WORKERS)
        parameters = tuple(p for p in self.program.parameters if p.name in buffers)
        return replace(self.program, body=[*body], parameters=parameters), variables

    def arguments(self, program: Program, variables: Sequence[Var]) -> list[ir.Value]:
        """The buffers of an inner program and the values of local variables."""
        buffers = [self.buffers[parameter.name] for parameter in program.parameters]
        return [*buffers, *map(self.value, variables)]

    def reduce(self, reduce: Reduce) -> None:
        """Reduce rows of numbers in the lanes of a vector, then the lanes to one result."""
        vector = ir.VectorType(self.types[reduce.value.type], LANES)
        names = (f"{reduce.name}.lanes", f"{reduce.name}.chunk")
        variables = [self.variable(name, vector) for name in names]
        reduction = VectorReduction(self.b, variables, reduce.operation, reduce.start.value)
        *outer, counted = reduce.counters
        with ExitStack() as loops:
            for name, stop in outer:
                inner = counted_loop(self.b, self.value(stop), name=name)
                self.counters[name] = loops.enter_context(inner)
            self.reduce_row(reduce.value, counted, reduction)
        for name, _ in reduce.counters:
            del self.counters[name]
        self.let(reduce.name, reduction.result())

    def reduce_row(
        self, value: Expression, counted: tuple[str, Expression], reduction: VectorReduction
    ) -> None:
        """Reduce chunk by chunk; values that are not contiguous in memory are computed first."""
        b, (counter, size) = self.b, counted
        stop = self.value(size)
        one = isinstance(stop, ir.Constant) and stop.constant <= CHUNK
        with nullcontext(i64(0)) if one else counted_loop(b, stop, CHUNK) as begin:
            count = stop if one else minimum(b, i64(CHUNK), b.sub(stop, begin))
            self.counters[counter] = begin
            match value:
                case Load(buffer, index, _) if stride_of(index, counter) == 1:
                    reduction.add_chunk(self.place(buffer, index), count)
                case _:
                    reduction.add_padded_chunk(self.chunk(value, counted, begin, count), count)

    def chunk(
        self,
        value: Expression,
        counted: tuple[str, Expression],
        begin: ir.Value,
        count: ir.Value,
    ) -> ir.Value:
        """Compute the numbers of a chunk into memory, in a loop that LLVM can vectorize."""
        b, kind = self.b, self.types[value.type]
        if f"chunk.{kind}" not in self.variables:
            self.variables[f"chunk.{kind}"] = self.memory(kind, i64(CHUNK + LANES))
        numbers = self.variables[f"chunk.{kind}"]
        hints = loop_hints([*self.around, For(*counted, [Let("", value)])], self.most)
        with counted_loop(b, count, name=counted[0], hints=hints) as i:
            self.counters[counted[0]] = b.add(begin, i)
            b.store(self.value(value), b.gep(numbers, [i]))
        return numbers

    def parts(self, parts: ParallelFor) -> None:
        """Run the parts on all threads, by a function of a block of memory and a part's number."""
        function, block = self.closure(parts.body, [Var(parts.counter, "int")])
        pool, count = self.buffers[WORKERS], i64(parts.count)
        self.b.call(parallel_for(self.module), [pool, function, block, count])

    def closure(
        self, body: Sequence[Statement], own: Sequence[Parameter | Var]
    ) -> tuple[ir.Function, ir.Value]:
        """A function of a block of memory and its `own` arguments that runs `body`; the block.

        The block has the buffers and the variables that the body uses.
        """
        program, captured = self.inner_program(body, own)
        b, parameters = self.b, [*captured, *own]
        inside = _FunctionWriter(
            program, self.module, self.small_gemm, parameters, self.most, is_part=True
        ).function
        kinds = [argument.type for argument in inside.args[-len(own) :]]
        entry = _entry_point(self.module, f"{inside.name}.part", [INT.as_pointer(), *kinds])
        entry.function.linkage = "internal"
        unpacked = _unpacked(entry, inside.args[: -len(own)])
        entry.ret(entry.call(inside, [*unpacked, *entry.function.args[1:]]))
        values = self.arguments(program, captured)
        block = self.memory(INT, len(values))
        for i, value in enumerate(values):
            place = b.gep(block, [i64(i)])
            if isinstance(value.type, ir.PointerType):
                b.store(b.ptrtoint(value, INT), place)
            else:
                b.store(value, b.bitcast(place, value.type.as_pointer()))
        return entry.function, block

    def multiply(self, product: Multiply) -> None:
        """Multiply by packed GEMM if the product is large, else small GEMM; by BLAS without fma."""
        if product.workspace is not None:
            self.call_packed(product, product.workspace)
            return
        if not is_small_gemm(product):
            self.call_blas(product)
            return
        arguments = [*map(self.value, (product.m, product.n, product.k))]
        for matrix in (product.a, product.b, product.c):
            arguments += [self.place(matrix.buffer, matrix.offset), self.value(matrix.width)]
        if product.start is None:
            arguments.append(ir.Constant(self.types["float"].as_pointer(), None))
        else:
            arguments.append(self.place(product.start.buffer, product.start.index))
        self.b.call(self.small_gemm.function(product), arguments)

    def call_packed(self, product: Multiply, room: Load) -> None:
        """Call packed GEMM, with its arguments in a block of memory."""
        b, m, n, k = self.b, *product.sizes
        values: dict[str, ir.Value] = {
            **dict(zip("mnk", map(self.value, (product.m, product.n, product.k)), strict=True)),
            **self.packed_matrix("a", product.a),
            **self.packed_matrix("b", product.b),
            "c": self.place(product.c.buffer, product.c.offset),
            "c_width": self.value(product.c.width),
            "room": self.place(room.buffer, room.index),
            "workers": self.buffers[WORKERS],
            "parts": i64(1) if self.is_part else self.parts_of(m * n * k),
        }
        if product.start is not None:
            values["start"] = self.place(product.start.buffer, product.start.index)
        if product.epilogue is not None:
            values["end"], values["given"] = self.epilogue(product.epilogue)
        block = self.memory(INT, len(gemm.ARGUMENTS))
        for i, name in enumerate(gemm.ARGUMENTS):
            value = values.get(name, i64(0))
            if isinstance(value.type, ir.PointerType):
                value = b.ptrtoint(value, INT)
            b.store(value, b.gep(block, [i64(i)]))
        multiply = declared(self.module, product_symbol(self.program.dtype), VOID, [block.type])
        b.call(multiply, [block])

    def packed_matrix(self, name: str, matrix: Matrix) -> dict[str, ir.Value]:
        rows = matrix.rows
        return {
            name: self.place(matrix.buffer, matrix.offset),
            f"{name}_width": self.value(matrix.width),
            f"{name}_transposed": i64(int(matrix.transposed)),
            f"{name}_rows": i64(0) if rows is None else self.place(rows.buffer, rows.index),
        }

    def parts_of(self, multiplications: int) -> ir.Value:
        """The number of parts of a product: two for each thread, if it is large enough."""
        most = min(MAX_PARTS, multiplications // MULTIPLICATIONS)
        if most < 2:
            return i64(1)
        b, workers = self.b, worker_count(self.b, self.buffers[WORKERS])
        alone = b.icmp_signed("==", workers, i64(0))
        parts = minimum(b, b.shl(b.add(workers, i64(1)), i64(1)), i64(most))
        return b.select(alone, i64(1), parts)

    def epilogue(self, end: Epilogue) -> tuple[ir.Value, ir.Value]:
        """The function of the elementwise operations applied to each tile, and its block."""
        tile, (row, column, rows, columns, width) = Parameter("tile", "float"), TILE
        i, j = Var("tile_i", "int"), Var("tile_j", "int")
        at_a_place: Body = [
            Let(end.row, row + i),
            Let(end.column, column + j),
            Let(end.sums, Load(tile.name, i * width + j, "float")),
            *end.body,
        ]
        body = [For(i.name, rows, [For(j.name, columns, at_a_place)])]
        return self.closure(body, [row, column, rows, columns, tile, width])

    def call_blas(self, product: Multiply) -> None:
        """Call BLAS, which is column-major: c = a b is computed as cᵀ = bᵀ aᵀ.

        It accumulates into c, where the initial values of the sums are stored first.
        """
        number, a, b, c = self.types["float"], product.a, product.b, product.c
        self.statements(initial_sums(product))
        letters = (ir.Constant(BYTE, ord("NT"[matrix.transposed])) for matrix in (b, a))
        arguments = [
            *map(self.boxed, letters),
            *(self.boxed(self.narrow(size)) for size in (product.n, product.m, product.k)),
            self.boxed(ir.Constant(number, 1.0)),
            *self.matrix(b),
            *self.matrix(a),
            self.boxed(ir.Constant(number, 0.0 if product.start is None else 1.0)),
            *self.matrix(c),
        ]
        name = "sgemm" if number == SINGLE else "dgemm"
        self.b.call(declared(self.module, name, VOID, [a.type for a in arguments]), arguments)

    def matrix(self, matrix: Matrix) -> tuple[ir.Value, ir.Value]:
        return self.place(matrix.buffer, matrix.offset), self.boxed(self.narrow(matrix.width))

    def narrow(self, expression: Expression) -> ir.Value:
        return self.b.trunc(self.value(expression), INT32)

    def boxed(self, value: ir.Value) -> ir.Value:
        """The address of a value: Fortran passes arguments by reference."""
        place = self.variable(f"box.{len(self.variables)}", value.type)
        self.b.store(value, place)
        return place
