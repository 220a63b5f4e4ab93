"""Products of matrices as calls: of the functions that pack matrices or keep tiles, or of BLAS."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import llvmlite.ir as ir

from handgrad.engines.compiled import gemm
from handgrad.engines.compiled.ir_helpers import (
    BYTE,
    INT,
    INT32,
    SINGLE,
    VOID,
    declared,
    smaller,
    whole,
)
from handgrad.engines.compiled.small_gemm import Tiles
from handgrad.engines.compiled.statement_writer import StatementWriter
from handgrad.engines.compiled.thread_pool import helpers_of
from handgrad.engines.loops.ir import (
    Body,
    Epilogue,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Statement,
    Var,
    initial_sums,
    outer_variables,
)
from handgrad.engines.loops.partitioning import MULTIPLICATIONS
from handgrad.engines.loops.program import WORKERS, Parameter
from handgrad.engines.loops.target import MAX_PARTS

# Of a tile of a product: where in the result it begins, its size, how far apart its rows lie.
TILE = tuple(Var(f"tile_{name}", "int") for name in ("row", "column", "rows", "columns", "width"))


class ProductCalls(StatementWriter, ABC):
    """What of the writer of a function is for products."""

    tiles: Tiles
    is_part: bool

    @abstractmethod
    def function_beside(
        self, body: Sequence[Statement], variables: Sequence[Var], own: Sequence[Parameter | Var]
    ) -> tuple[ir.Function, ir.Value]:
        """A function of a block of memory and its `own` arguments that does `body`; and the block.

        In the block are the arguments of the program, and the variables that it needs.
        """

    def multiply(self, product: Multiply) -> None:
        """The product packed where it is large, else tile by tile; else by BLAS."""
        if product.workspace is not None:
            self.call_packed(product, product.workspace)
            return
        if not self.tiles.suit(product):
            self.call_blas(product)
            return
        arguments = [*map(self.value, (product.m, product.n, product.k))]
        for matrix in (product.a, product.b, product.c):
            arguments += [self.place(matrix.buffer, matrix.offset), self.value(matrix.width)]
        if product.start is None:
            arguments.append(ir.Constant(self.types["float"].as_pointer(), None))
        else:
            arguments.append(self.place(product.start.buffer, product.start.index))
        self.b.call(self.tiles.function(product), arguments)

    def call_packed(self, product: Multiply, room: Load) -> None:
        """Call the function that packs matrices, with what it needs in a block of memory."""
        b, m, n, k = self.b, *product.sizes
        given: dict[str, ir.Value] = {
            **dict(zip("mnk", map(self.value, (product.m, product.n, product.k)), strict=True)),
            **self.packed_matrix("a", product.a),
            **self.packed_matrix("b", product.b),
            "c": self.place(product.c.buffer, product.c.offset),
            "c_width": self.value(product.c.width),
            "room": self.place(room.buffer, room.index),
            "workers": self.buffers[WORKERS],
            "parts": whole(1) if self.is_part else self.parts_of(m * n * k),
        }
        if product.start is not None:
            given["start"] = self.place(product.start.buffer, product.start.index)
        if product.epilogue is not None:
            given["end"], given["given"] = self.end(product.epilogue)
        block = self.memory(INT, len(gemm.ARGUMENTS))
        for i, name in enumerate(gemm.ARGUMENTS):
            value = given.get(name, whole(0))
            if isinstance(value.type, ir.PointerType):
                value = b.ptrtoint(value, INT)
            b.store(value, b.gep(block, [whole(i)]))
        multiply = declared(self.module, gemm.symbol(self.program.dtype), VOID, [block.type])
        b.call(multiply, [block])

    def packed_matrix(self, name: str, matrix: Matrix) -> dict[str, ir.Value]:
        rows = matrix.rows
        return {
            name: self.place(matrix.buffer, matrix.offset),
            f"{name}_width": self.value(matrix.width),
            f"{name}_transposed": whole(int(matrix.transposed)),
            f"{name}_rows": whole(0) if rows is None else self.place(rows.buffer, rows.index),
        }

    def parts_of(self, multiplications: int) -> ir.Value:
        """Into how many parts a product is cut: two for each thread, if it is large enough."""
        most = min(MAX_PARTS, multiplications // MULTIPLICATIONS)
        if most < 2:
            return whole(1)
        b, helpers = self.b, helpers_of(self.b, self.buffers[WORKERS])
        alone = b.icmp_signed("==", helpers, whole(0))
        parts = smaller(b, b.shl(b.add(helpers, whole(1)), whole(1)), whole(most))
        return b.select(alone, whole(1), parts)

    def end(self, end: Epilogue) -> tuple[ir.Value, ir.Value]:
        """The function that does the end of a tile, and the block of memory that it is given."""
        tile, (row, column, rows, columns, width) = Parameter("tile", "float"), TILE
        i, j = Var("tile_i", "int"), Var("tile_j", "int")
        at_a_place: Body = [
            Let(end.row, row + i),
            Let(end.column, column + j),
            Let(end.sums, Load(tile.name, i * width + j, "float")),
            *end.body,
        ]
        body = [For(i.name, rows, [For(j.name, columns, at_a_place)])]
        variables = outer_variables(body, [given.name for given in TILE])
        order: list[Parameter | Var] = [row, column, rows, columns, tile, width]
        return self.function_beside(body, variables, order)

    def call_blas(self, product: Multiply) -> None:
        """Call BLAS, which counts by columns: row-major c = a b is its cᵀ = bᵀ aᵀ.

        It adds to the starts of the sums, which are put into c.
        """
        number, a, b, c = self.types["float"], product.a, product.b, product.c
        self.statements(initial_sums(product))
        letters = (ir.Constant(BYTE, ord("NT"[matrix.transposed])) for matrix in (b, a))
        given = [
            *map(self.boxed, letters),
            *(self.boxed(self.narrow(size)) for size in (product.n, product.m, product.k)),
            self.boxed(ir.Constant(number, 1.0)),
            *self.matrix(b),
            *self.matrix(a),
            self.boxed(ir.Constant(number, 0.0 if product.start is None else 1.0)),
            *self.matrix(c),
        ]
        name = "sgemm" if number == SINGLE else "dgemm"
        self.b.call(declared(self.module, name, VOID, [value.type for value in given]), given)

    def matrix(self, matrix: Matrix) -> tuple[ir.Value, ir.Value]:
        return self.place(matrix.buffer, matrix.offset), self.boxed(self.narrow(matrix.width))

    def narrow(self, expression: Expression) -> ir.Value:
        return self.b.trunc(self.value(expression), INT32)

    def boxed(self, value: ir.Value) -> ir.Value:
        """The address of a value, as Fortran wants its arguments."""
        place = self.variable(f"box.{len(self.variables)}", value.type)
        self.b.store(value, place)
        return place
