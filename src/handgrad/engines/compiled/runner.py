"""Runs compiled programs: plans their calls, and makes several in a single go from Python.

A call through Python costs more than an epoch of a small net takes, and beside a busy thread of
Python each one waits for its turn; so whole epochs, and the predictions after each, are planned
as calls that one function of machine code makes. A program takes one argument: the address of
a block of memory that holds all its own, 8 bytes each.
"""

import copy
import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import DOUBLE, INT, SINGLE, whole
from handgrad.engines.compiled.llvm import compiled_function
from handgrad.engines.compiled.machine_code import function_of
from handgrad.engines.compiled.processor import this_processor
from handgrad.engines.compiled.small_gemm import Tiles
from handgrad.engines.compiled.thread_pool import Workers
from handgrad.engines.loops.ir import Multiply, ParallelFor, walk
from handgrad.engines.loops.program import FINISHED, WORKERS, Program
from handgrad.engines.loops.target import LARGE_PRODUCT, Target
from handgrad.textbook.layers import Array

BLOCK = INT.as_pointer()
DOOR = ir.FunctionType(INT, [BLOCK])
NAME = "in_turn"


@dataclass(frozen=True)
class PerRound:
    """An argument whose first axis counts the rounds: each is given its own part."""

    array: Array


Argument = PerRound | Array | int


@dataclass(frozen=True)
class NativeCall:
    """A function, as machine code, and what it is to be called with."""

    function: Any
    arguments: tuple[Argument, ...]


class Calls:
    """Some calls, all of them in each of so many rounds, until one does not return FINISHED."""

    def __init__(self, planned: Sequence[NativeCall], rounds: int = 1) -> None:
        self.kept = planned  # machine code sees addresses alone, of arrays and functions
        self.blocks = [_block(call.arguments, rounds) for call in planned]
        pairs = np.empty((rounds, len(planned), 2), np.int64)
        for i, (call, block) in enumerate(zip(planned, self.blocks, strict=True)):
            pairs[:, i, 0] = call.function.address
            pairs[:, i, 1] = block.ctypes.data + block.strides[0] * np.arange(rounds)
        self.pairs, self.in_a_round = pairs, len(planned)
        self.returned = np.empty(1, np.int64)
        self.addresses = pairs.ctypes.data, self.returned.ctypes.data
        self.function = _in_turn()

    def run(self, rounds: int = 1) -> tuple[int, int]:
        """The number of whole rounds, and what the last call returned."""
        pairs, returned = self.addresses
        done = self.function(pairs, rounds * self.in_a_round, returned)
        return done // self.in_a_round, self.returned.item()


def _block(arguments: Sequence[Argument], rounds: int) -> Array:
    """The arguments of each round, a row a round."""
    block = np.empty((rounds, len(arguments)), np.int64)
    for i, argument in enumerate(arguments):
        if isinstance(argument, PerRound):
            array = argument.array
            block[:, i] = _address(array) + array.strides[0] * np.arange(rounds)
        else:
            block[:, i] = _address(argument) if isinstance(argument, np.ndarray) else argument
    return block


def _address(array: Array) -> int:
    if not array.flags.c_contiguous:
        raise ValueError("machine code reads contiguous arrays only")
    return array.ctypes.data


@lru_cache
def _in_turn() -> Callable[..., int]:
    return function_of(
        NAME, _text, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
    )


def _text() -> str:
    """Its text: it makes `count` calls of `pairs`, a function and a block each, in their order.

    It returns how many of them returned FINISHED, and leaves in `returned` what the last one did.
    """
    module = ir.Module(NAME)
    function = ir.Function(module, ir.FunctionType(INT, [BLOCK, INT, BLOCK]), NAME)
    pairs, count, returned = function.args
    start, head, body, after = (function.append_basic_block() for _ in range(4))
    b = ir.IRBuilder(start)
    b.store(whole(FINISHED), returned)
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(INT)
    i.add_incoming(whole(0), start)
    going_on = b.icmp_signed("==", b.load(returned), whole(FINISHED))
    b.cbranch(b.and_(b.icmp_signed("<", i, count), going_on), body, after)
    b.position_at_end(body)
    pair = b.gep(pairs, [b.mul(i, whole(2))])
    door = b.inttoptr(b.load(pair), DOOR.as_pointer())
    block = b.inttoptr(b.load(b.gep(pair, [whole(1)])), BLOCK)
    found = b.call(door, [block])
    b.store(found, returned)
    finished = b.icmp_signed("==", found, whole(FINISHED))
    i.add_incoming(b.add(i, b.zext(finished, INT)), body)
    b.branch(head)
    b.position_at_end(after)
    b.ret(i)
    return str(module)


class Runner:
    """A compiled program with scratch memory of its own, which takes its arguments by name."""

    target: Callable[[], Target] = staticmethod(this_processor)  # what its programs are made for
    load: Callable[[Program], Any] = staticmethod(compiled_function)
    in_turn: type[Any] = Calls

    def __init__(self, program: Program) -> None:
        self.program, self.output_shape = program, program.output_shape
        statements = [*walk(program.body)]
        products = [statement for statement in statements if isinstance(statement, Multiply)]
        self.in_parts = any(isinstance(statement, ParallelFor) for statement in statements)
        # whether threads could share the work, of the workers or of BLAS
        self.large = self.in_parts or any(math.prod(p.sizes) > LARGE_PRODUCT for p in products)
        tiles = Tiles(None, SINGLE if program.dtype == np.float32 else DOUBLE)
        self.by_blas = any(p.workspace is None and not tiles.suit(p) for p in products)
        self.function = self.load(program)
        self._take_scratch(Workers())

    def with_scratch_of_its_own(self, workers: Workers | None = None) -> "Runner":
        """The same function, for another thread or another net."""
        other = copy.copy(self)
        other._take_scratch(workers or Workers())
        return other

    def _take_scratch(self, workers: Workers) -> None:
        program, self.workers = self.program, workers
        sizes, tables = program.arena.sizes, program.tables
        self.scratch: Mapping[str, Array] = {
            "tables": np.concatenate([t.ravel() for t in tables]) if tables else np.zeros(1),
            "scratch": np.zeros(sizes["float"] + 1, program.dtype),
            "scratch_int": np.zeros(sizes["int"] + 1, np.int64),
            "scratch_bool": np.zeros(sizes["bool"] + 1, np.bool_),
            WORKERS: workers.memory,
        }

    def planned(self, **given: Argument) -> NativeCall:
        """A call with these arguments by name; `PerRound(array)` has a part for each round."""
        known = {**given, **self.scratch}
        return NativeCall(self.function, tuple(known[p.name] for p in self.program.parameters))

    def __call__(self, **given: Argument) -> int:
        """Call it once."""
        _, found = self.in_turn([self.planned(**given)]).run()
        return int(found)
