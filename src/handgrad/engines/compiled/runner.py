"""Runner of compiled programs: binds their arguments, makes many native calls in one from Python.

A call from Python costs more than an epoch of a small net, and waits for the GIL while another
Python thread is busy. One function of machine code therefore makes the calls of many epochs, and of
the predictions after each. A program takes one argument: the address of a block of memory with its
own arguments, 8 bytes each.
"""

import copy
import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np

import handgrad.engines.compiled.products  # noqa: F401  # which programs call
from handgrad.engines.compiled.machine_code import MachineCode, ctypes_function, this_processor
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.loops.ir import Multiply, ParallelFor, walk
from handgrad.engines.loops.program import FINISHED, WORKERS, Program
from handgrad.engines.loops.target import LARGE_PRODUCT, TargetInfo
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    import llvmlite.ir as ir

NAME, AT_ONCE = "run_calls", "run_at_once"


@dataclass(frozen=True)
class PerEpoch:
    """An argument whose first axis counts the epochs: each gets its own part."""

    array: Array


Argument = PerEpoch | Array | int


@dataclass(frozen=True)
class NativeCall:
    """A function of machine code and the arguments of its call."""

    function: Any
    arguments: tuple[Argument, ...]


class CallSequence:
    """Native calls, made in order in each round, until one does not return FINISHED.

    Parameters
    ----------
    calls : sequence of NativeCall
        Made in this order; their arrays and functions are kept in memory.
    rounds : int, default 1
        The number of epochs for which `PerEpoch` arguments have parts.
    """

    def __init__(self, calls: Sequence[NativeCall], rounds: int = 1) -> None:
        self.calls = calls  # keeps arrays and functions, of which machine code has addresses
        self.blocks = [_block(call.arguments, rounds) for call in calls]
        pairs = np.empty((rounds, len(calls), 2), np.int64)
        for i, (call, block) in enumerate(zip(calls, self.blocks, strict=True)):
            pairs[:, i, 0] = call.function.address
            pairs[:, i, 1] = block.ctypes.data + block.strides[0] * np.arange(rounds)
        self.pairs, self.calls_per_round = pairs, len(calls)
        self.returned = np.empty(1, np.int64)
        self.addresses = pairs.ctypes.data, self.returned.ctypes.data
        self.function = _run_calls()

    def run(self, rounds: int = 1) -> tuple[int, int]:
        """Run the calls; returns the number of complete rounds and the last call's result."""
        pairs, returned = self.addresses
        done = self.function(pairs, rounds * self.calls_per_round, returned)
        return done // self.calls_per_round, self.returned.item()


def run_at_once(calls: Sequence[NativeCall], pool: ThreadPool) -> list[int]:
    """Make calls at once, on the threads of a pool; returns the result of each."""
    blocks = [_block(call.arguments, 1) for call in calls]
    pairs = np.array(
        [
            (call.function.address, block.ctypes.data)
            for call, block in zip(calls, blocks, strict=True)
        ],
        np.int64,
    )
    returned = np.empty(len(calls), np.int64)
    shared = np.array([pairs.ctypes.data, returned.ctypes.data], np.int64)
    with pool.running(len(calls)):
        _run_at_once()(pool.memory.ctypes.data, shared.ctypes.data, len(calls))
    results: list[int] = returned.tolist()
    return results


def _block(arguments: Sequence[Argument], rounds: int) -> Array:
    """The arguments of each round as 64-bit words, one row a round."""
    block = np.empty((rounds, len(arguments)), np.int64)
    for i, argument in enumerate(arguments):
        if isinstance(argument, PerEpoch):
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
def _run_calls() -> Callable[..., int]:
    return ctypes_function(
        NAME, _text, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
    )


def _text() -> str:
    """The LLVM module of the function that makes `count` calls of `pairs`: function and block.

    It returns how many of them returned FINISHED and stores the last call's result in `returned`.
    """
    import llvmlite.ir as ir

    from handgrad.engines.compiled.ir_helpers import INT, i64

    block_type, module = INT.as_pointer(), ir.Module(NAME)
    function = ir.Function(module, ir.FunctionType(INT, [block_type, INT, block_type]), NAME)
    pairs, count, returned = function.args
    start, head, body, after = (function.append_basic_block() for _ in range(4))
    b = ir.IRBuilder(start)
    b.store(i64(FINISHED), returned)
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(INT)
    i.add_incoming(i64(0), start)
    going_on = b.icmp_signed("==", b.load(returned), i64(FINISHED))
    b.cbranch(b.and_(b.icmp_signed("<", i, count), going_on), body, after)
    b.position_at_end(body)
    result = _called(b, pairs, i)
    b.store(result, returned)
    finished = b.icmp_signed("==", result, i64(FINISHED))
    i.add_incoming(b.add(i, b.zext(finished, INT)), body)
    b.branch(head)
    b.position_at_end(after)
    b.ret(i)
    return str(module)


def _called(b: "ir.IRBuilder", pairs: "ir.Value", i: "ir.Value") -> "ir.Value":
    """Result of the call of pair `i`: a function, and its block."""
    import llvmlite.ir as ir

    from handgrad.engines.compiled.ir_helpers import INT, i64

    pair, block_type = b.gep(pairs, [b.mul(i, i64(2))]), INT.as_pointer()
    entry_type = ir.FunctionType(INT, [block_type]).as_pointer()
    entry_point = b.inttoptr(b.load(pair), entry_type)
    return b.call(entry_point, [b.inttoptr(b.load(b.gep(pair, [i64(1)])), block_type)])


@lru_cache
def _run_at_once() -> Callable[..., None]:
    return ctypes_function(
        AT_ONCE, _text_at_once, None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    )


def _text_at_once() -> str:
    """The LLVM module of the function that makes the calls of `pairs` as parts of one job."""
    import llvmlite.binding as binding
    import llvmlite.ir as ir

    from handgrad.engines.compiled.ir_helpers import INT, VOID, define_once, i64
    from handgrad.engines.compiled.parallel_for import BLOCK, parallel_for

    module = ir.Module(AT_ONCE)
    module.triple = binding.get_process_triple()

    def one_call(b: ir.IRBuilder) -> None:
        shared, part = b.function.args
        pairs, returned = (
            b.inttoptr(b.load(b.gep(shared, [i64(place)])), BLOCK) for place in range(2)
        )
        b.store(_called(b, pairs, part), b.gep(returned, [part]))
        b.ret(i64(0))

    function = ir.Function(module, ir.FunctionType(VOID, [BLOCK, BLOCK, INT]), AT_ONCE)
    b = ir.IRBuilder(function.append_basic_block())
    pool, shared, count = function.args
    job = define_once(module, "one_call", [BLOCK, INT], one_call, INT)
    b.call(parallel_for(module), [pool, job, shared, count])
    b.ret_void()
    return str(module)


def compiled(program: Program) -> MachineCode:
    """Compile a program, or load its machine code."""
    from handgrad.engines.compiled.llvm import compiled_function

    return compiled_function(program)


class Runner:
    """A compiled program with its scratch memory; takes its arguments by name."""

    target: Callable[[], TargetInfo] = staticmethod(this_processor)  # of its programs
    load: Callable[[Program], Any] = staticmethod(compiled)
    sequence: type[Any] = CallSequence
    at_once: Callable[[Sequence[NativeCall], ThreadPool], list[int]] = staticmethod(run_at_once)

    def __init__(self, program: Program) -> None:
        from handgrad.engines.compiled.small_gemm import is_small_gemm

        statements = [*walk(program.body)]
        products = [statement for statement in statements if isinstance(statement, Multiply)]
        in_parts = any(isinstance(statement, ParallelFor) for statement in statements)
        large = in_parts or any(math.prod(p.sizes) > LARGE_PRODUCT for p in products)
        by_blas = any(p.workspace is None and not is_small_gemm(p) for p in products)
        self._begin(program, large, by_blas, self.load(program))

    @classmethod
    def of_code(cls, program: Program, large: bool, by_blas: bool, function: object) -> Self:
        """A runner of machine code that is there already; it needs no statements of the program."""
        runner = cls.__new__(cls)
        runner._begin(program, large, by_blas, function)
        return runner

    def _begin(self, program: Program, large: bool, by_blas: bool, function: object) -> None:
        self.program, self.output_shape = program, program.output_shape
        self.large = large  # several threads can pay, those of the pool or of BLAS
        self.by_blas, self.function = by_blas, function
        self._allocate_scratch(ThreadPool())

    def with_own_scratch(self, workers: ThreadPool | None = None) -> "Runner":
        """A copy with its own scratch memory, for another thread or another net."""
        other = copy.copy(self)
        other._allocate_scratch(workers or ThreadPool())
        return other

    def _allocate_scratch(self, workers: ThreadPool) -> None:
        program, self.workers = self.program, workers
        sizes, tables = program.arena.sizes, program.tables
        self.scratch: Mapping[str, Array] = {
            "tables": np.concatenate([t.ravel() for t in tables]) if tables else np.zeros(1),
            "scratch": np.zeros(sizes["float"] + 1, program.dtype),
            "scratch_int": np.zeros(sizes["int"] + 1, np.int64),
            "scratch_bool": np.zeros(sizes["bool"] + 1, np.bool_),
            WORKERS: workers.memory,
        }

    def bind(self, **arguments: Argument) -> NativeCall:
        """Bind arguments by name to a call; `PerEpoch(array)` has a part for each epoch."""
        values = {**arguments, **self.scratch}
        return NativeCall(self.function, tuple(values[p.name] for p in self.program.parameters))

    def __call__(self, **arguments: Argument) -> int:
        """Call the program once; returns its result."""
        _, result = self.sequence([self.bind(**arguments)]).run()
        return int(result)
