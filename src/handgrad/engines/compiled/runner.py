"""Calls a compiled program with its scratch memory and constants."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.compiled.machine_code import compiled_function
from handgrad.engines.compiled.program import Program
from handgrad.graph.rules import at
from handgrad.layers import Array

Call = Callable[[tuple[Any, ...]], int]


class Runner:
    """A compiled program with its scratch memory, and its constants for each number of rows."""

    def __init__(
        self,
        program: Program,
        batch_size: int,
        caller: Callable[[Program], Call] | None = None,
    ) -> None:
        self.program, self.batch_size = program, batch_size
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
        self.call = (caller or machine_code_caller)(program)

    def __call__(self, n_rows: int, *arguments: Any) -> int:
        """Run for that many rows."""
        rest = n_rows % self.batch_size
        if rest not in self.rules:
            sizes = (self.batch_size, rest or self.batch_size)
            rules = self.program.constants.rules
            self.rules[rest] = np.array([float(at(r, n)) for n in sizes for r in rules] or [0.0])
        count = len(self.program.constants.rules)
        return self.call((*arguments, self.rules[rest], count, *self.scratch))


def machine_code_caller(program: Program) -> Call:
    """What calls the compiled program with its arguments, in the order of its parameters.

    They stand in one block of memory, in which only what has changed since the last call is set.
    """
    function, parameters = compiled_function(program), program.parameters
    block = np.zeros(len(parameters), np.int64)
    whole, floating = block.data, block.view(np.float64).data
    last: list[Any] = [None] * len(parameters)
    address = block.ctypes.data

    def call(arguments: tuple[Any, ...]) -> int:
        for i, argument in enumerate(arguments):
            if argument is last[i]:
                continue
            last[i] = argument
            if parameters[i].buffer:
                whole[i] = _address(argument)
            elif parameters[i].type == "double":
                floating[i] = argument
            else:
                whole[i] = argument
        return function(address)

    return call


def _address(array: Array) -> int:
    if not array.flags.c_contiguous:
        raise ValueError("machine code reads contiguous arrays only")
    return array.ctypes.data
