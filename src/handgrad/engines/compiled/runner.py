"""Calls a compiled program with its scratch memory and constants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.compiled.machine_code import compiled_function
from handgrad.engines.compiled.program import Program
from handgrad.graph.rules import at
from handgrad.layers import Array


class Runner:
    """A compiled program with its scratch memory and its constants for each number of rows."""

    def __init__(
        self,
        program: Program,
        batch_size: int,
        make: Callable[[Program], Callable[..., int]] = compiled_function,
    ) -> None:
        self.program, self.batch_size = program, batch_size
        self.function = make(program)
        self.by_address = make is compiled_function
        self.output_shape = program.output_shape
        sizes = program.arena.sizes
        tables = program.constants.tables
        self.scratch = (
            np.concatenate([table.ravel() for table in tables]) if tables else np.zeros(1),
            np.zeros(sizes["float"] + 1, program.dtype),
            np.zeros(sizes["int"] + 1, np.int64),
            np.zeros(sizes["bool"] + 1, np.bool_),
        )
        self.rules: dict[int, Array] = {}
        self._addresses: dict[int, tuple[Array, Any]] = {}

    def __call__(self, n_rows: int, *arguments: Any) -> int:
        """Run for that many rows."""
        rest = n_rows % self.batch_size
        if rest not in self.rules:
            sizes = (self.batch_size, rest or self.batch_size)
            rules = self.program.constants.rules
            self.rules[rest] = np.array([float(at(r, n)) for n in sizes for r in rules] or [0.0])
        count = len(self.program.constants.rules)
        given = (*arguments, self.rules[rest], count, *self.scratch)
        return self.function(*[self._passed(argument) for argument in given])

    def _passed(self, argument: Any) -> Any:
        """An array as its address, or flat for Python; a number as it is."""
        if not isinstance(argument, np.ndarray):
            return argument
        known = self._addresses.get(id(argument))
        if known is None or known[0] is not argument:
            if not argument.flags.c_contiguous:
                raise ValueError("machine code reads contiguous arrays only")
            flat = argument.ctypes.data if self.by_address else argument.reshape(-1)
            if len(self._addresses) > 100:
                self._addresses.clear()
            known = self._addresses[id(argument)] = (argument, flat)
        return known[1]
