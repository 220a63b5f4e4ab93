"""Machine code of the thread pool: parallel loops, the workers that take their parts, waiting.

How the threads work together is in `thread_pool`.
"""

from collections.abc import Callable, Sequence

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled import parking, pool_memory
from handgrad.engines.compiled.ir_helpers import (
    BIT,
    INT,
    VOID,
    counted_loop,
    define_once,
    i64,
)
from handgrad.engines.compiled.pool_memory import (
    ARGUMENT,
    COUNT_BITS,
    DONE,
    DONE_EVENT,
    FUNCTION,
    GENERATION,
    NOTIFICATIONS,
    QUEUE,
    WAITERS,
    WORK_EVENT,
    WORKER_COUNT,
)

# Checks before a thread parks: longer than the time between two jobs, and much shorter than the
# time slice that the system gives another program on the core.
SPINS = 2000
ORDER = "seq_cst"
PARALLEL_FOR, RUN_PART = "parallel_for", "run_part"
BLOCK = INT.as_pointer()
PART_FUNCTION = ir.FunctionType(INT, [BLOCK, INT]).as_pointer()


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
                    parking.pause(b)
                with late:
                    _park(b, holds, event)
        return b.not_(yes)

    do_while(b, not_yet)


def notify(b: ir.IRBuilder, event: ir.Value, most: ir.Value | None = None) -> None:
    """Wake the parked threads, `most` of them at most; costs one load where none is parked."""
    if parking.parking() is None:
        return
    waiters = b.load_atomic(_at(b, event, WAITERS), ORDER, 8)
    with b.if_then(b.icmp_signed(">", waiters, i64(0)), likely=False):
        b.atomic_rmw("add", _at(b, event, NOTIFICATIONS), i64(1), ORDER)
        parking.wake(b, event, most)


def _park(b: ir.IRBuilder, holds: Callable[[], ir.Value], event: ir.Value) -> None:
    """Park until the next notification; yield the core where no thread can park."""
    if parking.parking() is None:
        parking.yield_core(b)
        return
    seen = b.load_atomic(_at(b, event, NOTIFICATIONS), ORDER, 8)
    b.atomic_rmw("add", _at(b, event, WAITERS), i64(1), ORDER)
    with b.if_then(b.not_(holds())):
        parking.wait(b, event, seen)
    b.atomic_rmw("sub", _at(b, event, WAITERS), i64(1), ORDER)


def do_while(b: ir.IRBuilder, holds: Callable[[], ir.Value]) -> None:
    """Loop while the condition holds; it has the loop's side effects too."""
    head, after = b.append_basic_block("while"), b.append_basic_block("after")
    b.branch(head)
    b.position_at_end(head)
    b.cbranch(holds(), head, after)
    b.position_at_end(after)


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


def worker_text() -> str:
    """The LLVM module of the function that a worker thread runs."""
    return _text(pool_memory.WORKER, [BLOCK, INT], _run_parts)


def stop_text() -> str:
    """The LLVM module of the function that begins a new generation."""
    return _text(pool_memory.STOP, [BLOCK], _next_generation)


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
