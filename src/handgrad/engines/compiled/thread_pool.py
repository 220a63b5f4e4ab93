"""Worker threads, which share the parts of a program and do not wait for one that is late.

Whoever is free takes the next part, the thread that runs the program among them. So a core that
other programs keep busy does fewer parts, and nobody waits for a part that has not begun. The
threads agree by a few numbers in memory, which are read and changed in one go, so that no other
thread can come between.

Who has nothing to do looks again for a while, then sleeps. On a busy machine a helper thus keeps
the time it is due for when the next job comes, and is then at once on a core: rather than spin
while the thread that runs the program waits for its own.
"""

import ctypes
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Thread

import llvmlite.binding as binding
import llvmlite.ir as ir
import numpy as np

from handgrad.engines.compiled.ir_helpers import BIT, INT, VOID, counting, whole, written
from handgrad.engines.compiled.machine_code import function_of
from handgrad.engines.compiled.parking import ASLEEP, ORDER, can_sleep, ring, wait_until, while_
from handgrad.textbook.layers import Array

SHARE, WORK, HELP, SEND_HOME = "share", "work", "help", "send_home"
BLOCK = INT.as_pointer()
DOES_A_PART = ir.FunctionType(INT, [BLOCK, INT]).as_pointer()

# Where in the workers' memory its numbers are, those that change often in cache lines of their own:
# how many helpers there are; a job's number and, in the last 16 bits, its parts not yet taken;
# how many parts are done; the job's function and its block; the number of the shift, which ends
# when another begins; the bell of the helpers, and that of the thread that runs the program.
HELPERS, TO_DO, DONE, FUNCTION, GIVEN, SHIFT = 0, 16, 32, 48, 49, 64
HELPERS_BELL, OWN_BELL, SIZE = 80, 96, 112
PARTS_BITS = 16


class Workers:
    """The memory by which the threads that run one program agree.

    Helpers sleep between the calls of a training; they go home when this object is gone.
    """

    def __init__(self) -> None:
        self.memory = np.zeros(SIZE, np.int64)
        self.helpers, self.process = 0, os.getpid()
        self.end_of_shift: weakref.finalize[[Array], Workers] | None = None

    @contextmanager
    def at_work(self, threads: int) -> Iterator[None]:
        """With so many threads, of which the caller's is one, or as many as the system gives."""
        self._call(threads - 1)
        try:
            yield
        finally:
            self.memory[HELPERS] = 0
            if not can_sleep():
                self._send_home()

    def _call(self, wanted: int) -> None:
        if self.process != os.getpid():  # a fork has none of the threads, awake or asleep
            self.helpers, self.process = 0, os.getpid()
            self.memory[HELPERS_BELL + ASLEEP] = 0
        if 0 < wanted < self.helpers:
            self._send_home()
        if wanted and not (self.end_of_shift and self.end_of_shift.alive):
            self.end_of_shift = weakref.finalize(self, send_home, self.memory)
            self.end_of_shift.atexit = False  # who sleeps then need not be woken
        while self.helpers < wanted and self._one_more_comes():
            self.helpers += 1
        self.memory[HELPERS] = min(wanted, self.helpers)

    def _one_more_comes(self) -> bool:
        shift = self.memory[SHIFT].item()
        try:
            Thread(target=help_with, args=(self.memory, shift), daemon=True).start()
        except RuntimeError:  # the system has no more threads: those there are do the work
            return False
        return True

    def _send_home(self) -> None:
        self.helpers = 0
        if self.end_of_shift is not None:
            self.end_of_shift()


def help_with(memory: Array, shift: int) -> None:
    """Do parts until those of this shift are sent home."""
    _help()(memory.ctypes.data, shift)


def send_home(memory: Array) -> None:
    """End the shift: its helpers go home when they have done their parts."""
    _send_home()(memory.ctypes.data)


def share(module: ir.Module) -> ir.Function:
    """The function that does a job of `count` parts with the workers; it returns when all are done.

    Helpers read the job before they take a part of it, and take it only if nothing was taken in
    between; so none can come with the function of one job to a part of another.
    """
    return written(module, SHARE, [BLOCK, DOES_A_PART, BLOCK, INT], _share)


def helpers_of(b: ir.IRBuilder, workers: ir.Value) -> ir.Value:
    """How many threads help now."""
    return b.load(_at(b, workers, HELPERS))


def _share(b: ir.IRBuilder) -> None:
    workers, does_a_part, given, count = b.function.args
    with b.if_then(b.icmp_signed("==", helpers_of(b, workers), whole(0))):
        with counting(b, count, name="alone") as part:
            b.call(does_a_part, [given, part])
        b.ret_void()
    _put(b, b.ptrtoint(does_a_part, INT), workers, FUNCTION)
    _put(b, b.ptrtoint(given, INT), workers, GIVEN)
    _put(b, whole(0), workers, DONE)
    job = b.add(b.lshr(_get(b, workers, TO_DO), whole(PARTS_BITS)), whole(1))
    _put(b, b.or_(b.shl(job, whole(PARTS_BITS)), count), workers, TO_DO, ORDER)
    ring(b, _at(b, workers, HELPERS_BELL), b.sub(count, whole(1)))
    while_(b, lambda: b.call(_work(b.module), [workers]))

    def all_done() -> ir.Value:
        return b.icmp_signed("==", _get(b, workers, DONE, ORDER), count)

    wait_until(b, all_done, _at(b, workers, OWN_BELL))


def _work(module: ir.Module) -> ir.Function:
    """The function that does one part, if there is one to be done; it says if there may be more."""
    return written(module, WORK, [BLOCK], _take_a_part, BIT)


def _take_a_part(b: ir.IRBuilder) -> None:
    (workers,) = b.function.args
    seen = _get(b, workers, TO_DO, "acquire")
    left = _parts_left(b, seen)
    with b.if_then(b.icmp_signed("==", left, whole(0))):
        b.ret(ir.Constant(BIT, 0))
    does_a_part = b.inttoptr(_get(b, workers, FUNCTION), DOES_A_PART)
    given = b.inttoptr(_get(b, workers, GIVEN), BLOCK)
    fewer = b.sub(seen, whole(1))
    swapped = b.cmpxchg(_at(b, workers, TO_DO), seen, fewer, "acq_rel", "acquire")
    with b.if_then(b.extract_value(swapped, 1)):
        b.call(does_a_part, [given, b.sub(left, whole(1))])
        b.atomic_rmw("add", _at(b, workers, DONE), whole(1), ORDER)
        ring(b, _at(b, workers, OWN_BELL))
    b.ret(ir.Constant(BIT, 1))


def _parts_left(b: ir.IRBuilder, to_do: ir.Value) -> ir.Value:
    return b.and_(to_do, whole(2**PARTS_BITS - 1))


@lru_cache
def _help() -> Callable[[int, int], None]:
    return function_of(HELP, help_text, None, ctypes.c_void_p, ctypes.c_int64)


@lru_cache
def _send_home() -> Callable[[int], None]:
    return function_of(SEND_HOME, send_home_text, None, ctypes.c_void_p)


def help_text() -> str:
    """What a helper runs, for LLVM."""
    return _text(HELP, [BLOCK, INT], _do_parts)


def send_home_text() -> str:
    """What ends a shift, for LLVM."""
    return _text(SEND_HOME, [BLOCK], _end_the_shift)


def _text(name: str, arguments: Sequence[ir.Type], write: Callable[[ir.IRBuilder], None]) -> str:
    """A module of one function."""
    module = ir.Module(name)
    module.triple = binding.get_process_triple()
    function = ir.Function(module, ir.FunctionType(VOID, arguments), name)
    b = ir.IRBuilder(function.append_basic_block())
    write(b)
    b.ret_void()
    return str(module)


def _do_parts(b: ir.IRBuilder) -> None:
    """What a helper runs: parts, as long as its shift lasts."""
    workers, own_shift = b.function.args

    def over() -> ir.Value:
        return b.icmp_signed("!=", _get(b, workers, SHIFT, ORDER), own_shift)

    def something_happened() -> ir.Value:
        left = _parts_left(b, _get(b, workers, TO_DO, ORDER))
        return b.or_(over(), b.icmp_signed("!=", left, whole(0)))

    def not_over() -> ir.Value:
        wait_until(b, something_happened, _at(b, workers, HELPERS_BELL))
        while_(b, lambda: b.call(_work(b.module), [workers]))
        return b.not_(over())

    while_(b, not_over)


def _end_the_shift(b: ir.IRBuilder) -> None:
    (workers,) = b.function.args
    b.atomic_rmw("add", _at(b, workers, SHIFT), whole(1), ORDER)
    ring(b, _at(b, workers, HELPERS_BELL))


def _at(b: ir.IRBuilder, workers: ir.Value, place: int) -> ir.Value:
    return b.gep(workers, [whole(place)])


def _get(b: ir.IRBuilder, workers: ir.Value, place: int, order: str = "monotonic") -> ir.Value:
    return b.load_atomic(_at(b, workers, place), order, 8)


def _put(
    b: ir.IRBuilder, value: ir.Value, workers: ir.Value, place: int, order: str = "monotonic"
) -> None:
    b.store_atomic(value, _at(b, workers, place), order, 8)
