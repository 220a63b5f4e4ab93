"""Thread pool: worker threads take the parts of a parallel loop from a work queue.

The thread that runs the program takes parts too. A core that other programs keep busy therefore
does fewer parts, and no thread waits for a part that has not begun. The queue is a counter in
memory that the threads change by atomic operations.

An idle thread spins for a short time, then parks on an event count (a futex, on Linux). A parked
worker does not use up its share of a busy core's time, so the scheduler runs it at once when the
next job comes.
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

from handgrad.engines.compiled.ir_helpers import (
    BIT,
    INT,
    INT32,
    VOID,
    counted_loop,
    declared,
    define_once,
    i64,
)
from handgrad.engines.compiled.machine_code import ctypes_function
from handgrad.textbook.layers import Array

# Checks before a thread parks: longer than the time between two jobs, and much shorter than the
# time slice that the system gives another program on the core.
SPINS = 2000
# An event count is two numbers in memory: the number of notifications so far, and of the threads
# that are parked until the next one.
NOTIFICATIONS, WAITERS, EVENT_COUNT_SIZE = 0, 1, 2
# Linux's futex, which parks a thread while a number in memory is unchanged: the number of the
# system call on each processor, and the operations, private to one process.
FUTEX = {"x86_64": 202, "aarch64": 98}
WAIT, WAKE = 128, 129
ALL = 2**31 - 1
ORDER = "seq_cst"


def wait_until(b: ir.IRBuilder, holds: Callable[[], ir.Value], event: ir.Value) -> None:
    """Wait until `holds`, a condition without side effects; spin first, then park on `event`.

    A thread that makes the condition true calls `notify` afterwards. Its stores, the loads of the
    condition and the event count's own accesses have one total order ("seq_cst"). A waiting thread
    registers itself before its last check, and a notifying thread reads the number of waiters after
    its store: one of the two sees the other, so no wake-up is lost.
    """
    with b.goto_entry_block():
        spins = b.alloca(INT)
    b.store(i64(0), spins)

    def not_yet() -> ir.Value:
        yes = holds()
        with b.if_then(b.not_(yes)):
            count = b.add(b.load(spins), i64(1))
            b.store(count, spins)
            with b.if_else(b.icmp_signed("<", count, i64(SPINS))) as (soon, late):
                with soon:
                    _pause(b)
                with late:
                    _park(b, holds, event)
        return b.not_(yes)

    do_while(b, not_yet)


def notify(b: ir.IRBuilder, event: ir.Value, most: ir.Value | None = None) -> None:
    """Wake the parked threads, `most` of them at most; costs one load where none is parked."""
    if not can_park():
        return
    waiters = b.load_atomic(_at(b, event, WAITERS), ORDER, 8)
    with b.if_then(b.icmp_signed(">", waiters, i64(0)), likely=False):
        b.atomic_rmw("add", _at(b, event, NOTIFICATIONS), i64(1), ORDER)
        _futex(b, event, WAKE, i64(ALL) if most is None else most)


def _park(b: ir.IRBuilder, holds: Callable[[], ir.Value], event: ir.Value) -> None:
    """Park until the next notification; yield the core where the system has no futex."""
    if not can_park():
        _yield_core(b)
        return
    seen = b.load_atomic(_at(b, event, NOTIFICATIONS), ORDER, 8)
    b.atomic_rmw("add", _at(b, event, WAITERS), i64(1), ORDER)
    with b.if_then(b.not_(holds())):
        _futex(b, event, WAIT, seen)
    b.atomic_rmw("sub", _at(b, event, WAITERS), i64(1), ORDER)


def _futex(b: ir.IRBuilder, event: ir.Value, operation: int, value: ir.Value) -> None:
    """Call the futex on the notifications' lower 32 bits, which come first in memory."""
    syscall = b.module.globals.get("syscall") or ir.Function(
        b.module, ir.FunctionType(INT, [INT], var_arg=True), "syscall"
    )
    numbers = b.ptrtoint(event, INT), i64(operation), value, i64(0), i64(0), i64(0)
    b.call(syscall, [i64(_futex_number() or 0), *numbers])


def _futex_number() -> int | None:
    """The futex's system call number; None on other systems and processors."""
    processor, _, system = _triple().partition("-")
    return FUTEX.get(processor) if "linux" in system else None


def can_park() -> bool:
    """True if waiting threads park; otherwise they yield the core and check again."""
    return _futex_number() is not None


def _triple() -> str:
    return str(binding.get_process_triple())


def _pause(b: ir.IRBuilder) -> None:
    """Hint to the processor that this thread spins."""
    processor = _triple().partition("-")[0]
    if processor == "x86_64":
        b.call(declared(b.module, "llvm.x86.sse2.pause", VOID, []), [])
    elif processor in ("aarch64", "arm64"):
        # `yield` takes no time there: this empties the pipeline, some tens of cycles
        b.call(declared(b.module, "llvm.aarch64.isb", VOID, [INT32]), [ir.Constant(INT32, 15)])


def _yield_core(b: ir.IRBuilder) -> None:
    if "windows" in _triple():
        _pause(b)
    else:
        b.call(declared(b.module, "sched_yield", INT32, []), [])


def do_while(b: ir.IRBuilder, holds: Callable[[], ir.Value]) -> None:
    """Loop while the condition holds; it has the loop's side effects too."""
    head, after = b.append_basic_block("while"), b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(holds(), head, after)
    b.position_at_end(after)


PARALLEL_FOR, RUN_PART, WORKER, STOP = "parallel_for", "run_part", "worker", "stop"
BLOCK = INT.as_pointer()
PART_FUNCTION = ir.FunctionType(INT, [BLOCK, INT]).as_pointer()

# Offsets in the pool's memory; numbers that change often have cache lines of their own: the number
# of workers; the queue, a job's number and in the last 16 bits its parts not yet taken; the number
# of parts done; the job's function and its argument; the generation, at whose end its workers stop;
# the event counts that workers, and the thread that runs the program, park on.
WORKER_COUNT, QUEUE, DONE, FUNCTION, ARGUMENT, GENERATION = 0, 16, 32, 48, 49, 64
WORK_EVENT, DONE_EVENT, SIZE = 80, 96, 112
COUNT_BITS = 16


class ThreadPool:
    """Worker threads for one program, and the memory by which they synchronize.

    Workers stay parked between the calls of a training; they stop when this object is collected.
    """

    def __init__(self) -> None:
        self.memory = np.zeros(SIZE, np.int64)
        self.workers, self.process = 0, os.getpid()
        self.finalizer: weakref.finalize[[Array], ThreadPool] | None = None

    @contextmanager
    def running(self, threads: int) -> Iterator[None]:
        """Run with `threads` threads, the caller's included, or as many as the system gives."""
        self._start(threads - 1)
        try:
            yield
        finally:
            self.memory[WORKER_COUNT] = 0
            if not can_park():
                self._stop()

    def _start(self, wanted: int) -> None:
        if self.process != os.getpid():  # a fork has none of the threads, running or parked
            self.workers, self.process = 0, os.getpid()
            self.memory[WORK_EVENT + WAITERS] = 0
        if 0 < wanted < self.workers:
            self._stop()
        if wanted and not (self.finalizer and self.finalizer.alive):
            self.finalizer = weakref.finalize(self, stop_workers, self.memory)
            self.finalizer.atexit = False  # parked threads need not be woken then
        while self.workers < wanted and self._start_one():
            self.workers += 1
        self.memory[WORKER_COUNT] = min(wanted, self.workers)

    def _start_one(self) -> bool:
        generation = self.memory[GENERATION].item()
        try:
            Thread(target=run_worker, args=(self.memory, generation), daemon=True).start()
        except RuntimeError:  # the system has no more threads: the existing ones do the work
            return False
        return True

    def _stop(self) -> None:
        self.workers = 0
        if self.finalizer is not None:
            self.finalizer()


def run_worker(memory: Array, generation: int) -> None:
    """Take parts from the queue until this generation of workers is stopped."""
    _worker()(memory.ctypes.data, generation)


def stop_workers(memory: Array) -> None:
    """Begin a new generation: the workers of the old one stop when their parts are done."""
    _stop()(memory.ctypes.data)


def parallel_for(module: ir.Module) -> ir.Function:
    """The function that runs `count` parts of a job on all threads and returns when they are done.

    A worker reads the job first, then takes a part by a compare-and-swap of the queue, which fails
    if anything was taken in between: no worker runs one job's function on a part of another.
    """
    return define_once(module, PARALLEL_FOR, [BLOCK, PART_FUNCTION, BLOCK, INT], _parallel_for)


def worker_count(b: ir.IRBuilder, pool: ir.Value) -> ir.Value:
    """The number of workers now, the calling thread not counted."""
    return b.load(_at(b, pool, WORKER_COUNT))


def _parallel_for(b: ir.IRBuilder) -> None:
    pool, function, argument, count = b.function.args
    with b.if_then(b.icmp_signed("==", worker_count(b, pool), i64(0))):
        with counted_loop(b, count, name="alone") as part:
            b.call(function, [argument, part])
        b.ret_void()
    _put(b, b.ptrtoint(function, INT), pool, FUNCTION)
    _put(b, b.ptrtoint(argument, INT), pool, ARGUMENT)
    _put(b, i64(0), pool, DONE)
    job = b.add(b.lshr(_get(b, pool, QUEUE), i64(COUNT_BITS)), i64(1))
    _put(b, b.or_(b.shl(job, i64(COUNT_BITS)), count), pool, QUEUE, ORDER)
    notify(b, _at(b, pool, WORK_EVENT), b.sub(count, i64(1)))
    do_while(b, lambda: b.call(_run_part(b.module), [pool]))

    def all_done() -> ir.Value:
        return b.icmp_signed("==", _get(b, pool, DONE, ORDER), count)

    wait_until(b, all_done, _at(b, pool, DONE_EVENT))


def _run_part(module: ir.Module) -> ir.Function:
    """The function that takes a part and runs it; returns whether the queue may have more."""
    return define_once(module, RUN_PART, [BLOCK], _take_part, BIT)


def _take_part(b: ir.IRBuilder) -> None:
    (pool,) = b.function.args
    seen = _get(b, pool, QUEUE, "acquire")
    left = _parts_left(b, seen)
    with b.if_then(b.icmp_signed("==", left, i64(0))):
        b.ret(ir.Constant(BIT, 0))
    function = b.inttoptr(_get(b, pool, FUNCTION), PART_FUNCTION)
    argument = b.inttoptr(_get(b, pool, ARGUMENT), BLOCK)
    fewer = b.sub(seen, i64(1))
    swapped = b.cmpxchg(_at(b, pool, QUEUE), seen, fewer, "acq_rel", "acquire")
    with b.if_then(b.extract_value(swapped, 1)):
        b.call(function, [argument, b.sub(left, i64(1))])
        b.atomic_rmw("add", _at(b, pool, DONE), i64(1), ORDER)
        notify(b, _at(b, pool, DONE_EVENT))
    b.ret(ir.Constant(BIT, 1))


def _parts_left(b: ir.IRBuilder, queue: ir.Value) -> ir.Value:
    return b.and_(queue, i64(2**COUNT_BITS - 1))


@lru_cache
def _worker() -> Callable[[int, int], None]:
    return ctypes_function(WORKER, worker_text, None, ctypes.c_void_p, ctypes.c_int64)


@lru_cache
def _stop() -> Callable[[int], None]:
    return ctypes_function(STOP, stop_text, None, ctypes.c_void_p)


def worker_text() -> str:
    """The LLVM module of the function that a worker thread runs."""
    return _text(WORKER, [BLOCK, INT], _run_parts)


def stop_text() -> str:
    """The LLVM module of the function that begins a new generation."""
    return _text(STOP, [BLOCK], _next_generation)


def _text(name: str, arguments: Sequence[ir.Type], write: Callable[[ir.IRBuilder], None]) -> str:
    """The LLVM module of one function."""
    module = ir.Module(name)
    module.triple = binding.get_process_triple()
    function = ir.Function(module, ir.FunctionType(VOID, arguments), name)
    b = ir.IRBuilder(function.append_basic_block())
    write(b)
    b.ret_void()
    return str(module)


def _run_parts(b: ir.IRBuilder) -> None:
    """Wait for jobs and run their parts as long as the worker's generation lasts."""
    pool, generation = b.function.args

    def stopped() -> ir.Value:
        return b.icmp_signed("!=", _get(b, pool, GENERATION, ORDER), generation)

    def has_work_or_stopped() -> ir.Value:
        left = _parts_left(b, _get(b, pool, QUEUE, ORDER))
        return b.or_(stopped(), b.icmp_signed("!=", left, i64(0)))

    def not_stopped() -> ir.Value:
        wait_until(b, has_work_or_stopped, _at(b, pool, WORK_EVENT))
        do_while(b, lambda: b.call(_run_part(b.module), [pool]))
        return b.not_(stopped())

    do_while(b, not_stopped)


def _next_generation(b: ir.IRBuilder) -> None:
    (pool,) = b.function.args
    b.atomic_rmw("add", _at(b, pool, GENERATION), i64(1), ORDER)
    notify(b, _at(b, pool, WORK_EVENT))


def _at(b: ir.IRBuilder, memory: ir.Value, offset: int) -> ir.Value:
    return b.gep(memory, [i64(offset)])


def _get(b: ir.IRBuilder, pool: ir.Value, offset: int, order: str = "monotonic") -> ir.Value:
    return b.load_atomic(_at(b, pool, offset), order, 8)


def _put(
    b: ir.IRBuilder, value: ir.Value, pool: ir.Value, offset: int, order: str = "monotonic"
) -> None:
    b.store_atomic(value, _at(b, pool, offset), order, 8)
