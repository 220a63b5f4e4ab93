"""A compiled program with its scratch memory and constants, ready to be called."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.compiled.calls import Calls, NativeCall, PerRound
from handgrad.engines.compiled.ir_helpers import DOUBLE, SINGLE
from handgrad.engines.compiled.loops import Multiply, Parts, Statement, walk
from handgrad.engines.compiled.machine_code import compiled_function
from handgrad.engines.compiled.program import Program
from handgrad.engines.compiled.tiles import LARGE_PRODUCT, Tiles
from handgrad.engines.compiled.workers import Workers
from handgrad.layers import Array


def _is_large(statement: Statement) -> bool:
    """Whether threads could share it, of the workers or of BLAS."""
    if isinstance(statement, Multiply):
        return math.prod(statement.sizes) > LARGE_PRODUCT
    return isinstance(statement, Parts)


class Runner:
    """A compiled program with its scratch memory, and its constants for each number of rows."""

    load: Callable[[Program], Any] = staticmethod(compiled_function)
    in_turn: type[Any] = Calls

    def __init__(self, program: Program, batch_size: int, workers: Workers | None = None) -> None:
        self.program, self.batch_size = program, batch_size
        self.workers = workers or Workers()
        self.output_shape = program.output_shape
        statements = [*walk(program.body)]
        self.large = any(map(_is_large, statements))
        self.in_parts = any(isinstance(statement, Parts) for statement in statements)
        tiles = Tiles(None, SINGLE if program.dtype == np.float32 else DOUBLE)
        self.by_blas = any(
            isinstance(statement, Multiply) and not tiles.suit(statement)
            for statement in statements
        )
        self.function = self.load(program)
        self.scratch = self._new_scratch()

    def with_scratch_of_its_own(self, workers: Workers | None = None) -> "Runner":
        """The same function, for another thread or another net."""
        other = copy.copy(self)
        other.workers = workers or Workers()
        other.scratch = other._new_scratch()
        return other

    def _new_scratch(self) -> tuple[Array, ...]:
        program = self.program
        sizes = program.arena.sizes
        tables = program.constants.tables
        return (
            np.concatenate([table.ravel() for table in tables]) if tables else np.zeros(1),
            np.zeros(sizes["float"] + 1, program.dtype),
            np.zeros(sizes["int"] + 1, np.int64),
            np.zeros(sizes["bool"] + 1, np.bool_),
            self.workers.memory,
        )

    def planned(self, n_rows: int, *arguments: PerRound | Array | int) -> NativeCall:
        """A call for that many rows; `PerRound(array)` has a part for each of several rounds."""
        return NativeCall(self.function, (n_rows, *arguments, *self.scratch))

    def __call__(self, n_rows: int, *arguments: PerRound | Array | int) -> int:
        """Call it once, for that many rows."""
        _, found = self.in_turn([self.planned(n_rows, *arguments)]).run()
        return int(found)
