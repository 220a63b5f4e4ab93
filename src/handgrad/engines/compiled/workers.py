"""Worker threads, which share the parts of a program and do not wait for one that is late.

Whoever is free takes the next part, the thread that runs the program among them. So a core that
other programs keep busy does fewer parts, and nobody waits for a part that has not begun. The
threads agree by a few numbers in memory, which are read and changed in one go, so that no other
thread can come between.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Thread
from typing import Any

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import (
    BIT,
    INT,
    INT32,
    VOID,
    counting,
    declared,
    whole,
    written,
)
from handgrad.engines.compiled.machine_code import function_of
from handgrad.engines.threads import one_thread_each

SHARE, WORK, HELP = "share", "work", "help"
BLOCK = INT.as_pointer()
DOES_A_PART = ir.FunctionType(INT, [BLOCK, INT]).as_pointer()

# Where in the workers' memory its numbers are, those that change often in cache lines of their own:
# how many helpers there are; a job's number and, in the last 16 bits, its parts not yet taken;
# how many parts are done; the job's function and its block; whether to go home.
HELPERS, TO_DO, DONE, FUNCTION, GIVEN, STOP, SIZE = 0, 16, 32, 48, 49, 64, 80
PARTS_BITS = 16
PATIENCE = 2000  # looks before the core is offered to other programs


class Workers:
    """The memory by which the threads that run one program agree."""

    def __init__(self) -> None:
        self.memory = np.zeros(SIZE, np.int64)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Helpers for as many cores as there are; BLAS uses no more threads meanwhile."""
        with one_thread_each() as threads:
            self.memory[HELPERS], self.memory[STOP] = threads - 1, 0
            address = self.memory.ctypes.data
            helpers: list[Thread] = []
            try:
                for _ in range(threads - 1):
                    helper = Thread(target=_help(), args=(address,))
                    helper.start()
                    helpers.append(helper)
                yield
            finally:
                self.memory[HELPERS], self.memory[STOP] = 0, 1
                for helper in helpers:
                    helper.join()


def share(module: ir.Module) -> ir.Function:
    """The function that does a job of `count` parts with the workers; it returns when all are done.

    Helpers read the job before they take a part of it, and take it only if nothing was taken in
    between; so none can come with the function of one job to a part of another.
    """
    return written(module, SHARE, [BLOCK, DOES_A_PART, BLOCK, INT], _share)


def _share(b: ir.IRBuilder) -> None:
    workers, does_a_part, given, count = b.function.args
    with b.if_then(b.icmp_signed("==", b.load(_at(b, workers, HELPERS)), whole(0))):
        with counting(b, count, name="alone") as part:
            b.call(does_a_part, [given, part])
        b.ret_void()
    _put(b, b.ptrtoint(does_a_part, INT), workers, FUNCTION)
    _put(b, b.ptrtoint(given, INT), workers, GIVEN)
    _put(b, whole(0), workers, DONE)
    job = b.add(b.lshr(_get(b, workers, TO_DO), whole(PARTS_BITS)), whole(1))
    _put(b, b.or_(b.shl(job, whole(PARTS_BITS)), count), workers, TO_DO, "release")
    _while(b, lambda: b.call(_work(b.module), [workers]))
    _wait_until(b, lambda: b.icmp_signed("==", _get(b, workers, DONE, "acquire"), count))


def _work(module: ir.Module) -> ir.Function:
    """The function that does one part, if there is one to be done; it says if there may be more."""
    return written(module, WORK, [BLOCK], _take_a_part, BIT)


def _take_a_part(b: ir.IRBuilder) -> None:
    (workers,) = b.function.args
    seen = _get(b, workers, TO_DO, "acquire")
    left = b.and_(seen, whole(2**PARTS_BITS - 1))
    with b.if_then(b.icmp_signed("==", left, whole(0))):
        b.ret(ir.Constant(BIT, 0))
    does_a_part = b.inttoptr(_get(b, workers, FUNCTION), DOES_A_PART)
    given = b.inttoptr(_get(b, workers, GIVEN), BLOCK)
    fewer = b.sub(seen, whole(1))
    swapped = b.cmpxchg(_at(b, workers, TO_DO), seen, fewer, "acq_rel", "acquire")
    with b.if_then(b.extract_value(swapped, 1)):
        b.call(does_a_part, [given, b.sub(left, whole(1))])
        b.atomic_rmw("add", _at(b, workers, DONE), whole(1), "release")
    b.ret(ir.Constant(BIT, 1))


@lru_cache
def _help() -> Any:
    return function_of(HELP, _help_text, None, ctypes.c_void_p)


def _help_text() -> str:
    """What a helper runs: parts, as long as it is not told to stop."""
    module = ir.Module(HELP)
    module.triple = binding.get_process_triple()
    function = ir.Function(module, ir.FunctionType(VOID, [BLOCK]), HELP)
    b = ir.IRBuilder(function.append_basic_block())
    (workers,) = function.args

    def something_happened() -> ir.Value:
        stopped = b.icmp_signed("!=", _get(b, workers, STOP), whole(0))
        return b.or_(stopped, b.call(_work(b.module), [workers]))

    def not_stopped() -> ir.Value:
        _wait_until(b, something_happened)
        return b.icmp_signed("==", _get(b, workers, STOP), whole(0))

    _while(b, not_stopped)
    b.ret_void()
    return str(module)


def _wait_until(b: ir.IRBuilder, holds: Callable[[], ir.Value]) -> None:
    """Look again and again; after a while let other programs have the core between the looks."""
    with b.goto_entry_block():
        looks = b.alloca(INT)
    b.store(whole(0), looks)

    def not_yet() -> ir.Value:
        yes = holds()
        with b.if_then(b.not_(yes)):
            count = b.add(b.load(looks), whole(1))
            b.store(count, looks)
            with b.if_else(b.icmp_signed("<", count, whole(PATIENCE))) as (soon, late):
                with soon:
                    _pause(b)
                with late:
                    _give_way(b)
        return b.not_(yes)

    _while(b, not_yet)


def _pause(b: ir.IRBuilder) -> None:
    """Tell the processor that this thread only looks."""
    processor = binding.get_process_triple().partition("-")[0]
    if processor == "x86_64":
        b.call(declared(b.module, "llvm.x86.sse2.pause", VOID, []), [])
    elif processor in ("aarch64", "arm64"):
        b.call(declared(b.module, "llvm.aarch64.hint", VOID, [INT32]), [ir.Constant(INT32, 1)])


def _give_way(b: ir.IRBuilder) -> None:
    if hasattr(os, "sched_yield") and sys.platform != "win32":
        b.call(declared(b.module, "sched_yield", INT32, []), [])
    else:
        _pause(b)


def _while(b: ir.IRBuilder, holds: Callable[[], ir.Value]) -> None:
    """A loop that has all it does in its condition."""
    head, after = b.append_basic_block("while"), b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(holds(), head, after)
    b.position_at_end(after)


def _at(b: ir.IRBuilder, workers: ir.Value, place: int) -> ir.Value:
    return b.gep(workers, [whole(place)])


def _get(b: ir.IRBuilder, workers: ir.Value, place: int, order: str = "monotonic") -> ir.Value:
    return b.load_atomic(_at(b, workers, place), order, 8)


def _put(
    b: ir.IRBuilder, value: ir.Value, workers: ir.Value, place: int, order: str = "monotonic"
) -> None:
    b.store_atomic(value, _at(b, workers, place), order, 8)
